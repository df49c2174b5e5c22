"""What a backup is: a folder with a dump of each service's database, the secret, and a page that says what it holds.

backup.json        what follows, written last
secrets.json       the installation's secret, if it is in the data directory
<service>.dump     what `pg_dump --format=custom` writes; `pg_restore` reads it without Stoa, too
files/             what services keep as files, a folder each, if there is anything
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from stoa.runtime import files
from stoa.runtime import secrets as secrets_of
from stoa.runtime.data_dir import FILES
from stoa.runtime.failure import Failure

FORMAT = 1
PAGE = "backup.json"
SECRETS = "secrets.json"


class Dump(msgspec.Struct):
    """What the file of a service must be; of the folder of files all of them together."""

    bytes: int
    sha256: str


class Backup(msgspec.Struct, kw_only=True):
    """Everything is of the moment `at`. `name` is the installation's, `seeded` whether it has had its demo shop."""

    format: int = FORMAT
    stoa: str
    postgresql: str
    name: str
    at: datetime
    seeded: bool
    dumps: Mapping[str, Dump]
    files: Dump | None = None


def file_of(folder: Path, service: str) -> Path:
    return folder / f"{service}.dump"


async def measured(file: Path) -> Dump:
    """What the file is."""
    return await asyncio.to_thread(_measure, file)


async def copy_files(source: Path, target: Path) -> Dump | None:
    """What lies in the one folder into the other, where it is not there yet; None where there is nothing.

    Files never change, and are there for days after the last row that names them: so what is copied after a moment has
    all that the rows of that moment name.
    """
    with files.writing(target):
        return await asyncio.to_thread(_copy, source, target)


async def measured_files(folder: Path) -> Dump | None:
    """What the folder of files is."""
    return await asyncio.to_thread(_measure_all, folder)


def write(folder: Path, backup: Backup) -> None:
    files.write(folder / PAGE, msgspec.json.format(msgspec.json.encode(backup)).decode() + "\n")


def read(folder: Path) -> Backup:
    """Raises `Failure` for what is no backup, or one of a newer Stoa."""
    text = files.read(folder / PAGE)
    if text is None:
        raise Failure(f"{folder} is no backup: it has no {PAGE}", "name a folder that `stoa backup` has written")
    try:
        if msgspec.json.decode(text, type=_Format).format > FORMAT:
            raise Failure(f"{folder} was written by a newer version of Stoa", "upgrade Stoa")
        return msgspec.json.decode(text, type=Backup)
    except msgspec.MsgspecError as error:
        raise Failure(f"{folder / PAGE} is damaged: {error}", "take another backup") from None


async def check(folder: Path, backup: Backup) -> None:
    """Raises `Failure` where a file is not what it was when it was written."""
    for service, dump in backup.dumps.items():
        file = file_of(folder, service)
        if not file.is_file() or await measured(file) != dump:
            raise Failure(f"{file} is not as it was written", "copy it again, or take another backup")
    if await measured_files(folder / FILES) != backup.files:
        raise Failure(f"{folder / FILES} is not as it was written", "copy it again, or take another backup")
    secret = folder / SECRETS
    if secret.exists():
        try:
            secrets_of.load(secret, {})
        except Failure:
            mend = "copy it again, or remove it: a new one is made"
            raise Failure(f"{secret} is not as it was written", mend) from None


class _Format(msgspec.Struct):
    format: int


def _measure(file: Path) -> Dump:
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return Dump(file.stat().st_size, digest)


def _copy(source: Path, target: Path) -> Dump | None:
    for file in _all(source):
        place = target / file.relative_to(source)
        if place.exists():
            continue
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = place.with_name(f".{place.name}")
        try:
            shutil.copyfile(file, beside)
        except FileNotFoundError:
            # It was nobody's for long, and was swept at this moment.
            continue
        beside.chmod(0o600)
        beside.rename(place)
    return _measure_all(target)


def _measure_all(folder: Path) -> Dump | None:
    size, digest = 0, hashlib.sha256()
    for file in _all(folder):
        one = _measure(file)
        size += one.bytes
        digest.update(f"{file.relative_to(folder).as_posix()} {one.sha256}\n".encode())
    return Dump(size, digest.hexdigest()) if size else None


def _all(folder: Path) -> Iterator[Path]:
    """Whole files, in order; nothing that is just being written (`#1`), or was when somebody died (`.name`)."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith(".") and "#" not in name:
                yield Path(place, name)
