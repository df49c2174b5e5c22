"""The small files of an installation: whole or not there, whatever happens while one is written."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from stoa.runtime.failure import Failure

log = logging.getLogger(__name__)

_ROOM, _RIGHT, _FOLDER = "make room on its disk", "let whoever starts Stoa write there", "see that its folder is there"
_MENDS: Mapping[int | None, str] = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.EROFS: _RIGHT,
    errno.ENOENT: _FOLDER,
    errno.ENOTDIR: _FOLDER,
}
_LEAST_ROOM_BYTES = 16 * 1024 * 1024


def read(file: Path) -> str | None:
    """Its text; None where there is no such file. Raises `Failure` for one that cannot be read, or is no text."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Failure(f"{file} is damaged: it is no text", "restore it from a backup") from None
    except PermissionError:
        raise Failure(f"{file} cannot be read", "start Stoa as the user that it was first started as") from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", "see what it is, and restore it") from None


def write(file: Path, text: str) -> None:
    """Readable by us alone. Written beside, brought to the disk and renamed: a crash leaves the old text or the new.

    Raises `Failure` where that cannot be done, and then leaves what was there.
    """
    with writing(file):
        handle, scratch = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(scratch).replace(file)
        except OSError:
            Path(scratch).unlink(missing_ok=True)
            raise
        _sync_names(file.parent)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the system refuses to do with `path` within the block is a `Failure` that says how to mend it."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror}", mend_of(error)) from None


def mend_of(error: OSError) -> str:
    """What to do about a file or folder that the system did not let us write."""
    return _MENDS.get(error.errno, "see what it is")


def is_full(error: OSError) -> bool:
    """Whether it means that there is no room."""
    return _MENDS.get(error.errno) == _ROOM


def is_disk_full(folder: Path) -> bool:
    """Whether there is less room than a database server needs to start: a segment of its log."""
    return shutil.disk_usage(folder).free < _LEAST_ROOM_BYTES


def is_open(file: Path) -> bool:
    """Whether others than its owner may read or write it; not where there is no such file."""
    return file.is_file() and bool(stat.S_IMODE(file.stat().st_mode) & 0o077)


def close(file: Path) -> None:
    """Take it from others where it is open to them, and say so: who could read it has read it, for all we know."""
    if not is_open(file):
        return
    try:
        file.chmod(0o600)
    except OSError as error:
        log.warning("others can read %s, and that cannot be changed: %s", file, error.strerror)
    else:
        log.warning("others could read %s; not any more", file)


def _sync_names(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
