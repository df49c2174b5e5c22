"""Make a shop out of what `stoa backup` has written: all of it or nothing. `stoa up` starts it then.

    stoa restore /backups/monday --data-dir /srv/shop

It is never restored over a shop: the data directory may be new, and on a server of your own no database of the
installation's name may be there. The secret is that of the data directory or STOA_SECRET where there is one, else the
backup's. The shop goes on where it was at that moment, orders under way included: read docs/operations.md first.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from stoa.app import STORED
from stoa.cli import backup_folder, installation
from stoa.cli.backup_folder import Backup
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.cli.migrate import migrate
from stoa.cli.seed import mark_seeded
from stoa.runtime import dumps, files
from stoa.runtime import secrets as secrets_of
from stoa.runtime.access import Access
from stoa.runtime.data_dir import FILES
from stoa.runtime.failure import Failure
from stoa.runtime.restoring import restoring


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="that `stoa backup` has written")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Nothing is made before the backup has been looked through."""
    folder: Path = arguments.folder
    backup = backup_folder.read(folder)
    if unknown := sorted(backup.dumps.keys() - STORED.keys()):
        raise Failure(
            f"{folder} has the databases of {', '.join(unknown)}, and this Stoa has no such services",
            "restore it with what it was made with, then take away what you do not want",
        )
    console.expect(4)
    with console.step("Backup, unharmed"):
        await backup_folder.check(folder, backup)
    here = _named(installation.installation_of(arguments), backup)
    if not here.data_dir.is_in_use():
        _bring_secret(here, folder)
    async with here.own() as access:
        await backup_folder.copy_files(folder / FILES, here.data_dir.path / FILES)
        await _fill(access, folder, backup, console)
        if backup.seeded:
            # At once: the next start would add the demo shop to one that was cut short while it was migrated.
            mark_seeded(here.data_dir)
        await migrate(console, access, STORED.values())
    console.say(f"The shop of {backup.at:%Y-%m-%dT%H:%M:%S.%fZ} is in {escape(str(here.data_dir.path))}.")
    console.say("What was sold after that moment is not in it, and the payment provider still has its money.")


def _named(here: Installation, backup: Backup) -> Installation:
    """The name that is asked for, or the data directory has; else the backup's."""
    return here if here.given_name or here.data_dir.has_name() else replace(here, given_name=backup.name)


def _bring_secret(here: Installation, folder: Path) -> None:
    """Where the shop will be, unless there is one: passwords come from it, and the proof in guests' visitor ids."""
    kept = files.read(folder / backup_folder.SECRETS)
    if kept is None or secrets_of.VARIABLE in here.environ or here.data_dir.secrets.exists():
        return
    with files.writing(here.data_dir.path):
        here.data_dir.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(here.data_dir.secrets, kept)


async def _fill(access: Access, folder: Path, backup: Backup, console: Console) -> None:
    services = [STORED[name] for name in backup.dumps]
    async with restoring(access, services) as databases:
        with console.step("Databases", total=len(services)) as step:
            for service in services:
                await dumps.load(databases.dsn_of(service), backup_folder.file_of(folder, service.name))
                step.advance()
        with console.step("All in their places"):
            await databases.skip_numbers(backup.at)
            await databases.put_in_place()
