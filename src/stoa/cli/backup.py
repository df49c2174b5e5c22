"""Write all databases of a shop, as they are at one moment, and its files into a new folder; the shop may go on
selling.

    stoa backup /backups/monday          then, anywhere: stoa restore /backups/monday

A backup is worth what the shop is worth: it has the customers, the keys that sign tokens and, if it is in the data
directory, the secret. Only its owner may read the folder; keep it so. A secret that is given as STOA_SECRET is not in
it: keep that beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

import stoa
from stoa.app import STORED
from stoa.cli import backup_folder, installation
from stoa.cli.backup_folder import Backup
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.cli.seed import is_seeded
from stoa.runtime import dumps, files
from stoa.runtime import secrets as secrets_of
from stoa.runtime.access import Access
from stoa.runtime.data_dir import FILES
from stoa.runtime.failure import Failure
from stoa.runtime.moment import one_moment
from stoa.runtime.provision import check, left_behind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="to be made; it must not be there yet")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Into a folder beside it that is renamed when whole: what is cut short leaves no backup."""
    here = installation.installation_of(arguments)
    folder: Path = arguments.folder
    _check_new(folder)
    async with here.existing() as access:
        await check(access, STORED.values())
        with _filled(folder) as unfinished:
            backup = await _write(here, access, unfinished, console)
        left = await left_behind(access, STORED.values())
    size = sum(dump.bytes for dump in (*backup.dumps.values(), backup.files) if dump)
    console.say(f"The shop of {backup.at:%Y-%m-%dT%H:%M:%S.%fZ} is in {escape(str(folder))}: {size / 1e6:.1f} MB.")
    if not (folder / backup_folder.SECRETS).exists():
        console.say("The secret is not in it, because it is not in the data directory: keep it beside it.")
    if here.environ.get("STOA_MEDIA_STORE", "folder") != "folder":
        console.say("What media keeps elsewhere than in the data directory is not in it: back that up, too.")
    if left:
        console.say(f"Not in it: {', '.join(left)}, which nothing installed uses.")


def _check_new(folder: Path) -> None:
    if os.path.lexists(folder):
        raise Failure(f"{folder} is there already", "choose a new folder")


@contextlib.contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """A folder that is called `folder` when the block has filled it, and is gone when it has not."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    with files.writing(unfinished):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
    try:
        yield unfinished
        with files.writing(folder):
            unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


async def _write(here: Installation, access: Access, folder: Path, console: Console) -> Backup:
    console.expect(3)
    dsns = {name: access.dsn_of(service) for name, service in STORED.items()}
    async with contextlib.AsyncExitStack() as stack:
        with console.step("A moment of all databases") as step:
            moment = await stack.enter_async_context(one_moment(dsns))
            step.note = f"writers waited {moment.held_seconds * 1000:.0f} ms"
        with console.step("Dumps", total=len(dsns)) as step:
            for name, dsn in dsns.items():
                await dumps.dump(dsn, moment.snapshots[name], backup_folder.file_of(folder, name))
                step.advance()
        with console.step("Files"):
            copied = await backup_folder.copy_files(here.data_dir.path / FILES, folder / FILES)
    secret = files.read(here.data_dir.secrets)
    if secret is not None and secrets_of.VARIABLE not in here.environ:
        files.write(folder / backup_folder.SECRETS, secret)
    backup = Backup(
        stoa=stoa.__version__,
        postgresql=await here.check_server(access.dsn),
        name=access.name,
        at=moment.at,
        seeded=is_seeded(here.data_dir),
        dumps={name: await backup_folder.measured(backup_folder.file_of(folder, name)) for name in dsns},
        files=copied,
    )
    backup_folder.write(folder, backup)
    return backup
