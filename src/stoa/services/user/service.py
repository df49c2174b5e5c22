"""What the acts of user work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.db import Database

if TYPE_CHECKING:
    from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceAsyncStub
    from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceAsyncStub
    from stoa.kit.outbox import Outbox


@dataclass(frozen=True)
class Users:
    db: Database
    auth: AuthServiceAsyncStub
    outbox: Outbox
    media: MediaServiceAsyncStub
