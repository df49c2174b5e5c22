"""The files of an index: a folder for each generation, and the name of the one that counts.

    current              the name of the generation, put there in one step
    lock                 held by the process that has it open
    <name>/format.json   which version of this code, and which locales
    <name>/…             tantivy's

An index that is filled anew is another generation. One that was never named is what a process that ended left behind,
and goes when the folder is opened.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from tantivy.tantivy import __version__ as tantivy_version

from stoa.ports.search import InUse
from stoa.services.search.index.fields import FORMAT

_CURRENT = "current"
_FORMAT = "format.json"
_LOCK = "lock"
_FOOTER = struct.Struct("<II")
_MAGIC = 1337
_AT_ONCE = 1 << 20


class Folder:
    def __init__(self, path: Path, locales: Sequence[str]) -> None:
        """Raises `InUse`."""
        self._path = path
        self._locales = locales
        path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Before a look at any file: whoever writes takes files away. It ends with the process, however that ends.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise InUse(f"Another process has the index in {path} open.") from None

    def release(self) -> None:
        """Others may open it."""
        os.close(self._lock)

    def current(self) -> tuple[Path | None, str]:
        """The folder of the generation that counts, or None and why there is none to be used."""
        return usable(self._path, self._locales)

    def new(self) -> Path:
        """The folder of another generation, which does not count yet."""
        taken = [int(path.name) for path in self._path.iterdir() if path.name.isdigit()]
        folder = self._path / str(max(taken, default=0) + 1)
        folder.mkdir()
        (folder / _FORMAT).write_text(json.dumps(_format_of(self._locales)))
        return folder

    def let_count(self, folder: Path) -> None:
        """From now on it is this one, for whoever opens it next too."""
        aside = self._path / f"{_CURRENT}.new"
        with aside.open("w") as file:
            file.write(folder.name)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path / _CURRENT)
        _sync(self._path)

    def sweep(self, kept: Path) -> None:
        """Remove the generations but this one."""
        for path in self._path.iterdir():
            if path.name.isdigit() and path != kept:
                shutil.rmtree(path, ignore_errors=True)


def usable(path: Path, locales: Sequence[str]) -> tuple[Path | None, str]:
    """The folder of the generation that counts, or None and why there is none to be used."""
    try:
        name = (path / _CURRENT).read_text()
    except FileNotFoundError:
        return None, "There was no index."
    except (OSError, ValueError) as error:
        return None, f"The index was damaged: {error}."
    folder = path / name
    if not name.isdigit() or not folder.is_dir():
        return None, "The index was damaged: its files are not there."
    try:
        kept = json.loads((folder / _FORMAT).read_bytes())
    except (OSError, ValueError) as error:
        return None, f"The index was damaged: {error}."
    if kept != _format_of(locales):
        return None, "The index was of another version, or of other locales."
    wrong = damage(folder)
    return (None, f"The index was damaged: {wrong}.") if wrong else (folder, "")


def _format_of(locales: Sequence[str]) -> dict[str, object]:
    return {"format": FORMAT, "tantivy": tantivy_version, "locales": list(locales)}


def damage(folder: Path) -> str | None:
    """What is wrong with tantivy's files. Each ends with its checksum, which tantivy does not compare when it opens."""
    try:
        # A process that was killed leaves files behind that it had not committed: they do not matter.
        committed = {
            one["segment_id"].replace("-", "") for one in json.loads((folder / "meta.json").read_bytes())["segments"]
        }
        for path in sorted(folder.iterdir()):
            if path.name.partition(".")[0] in committed and not _is_whole(path):
                return f"{path.name} is not what was written"
    except (OSError, ValueError, LookupError, TypeError) as error:
        return str(error)
    return None


def _is_whole(path: Path) -> bool:
    size = path.stat().st_size
    if size < _FOOTER.size:
        return False
    with path.open("rb") as file:
        file.seek(size - _FOOTER.size)
        length, magic = _FOOTER.unpack(file.read(_FOOTER.size))
        if magic != _MAGIC or length > size - _FOOTER.size:
            return False
        left = size - _FOOTER.size - length
        file.seek(left)
        footer = json.loads(file.read(length))
        file.seek(0)
        checksum = 0
        while left:
            part = file.read(min(left, _AT_ONCE))
            if not part:
                return False
            checksum = zlib.crc32(part, checksum)
            left -= len(part)
    return isinstance(footer, dict) and footer.get("crc") == checksum


def _sync(folder: Path) -> None:
    at = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)
