"""Look over an installation: one line for each thing that can be wrong, and how to mend it.

Changes nothing. Exit status 1 if anything must be mended.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import asyncpg
from rich.markup import escape

import stoa
from stoa.app import SERVICES, STORED, hearers, unwritten
from stoa.cli import doctor_media, doctor_search, doctor_work, effective, installation, user
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.cli.installation import Installation
from stoa.cli.processes import running_processes
from stoa.cli.variables import of_others, told, told_of_others, unknown
from stoa.kit import clock, packages, stream_parked
from stoa.kit.db import Database
from stoa.kit.hearers import gone
from stoa.kit.problems import Problem, first_line
from stoa.runtime import account, files, secrets
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure, failure_of
from stoa.runtime.ports import listening_socket
from stoa.runtime.postgres import cluster_of, major_of
from stoa.runtime.probing import ask
from stoa.runtime.provision import Unreachable, connect, is_open, left_behind, told_of_its_own, waiting

OLDEST_PYTHON = (3, 11)
LOCK = Path(stoa.__file__).parents[2] / "requirements" / "run.txt"
"""Of the clone that we run from, if we do."""
_LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)
LARGEST_CLOCK_DIFFERENCE_SECONDS = 2.0
ASK_SECONDS = 5.0

CLOCKS_APART = timedelta(minutes=1)
LONGEST_LEAD = timedelta(days=1)  # a signing key is published some minutes before it signs

HAS_KEYS = "SELECT to_regclass('signing_keys') IS NOT NULL"
LATEST = """
    SELECT key, created_at AS session, user_id
    FROM (SELECT max(signs_from) FROM signing_keys) AS latest (key)
    LEFT JOIN (SELECT created_at, user_id FROM sessions WHERE ended_at IS NULL ORDER BY id DESC LIMIT 1) AS last ON true
"""

Check = Callable[[Installation], Awaitable[str]]
"""Says in a few words what it found good, or raises `Failure`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> int:
    """Every check, whatever the others find. What several find is told once."""
    here = installation.installation_of(arguments)
    told: set[str] = set()
    for name, check in CHECKS.items():
        try:
            console.say(f"[green]ok[/]      {name:<16} {escape(await check(here))}")
            continue
        except Failure as found:
            failure = found
        except Problem as problem:
            failure = failure_of(problem, "mend what stands above it, and look again")
        except asyncpg.PostgresError as error:
            failure = Failure(f"the database server says: {first_line(error)}", "mend that, and look again")
        if str(failure) in told:
            console.say(f"[dim]skip    {name:<16} for what is said above[/]")
            continue
        told.add(str(failure))
        console.say(f"[red]mend[/]    {name:<16} {escape(failure.what)}")
        console.say(f"        {'':<16} → {escape(failure.mend)}")
    return 1 if told else 0


async def _python(_here: Installation) -> str:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Failure(f"this is Python {found}", "install 3.11 or newer, remove .venv and run `make up`")
    return found


async def _binaries(here: Installation) -> str:
    if here.is_elsewhere:
        return "not needed with a database URL"
    server = account.programs(account.of_server()) / "postgres"
    try:
        ask = partial(subprocess.run, [server, "--version"], capture_output=True, text=True, check=True)
        said = await asyncio.to_thread(ask)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Failure(
            f"{server} does not run: {error}", "reinstall with `make clean up`, or use --database-url"
        ) from None
    return said.stdout.strip()


async def _data_dir(here: Installation) -> str:
    path = here.data_dir.path
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise Failure(f"{nearest} is not a folder that we may write to", "choose another --data-dir")
    if not path.exists():
        return f"{path} will be made"
    if path.stat().st_mode & 0o077:
        raise Failure(f"{path} is open to other users", f"run `chmod 700 {path}`")
    here.data_dir.check_layout()
    files.read(here.data_dir.admin)
    major = major_of(cluster_of(here.data_dir.postgres))
    if major and major != account.MAJOR:
        raise Failure(
            f"its database is of PostgreSQL {major}, and this is {account.MAJOR}", "choose another --data-dir"
        )
    return f"{path}, of the installation {here.name}"


async def _joined(here: Installation) -> str:
    """What is installed beside Stoa, and what it has left where it is gone."""
    said = packages.told() or ["none beside Stoa"]
    access = await here.found()
    if access is not None and (left := await left_behind(access, STORED.values())):
        said.append(f"nothing installed uses {', '.join(left)}, which stays as it is")
    return "; ".join(said)


async def _variables(here: Installation) -> str:
    if unread := unknown(here.environ, here.topology):
        raise Failure(told(unread), "write them as `docs/settings.md` does, or take them out")
    if others := of_others(here.environ, here.topology):
        raise Failure(told_of_others(others, here.topology), "name the --topology that you run, or take them out")
    return "every STOA_ variable is read"


async def _settings(here: Installation) -> str:
    listed = [each for _, settings in effective.sections(here.environ) for each in settings]
    wrong = [each.wrong for each in listed if each.wrong]
    if wrong:
        raise Failure("; ".join(wrong), "set them right, or leave them out for their defaults")
    changed = sum(each.source != "default" for each in listed)
    return f"{len(listed)}, {changed} of them from the environment; `stoa settings` lists them"


async def _packages(_here: Installation) -> str:
    locked = dict(_LOCKED.findall(LOCK.read_text(encoding="utf-8"))) if LOCK.exists() else {}
    found = {name: _version_of(name) for name in locked}
    others = [f"{name} {found[name]} ({locked[name]})" for name in locked if found[name] not in {None, locked[name]}]
    if others:
        raise Failure(f"not the versions that are locked: {', '.join(others)}", "run `make up`, which installs them")
    return f"{len(locked)} as locked" if locked else "installed without this clone's locks"


def _version_of(package: str) -> str | None:
    """None for one that is not here: as a rule it is not for this system."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


async def _secrets(here: Installation) -> str:
    for file in (here.data_dir.secrets, here.data_dir.admin):
        if files.is_open(file):
            raise Failure(f"{file} can be read by other users", f"run `chmod 600 {file}`")
    if here.data_dir.secrets.exists():
        await here.found()
        return "readable by us alone"
    await here.check_secret()
    if here.environ.get(secrets.VARIABLE):
        return "given"
    return "given one by one" if here.given or secrets.words_given(here.environ) else "will be made"


async def _credentials(here: Installation) -> str:
    """What was given one by one: a process's own, or the whole shop's."""
    words = secrets.words_given(here.environ)
    given = here.given
    if not words and not given:
        return "derived from the secret"
    for service, url in given.items():
        try:
            await (await connect(url)).close()
        except Unreachable as unreachable:
            raise told_of_its_own(service, unreachable) from None
    told = [f"{', '.join(given)} let in"] if given else []
    return "; ".join([*told, *([f"{', '.join(words)} given"] if words else [])])


async def _disk(here: Installation) -> str:
    path = here.data_dir.path.absolute()
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    if free < doctor_media.LEAST_FREE_BYTES:
        raise Failure(f"{free // 1_000_000} MB are free at {nearest}", "make room: a full disk stops the database")
    return f"{free / 1e9:.0f} GB free"


async def _topology(here: Installation) -> str:
    topology = topologies.load(here.topology, here.environ)
    return f"{topology.name}, {len(topology.processes)} processes" if len(topology.processes) > 1 else topology.name


async def _ports(here: Installation) -> str:
    topology = topologies.load(here.topology, here.environ)
    addresses = [address for plan in topology.processes for address in plan.addresses]
    ours = [address for address in addresses if address.host == topologies.LOOPBACK]
    if here.data_dir.is_in_use():
        return "Stoa runs on this data directory"
    for address in ours:
        listening_socket(address.host, address.port).close()
    return ", ".join(str(address.port) for address in ours) + " free"


async def _processes(here: Installation) -> str:
    """What they say of themselves where their operators are answered: those of `stoa up`, else the topology's."""
    up = bool(here.data_dir.probes())
    said = []
    for name, address in running_processes(here):
        alive, ready = await ask(address, "/healthz", ASK_SECONDS), await ask(address, "/readyz", ASK_SECONDS)
        if alive is None and not up:
            said.append(f"{name} does not run at {address}")
        elif alive is None or alive[0] != 200:
            raise Failure(f"{name} runs, and http://{address}/healthz does not answer that it is well", "restart it")
        elif ready is None or ready[0] != 200:
            why = " ".join(ready[1].decode(errors="replace").split()) if ready else "nothing"
            raise Failure(f"{name} is not ready: http://{address}/readyz answers {why}", "mend what it names")
        else:
            said.append(f"{name} is alive and ready at {address}")
    return ", ".join(said)


async def _database(here: Installation) -> str:
    access = await here.found()
    if access is not None:
        return f"PostgreSQL {await here.check_server(access.dsn)} answers"
    if here.data_dir.is_in_use():
        raise Failure(
            f"Stoa runs on {here.data_dir.path}, and its database server does not",
            f"it is started again within seconds; where not, {here.data_dir.postgres / 'log'} says why",
        )
    return "not running"


async def _server_log(here: Installation) -> str:
    access = await here.found()
    if access is None:
        return "asked when the database runs"
    connection = await connect(access.dsn)
    try:
        verbosity = await connection.fetchval("SHOW log_error_verbosity")
    finally:
        await connection.close()
    if verbosity != "terse":
        raise Failure(
            "the database server logs what it refuses with values of rows: e-mail addresses, ids of guests' carts",
            "set its log_error_verbosity to terse, and reload it",
        )
    return "without values of rows"


async def _databases(here: Installation) -> str:
    access = await here.found()
    if access is None:
        return "looked at when the database runs"
    missing = sum(map(len, (await waiting(access, STORED.values())).values()))
    opened = [access.role(service) for service in STORED.values() if await is_open(access, service)]
    if missing:
        raise Failure(f"{missing} migrations are waiting", "run `stoa migrate`")
    if opened:
        raise Failure(f"others than the service may connect to {', '.join(opened)}", "run `stoa migrate`")
    return "up to date, each closed to others"


async def _when_up_to_date(here: Installation, look: Callable[[Access], Awaitable[str]]) -> str:
    """What is found in databases, which have to run and have the tables of this code for it."""
    access = await here.found()
    if access is None:
        return "looked for when the database runs"
    if await waiting(access, STORED.values()):
        return "looked for when the databases are up to date"
    return await look(access)


async def _events(here: Installation) -> str:
    return await _when_up_to_date(here, _owed)


async def _owed(access: Access) -> str:
    async with every_database(access) as databases:
        for name, database in databases.items():
            for recipient, events in (await gone(database, hearers(STORED[name]))).items():
                raise Failure(
                    f"{recipient} is gone, and {name} owes it {events} events",
                    f'install it again, or run `stoa parked discard --service {recipient} --reason "…"`',
                )
    return "owed to nobody who is gone"


async def _behavior(here: Installation) -> str:
    """Who follows a topic that nobody writes any more, and what could not be handled."""
    for service in SERVICES.values():
        for topic in unwritten(service):
            raise Failure(
                f"{service.name} follows {topic}, which nobody writes", "install who did, or uninstall who follows"
            )
    return await _when_up_to_date(here, _not_handled)


async def _not_handled(access: Access) -> str:
    async with every_database(access) as databases:
        for name, database in databases.items():
            for parked in await stream_parked.by_topic(database):
                raise Failure(
                    f"{name} could not handle {parked.events} behavior events of {parked.topic}: {parked.error}",
                    "mend that and run `stoa parked --redrive`, or "
                    f'`stoa parked discard --topic {parked.topic} --reason "…"`',
                )
    return "handled by all who follow it"


async def _movements(here: Installation) -> str:
    return await _when_up_to_date(here, doctor_work.movements)


async def _imports(here: Installation) -> str:
    return await _when_up_to_date(here, doctor_work.imports)


async def _search(here: Installation) -> str:
    return await _when_up_to_date(here, partial(doctor_search.search_index, here))


async def _media(here: Installation) -> str:
    """Without a database too: whether this machine can keep files and make pictures is known before there is a shop."""
    access = await here.found()
    up_to_date = access is not None and not await waiting(access, STORED.values())
    return await doctor_media.media(here, access if up_to_date else None)


async def _administrator(here: Installation) -> str:
    return await _when_up_to_date(here, _who_administers)


async def _who_administers(access: Access) -> str:
    if await user.first_administrator(access) is None:
        raise Failure("nobody can sign in as administrator", "run `stoa user create EMAIL --role admin`")
    return "there is one"


async def _clock(here: Installation) -> str:
    access = await here.found()
    if access is None:
        return "compared when the database runs"
    connection = await connect(access.dsn)
    try:
        there: datetime = await connection.fetchval("SELECT clock_timestamp()")
    finally:
        await connection.close()
    apart = abs((clock.now() - there).total_seconds())
    if apart > LARGEST_CLOCK_DIFFERENCE_SECONDS:
        raise Failure(f"this clock and the database's are {apart:.1f} s apart", "let both follow NTP")
    await waiting(access, STORED.values())
    auth = Database("auth", access.dsn_of(STORED["auth"]), 1)
    try:
        await nothing_from_the_future(auth)
    finally:
        await auth.close()
    return "with the database's, and with what was made before"


async def nothing_from_the_future(auth: Database) -> None:
    """What auth has made should not be of a time to come: then the clock was ahead, or is behind now."""
    now = clock.now()
    row = await auth.fetchrow(LATEST) if await auth.fetchval(HAS_KEYS) else None
    if row is None:
        return
    key, session = row["key"], row["session"]
    if key is not None and key > now + LONGEST_LEAD:
        raise Failure(
            f"a key is to sign from {key:%Y-%m-%d %H:%M} UTC on: the clock was ahead then, or is behind now",
            "set the clock; where it is right now, run `stoa rotate-key --withdraw-others`",
        )
    if session is not None and session > now + CLOCKS_APART:
        raise Failure(
            f"{row['user_id']} signed in at {session:%Y-%m-%d %H:%M} UTC: the clock was ahead then, or is behind now",
            "set the clock; where it is right now, disable and enable the account, which ends its sessions",
        )


CHECKS: dict[str, Check] = {
    "Python": _python,
    "packages": _packages,
    "PostgreSQL": _binaries,
    "variables": _variables,
    "settings": _settings,
    "data directory": _data_dir,
    "secrets": _secrets,
    "credentials": _credentials,
    "disk": _disk,
    "topology": _topology,
    "ports": _ports,
    "processes": _processes,
    "database": _database,
    "server log": _server_log,
    "databases": _databases,
    "events": _events,
    "behavior": _behavior,
    "movements": _movements,
    "imports": _imports,
    "search index": _search,
    "media": _media,
    "joined": _joined,
    "administrator": _administrator,
    "clock": _clock,
}
