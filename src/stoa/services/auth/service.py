"""What the acts of auth work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.kit.db import Database
from stoa.kit.permissions import Permissions
from stoa.services.auth.hashing import Hashing
from stoa.services.auth.keyed_locks import KeyedLocks
from stoa.services.auth.keyring import Keyring
from stoa.services.auth.settings import Settings

if TYPE_CHECKING:
    from stoa.kit.outbox import Outbox
    from stoa.kit.tokens import Verifier


@dataclass(frozen=True)
class Auth:
    db: Database
    outbox: Outbox
    verifier: Verifier
    settings: Settings
    hashing: Hashing
    keyring: Keyring
    locks: KeyedLocks
    permissions: Permissions
