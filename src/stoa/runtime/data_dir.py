"""The folder that holds an installation: the database, the secrets, the first admin's password.

lock           held by the one `stoa up` or `stoa postgres` that runs here
layout         the version of this list: a newer one is refused
secrets.json   0600
admin.txt      0600, written by the first start
postgres/      the embedded server (stoa.runtime.postgres)
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stoa.runtime.failure import Failure

LAYOUT = 1


@dataclass(frozen=True)
class DataDir:
    """The folder `path`; nothing is made before `open` is called."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def admin(self) -> Path:
        return self.path / "admin.txt"

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Make the folder if need be and be alone in it for the block. Raises `Failure`."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Failure(
                f"the data directory {self.path} cannot be used: {error.strerror}",
                "choose another with --data-dir",
            ) from None
        try:
            self._take(lock)
            self.check_layout()
            (self.path / "layout").write_text(f"{LAYOUT}\n")
            yield
        finally:
            # The kernel lets go of it too when we are killed.
            os.close(lock)

    def is_in_use(self) -> bool:
        """Whether a `stoa up` or `stoa postgres` runs here."""
        try:
            lock = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(lock)

    def _take(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode().strip()
            raise Failure(
                f"Stoa already runs on {self.path} (process {holder})",
                "stop it first, or choose another --data-dir and --port",
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def check_layout(self) -> None:
        """Raises `Failure` for a folder of a newer Stoa."""
        file = self.path / "layout"
        if file.exists() and file.read_text().strip() != str(LAYOUT):
            raise Failure(
                f"the data directory {self.path} was written by a newer version of Stoa",
                "upgrade Stoa, or choose another --data-dir",
            )
