"""The folder that holds an installation: the database, the secrets, the first admin's password.

lock           held by the one `stoa up` or `stoa postgres` that runs here: its process id, and where its processes
               answer their operators
layout         the version of this list: a newer one is refused
name           of the installation: its databases and roles begin with it
secrets.json   0600
admin.txt      0600, written by the first start
seeded         the demo shop was set up (stoa.cli.seed)
postgres/      the embedded server (stoa.runtime.postgres)
files/         what services keep as files, a folder each
cache/         what they can make anew: a folder for each process, and in it one for each service
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stoa.runtime import files
from stoa.runtime.access import DEFAULT_NAME, checked_name
from stoa.runtime.failure import Failure
from stoa.runtime.topology import Address, address_of

LAYOUT = 1
FILES = "files"
CACHE = "cache"
_LONGEST_LOCK_BYTES = 10_000
_OURS = frozenset(("lock", "layout", "name", "secrets.json", "admin.txt", "seeded", "postgres", FILES, CACHE))
_NOBODYS = "lost+found"
"""What a file system has at its root."""


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
    def open(self, name: str, probes: Mapping[str, Address] | None = None) -> Iterator[None]:
        """Make the folder if need be, for the installation of that name, and be alone in it for the block.

        `probes` is where the processes that will run answer their operators, by their names. Raises `Failure`.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_is_ours()
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Failure(
                f"the data directory {self.path} cannot be used: {error.strerror}",
                f"{files.mend_of(error)}, or choose another with --data-dir",
            ) from None
        try:
            self._take(lock, probes or {})
            self.check_layout()
            # The layout last: a folder that has one and no name is from before there were names.
            for file, text in ((self._name, name), (self.path / "layout", str(LAYOUT))):
                if not file.exists():
                    files.write(file, f"{text}\n")
            yield
        finally:
            # The kernel lets go of it too when we are killed.
            os.close(lock)

    def is_in_use(self) -> bool:
        """Whether a `stoa up` or `stoa postgres` runs here."""
        return self._holder() is not None

    def probes(self) -> list[tuple[str, Address]]:
        """The processes of the `stoa up` that runs here, and where each answers its operators; none where none does."""
        lines = (line.partition(" ") for line in (self._holder() or [])[1:])
        return [(name, address) for name, _, text in lines if (address := address_of(text)) is not None]

    def _holder(self) -> list[str] | None:
        """What who holds the lock wrote down; None where nobody does."""
        try:
            lock = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.pread(lock, _LONGEST_LOCK_BYTES, 0).decode(errors="replace").splitlines()
        else:
            return None
        finally:
            os.close(lock)

    def _take(self, lock: int, probes: Mapping[str, Address]) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = "".join((self._holder() or [])[:1])
            raise Failure(
                f"Stoa already runs on {self.path} (process {process})",
                "stop it first, or choose another --data-dir and --port",
            ) from None
        lines = [str(os.getpid()), *(f"{name} {address}" for name, address in probes.items())]
        with files.writing(self.path / "lock"):
            os.ftruncate(lock, 0)
            os.pwrite(lock, "".join(f"{line}\n" for line in lines).encode(), 0)

    def _check_is_ours(self) -> None:
        """Raises `Failure` for a folder of something else, which a typing error would mix with a shop."""
        names = sorted(entry.name for entry in self.path.iterdir())
        others = [name for name in names if name not in _OURS and name != _NOBODYS and not name.startswith(".")]
        if others and not self.has_name():
            more = f" and {len(others) - 1} more" if len(others) > 1 else ""
            raise Failure(
                f"{self.path} holds something else than a shop: {others[0]}{more}",
                "choose a folder that is empty or new with --data-dir",
            )

    def check_layout(self) -> None:
        """Raises `Failure` for a folder of a newer Stoa."""
        file = self.path / "layout"
        text = files.read(file)
        if text is None or text.strip() == str(LAYOUT):
            return
        if text.strip().isdecimal():
            raise Failure(
                f"the data directory {self.path} was written by a newer version of Stoa",
                "upgrade Stoa, or choose another --data-dir",
            )
        raise Failure(f"{file} is damaged: it holds no version", f"if this version wrote it, put {LAYOUT} into it")

    def name(self, given: str) -> str:
        """The installation's: what it was first started with, or what is `given` (or its default) for a new one.

        Raises `Failure` where the two differ, which would make another installation beside this one.
        """
        kept = files.read(self._name)
        if kept is None:
            # Until there were names all had this one.
            old = (self.path / "layout").exists()
            kept = DEFAULT_NAME if old else given or DEFAULT_NAME
        kept = kept.strip()
        if not kept:
            raise Failure(f"{self._name} is damaged: it is empty", "put the installation's name into it")
        if given and given != kept:
            raise Failure(
                f"the installation in {self.path} is named {kept}, not {given}",
                "leave --name and STOA_NAME out, or choose another --data-dir",
            )
        return checked_name(kept)

    def has_name(self) -> bool:
        """Whether an installation was started here."""
        return self._name.exists() or (self.path / "layout").exists()

    @property
    def _name(self) -> Path:
        return self.path / "name"
