"""What the acts of media work with."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from stoa.kit.crash_points import Reach
from stoa.kit.db import CallInsideTransaction, Database
from stoa.kit.outbox import Outbox
from stoa.kit.problems import with_type
from stoa.ports.asking import answer_of
from stoa.ports.media import Absent, MediaStore, Opened
from stoa.services.media.errors import StorageUnavailable, unwritable
from stoa.services.media.seldom import Seldom
from stoa.services.media.settings import Settings

if TYPE_CHECKING:
    from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceAsyncStub
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.user.v1.user_pb2_grpc import UserServiceAsyncStub

_failures = Seldom(logging.getLogger(__name__))

T = TypeVar("T")

STORAGE_SECONDS = 60.0
"""For a file to be put into a bucket far away."""
OPENING_SECONDS = 10.0
LEFT_SECONDS = 3600.0
"""No upload takes as long, and no picture."""


@dataclass(frozen=True)
class Media:
    """`store` is asked by the methods here: never in a transaction, and no longer than it may take. `scratch` is where
    this process has what it is at work on."""

    db: Database
    outbox: Outbox
    settings: Settings
    store: MediaStore
    scratch: Path
    reach: Reach
    auth: AuthServiceAsyncStub
    catalog: CatalogServiceAsyncStub
    user: UserServiceAsyncStub

    async def put(self, key: str, file: Path) -> None:
        """Raises `StorageUnavailable`."""
        await self._ask(self.store.put(key, file), STORAGE_SECONDS)

    async def open(self, key: str) -> Opened:
        """Raises `Absent`, `StorageUnavailable`."""
        return await self._ask(self.store.open(key), OPENING_SECONDS)

    async def remove(self, keys: Sequence[str]) -> None:
        """Raises `StorageUnavailable`."""
        await self._ask(self.store.remove(keys), STORAGE_SECONDS)

    async def _ask(self, asked: Coroutine[Any, Any, T], seconds: float) -> T:
        try:
            return await answer_of("the storage", asked, seconds, StorageUnavailable())
        except (Absent, StorageUnavailable, CallInsideTransaction):
            raise
        except Exception as error:
            _failures.tell(logging.WARNING, "the storage of files failed", why=with_type(error))
            raise StorageUnavailable from error

    def tidy(self) -> None:
        """Remove what a process was at work on when it was killed: of now something may be under way, in a command that
        runs beside the shop."""
        before = time.time() - LEFT_SECONDS
        for each in self.scratch.iterdir() if self.scratch.is_dir() else ():
            if each.stat().st_mtime < before:
                shutil.rmtree(each, ignore_errors=True)

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A folder of this process, gone after the block. Raises `StorageUnavailable` where none can be made."""
        try:
            self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = TemporaryDirectory(dir=self.scratch)
        except OSError as error:
            raise unwritable(error) from error
        with folder as name:
            yield Path(name)
