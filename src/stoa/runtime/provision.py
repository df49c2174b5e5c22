"""A database and a login role for each service, on the embedded server or on any PostgreSQL from 15 on.

Everything here can be repeated: what is there is left as it is, and a start that finds every database
up to date does nothing but look. Nothing is taken over: a role that does not let us in has the password of
another secret, a database of the name may be somebody else's, and then nothing at all is done.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import asyncpg

from stoa.kit.db import says_disk_full
from stoa.kit.migrate import MigrationError, NoAnswer, migrate, pending, service_folders
from stoa.kit.problems import first_line
from stoa.kit.service import Service, folder_of
from stoa.runtime.access import Access, place_of, variable_of_url, without_password
from stoa.runtime.failure import MAKE_ROOM, Failure

OLDEST = 15
_SCRAM_ROUNDS = 4096
_CONNECT_SECONDS = 10
_TURN_SECONDS = 120

# Roles are of all databases of a server, so one installation provides at a time. An advisory lock is of one database:
# that of the administrator's URL.
_TAKE_TURN = "SELECT pg_advisory_lock(5704194)"

_FOUND = """
    SELECT name, role.oid IS NOT NULL AS has_role, pg_get_userbyid(database.datdba) AS owner,
        coalesce(has_database_privilege('public', database.oid, 'CONNECT, TEMPORARY'), false) AS is_open
    FROM unnest($1::text[]) AS name
    LEFT JOIN pg_roles AS role ON role.rolname = name
    LEFT JOIN pg_database AS database ON database.datname = name
"""

# A service's name has no underscore: what has one is another installation's.
_OF_SERVICES = "SELECT datname FROM pg_database WHERE datname ~ $1 AND pg_get_userbyid(datdba) = datname"

_IS_OPEN = "SELECT has_database_privilege('public', current_database(), 'CONNECT, TEMPORARY')"

Report = Callable[[str, int], None]
"""Told which service is ready and how many migrations that took."""


class Found(NamedTuple):
    """What a server has of a name: `owner` is None where there is no database."""

    has_role: bool
    owner: str | None
    is_open: bool


def migrations_of(service: Service) -> list[Path]:
    return service_folders(folder_of(service))


async def prepare(access: Access, services: Iterable[Service], report: Report, *, new_secret: bool = False) -> None:
    """See that every service has its database, that it is closed to others, and that it is migrated, all at once.

    Raises `Failure`; where a role or a database is not this installation's, before anything was changed. `new_secret`
    gives roles that have the passwords of another secret those of ours.
    """
    asked = tuple(services)
    async with turn_of(access) as admin:
        await _provide(admin, access, asked, new_secret=new_secret)
    try:
        async with asyncio.TaskGroup() as group:
            for service in asked:
                group.create_task(_migrate(access, service, report))
    except* MigrationError as failures:
        # All the same for whoever reads it: the first to fail stopped the others.
        raise _first(failures) from None


async def waiting(access: Access, services: Iterable[Service]) -> dict[str, list[str]]:
    """The migrations that databases lack, by the service's name; nothing of those that lack none.

    Raises `Failure` where one is newer, changed, silent, not there, or another installation's: for each command that
    uses databases the same check, and the same words.
    """
    asked = tuple(services)
    missing = await asyncio.gather(*(_pending(access, service) for service in asked))
    strangers = [service for service, names in zip(asked, missing, strict=True) if names is None]
    if strangers:
        raise await _not_ours(access, strangers)
    return {service.name: names for service, names in zip(asked, missing, strict=True) if names}


async def check(access: Access, services: Iterable[Service]) -> None:
    """The same, and raises `Failure` also where a database lacks a migration."""
    for name, missing in (await waiting(access, services)).items():
        raise Failure(f"the database of {name} lacks {len(missing)} migrations", "run `stoa migrate`")


async def _pending(access: Access, service: Service) -> list[str] | None:
    """What the service's database lacks; None where it does not let us in."""
    dsn = access.dsn_of(service)
    try:
        return await pending(dsn, service.name, migrations_of(service))
    except NoAnswer as silent:
        unreachable = Unreachable(dsn, silent.__cause__ or silent)
        if unreachable.refused and service.name not in access.given:
            return None
        if isinstance(unreachable.error, asyncpg.InvalidCatalogNameError):
            raise Failure(f"there is no database {access.role(service)}", "run `stoa migrate`") from None
        raise told_of_its_own(service.name, unreachable) if service.name in access.given else unreachable from None
    except MigrationError as error:
        raise as_failure(error) from None


async def left_behind(access: Access, services: Iterable[Service]) -> list[str]:
    """The databases that were made for a service which is not among these, as a package's that is gone."""
    connection = await connect(access.dsn)
    try:
        rows = await connection.fetch(_OF_SERVICES, f"^{access.name}_[a-z][a-z0-9]*$")
    finally:
        await connection.close()
    return sorted({row["datname"] for row in rows} - {access.role(service) for service in services})


async def is_open(access: Access, service: Service) -> bool:
    """Whether others than the service may connect to its database. Raises `Failure` where it does not answer."""
    connection = await connect(access.dsn_of(service))
    try:
        return bool(await connection.fetchval(_IS_OPEN))
    finally:
        await connection.close()


async def close(access: Access, service: Service) -> None:
    """Take the right to connect from everybody but the service, as which this is done: it owns the database."""
    connection = await connect(access.dsn_of(service))
    try:
        await _close(connection, access.role(service))
    finally:
        await connection.close()


async def known_roles(admin_dsn: str, roles: Iterable[str]) -> list[str]:
    """Which of the roles are there, whatever their passwords. Raises `Failure` where the server does not answer."""
    connection = await connect(admin_dsn)
    try:
        found = await found_of(connection, roles)
    finally:
        await connection.close()
    return [name for name, each in found.items() if each.has_role]


async def check_server(admin_dsn: str) -> str:
    """The server's version. Raises `Failure` where it does not answer or is too old."""
    connection = await connect(admin_dsn)
    try:
        version = connection.get_server_version()
    finally:
        await connection.close()
    if version.major < OLDEST:
        raise Failure(
            f"the database server is PostgreSQL {version.major}, and Stoa needs {OLDEST} or newer",
            "upgrade it, or leave --database-url out for the embedded one",
        )
    # asyncpg keeps the minor version of PostgreSQL 10 and newer in the third place.
    return f"{version.major}.{version.micro}"


class Unreachable(Failure):
    """A server that does not answer, or does not let us in; `error` is what it said."""

    def __init__(self, dsn: str, error: BaseException) -> None:
        super().__init__(
            f"the database at {place_of(dsn)} cannot be reached: {without_password(first_line(error), dsn)}",
            MAKE_ROOM
            if says_disk_full(error)
            else "check --database-url (postgresql://user:password@host:port/postgres) and that the server runs",
        )
        self.error = error

    @property
    def refused(self) -> bool:
        """Whether it was the role or its password."""
        return isinstance(self.error, asyncpg.InvalidAuthorizationSpecificationError)


async def connect(dsn: str) -> asyncpg.Connection:
    """A connection. Raises `Unreachable`, which names the server but not the password."""
    try:
        return await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unreachable(dsn, error) from None


@contextlib.asynccontextmanager
async def turn_of(access: Access) -> AsyncIterator[asyncpg.Connection]:
    """A connection as administrator, alone in providing for the block."""
    connection = await connect(access.dsn)
    try:
        await connection.execute(f"SET lock_timeout = '{_TURN_SECONDS}s'")
        await connection.execute(_TAKE_TURN)
        yield connection
    except asyncpg.LockNotAvailableError:
        raise Failure(
            f"another installation has been made on this server for {_TURN_SECONDS} s", "try again when it is done"
        ) from None
    except asyncpg.PostgresError as error:
        raise Failure(
            f"the databases of {access.name} cannot be made: {first_line(error).rstrip('.')}",
            MAKE_ROOM if says_disk_full(error) else "give a --database-url whose user may create roles and databases",
        ) from None
    finally:
        await connection.close()


async def _provide(admin: asyncpg.Connection, access: Access, asked: Iterable[Service], *, new_secret: bool) -> None:
    """Look at all before anything is done for one."""
    services = {access.role(service): service for service in asked}
    found = await found_of(admin, services)
    for name, each in found.items():
        if each.owner not in {None, name}:
            raise Failure(f"the database {name} belongs to {each.owner}", "choose another --name")
    await make_roles(admin, access, services, found, new_secret=new_secret)
    for name, each in found.items():
        if each.owner is None:
            await make_database(admin, name, owner=name)
        elif each.is_open:
            await _close(admin, name)


async def make_roles(
    admin: asyncpg.Connection,
    access: Access,
    services: Mapping[str, Service],
    found: Mapping[str, Found],
    *,
    new_secret: bool = False,
) -> None:
    """Those that are missing, by their names. Raises `Failure`, and makes none, where one has another secret's
    password."""
    ours = [service for name, service in services.items() if found[name].has_role]
    let_in = await asyncio.gather(*(_is_let_in(access, service) for service in ours))
    strangers = [service for service, lets in zip(ours, let_in, strict=True) if not lets]
    if strangers and not new_secret:
        raise _another_secret(access, strangers)
    for name, service in services.items():
        if not found[name].has_role or service in strangers:
            verb = "ALTER" if found[name].has_role else "CREATE"
            await admin.execute(f"{verb} ROLE {name} LOGIN PASSWORD '{_scram(access.password_of(service))}'")


async def make_database(admin: asyncpg.Connection, name: str, owner: str) -> None:
    """An empty one, to which nobody but its owner may connect."""
    # The administrator of a managed server is no superuser: it must be a member to give a database away.
    await admin.execute(f"GRANT {owner} TO CURRENT_USER")
    await admin.execute(f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 {_locale(admin)}")
    await _close(admin, name)


async def found_of(connection: asyncpg.Connection, names: Iterable[str]) -> dict[str, Found]:
    """By name, what is there of each, whatever the passwords."""
    rows = await connection.fetch(_FOUND, list(names))
    return {row["name"]: Found(row["has_role"], row["owner"], row["is_open"]) for row in rows}


async def _close(connection: asyncpg.Connection, database: str) -> None:
    await connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {database} FROM PUBLIC")


async def _is_let_in(access: Access, service: Service) -> bool:
    """Whether the service's role has the password that we know; it may have no database yet."""
    try:
        connection = await connect(access.dsn_of(service))
    except Unreachable as unreachable:
        if unreachable.refused:
            return False
        if isinstance(unreachable.error, asyncpg.InvalidCatalogNameError):
            return True
        raise told_of_its_own(service.name, unreachable) if service.name in access.given else unreachable from None
    await connection.close()
    return True


async def _migrate(access: Access, service: Service, report: Report) -> None:
    dsn, folders = access.dsn_of(service), migrations_of(service)
    missing = await pending(dsn, service.name, folders)
    report(service.name, len(await migrate(dsn, service.name, folders)) if missing else 0)


def _locale(connection: asyncpg.Connection) -> str:
    """The order by code point that the embedded server has, or the nearest that an older one offers."""
    if connection.get_server_version().major >= 17:
        return "ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
    return "ENCODING 'UTF8' LC_COLLATE 'C'"


def _scram(password: str) -> str:
    """The verifier that PostgreSQL would store (RFC 5803), so that no password stands in its log of statements."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _SCRAM_ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${_SCRAM_ROUNDS}:{salt_text}${stored_text}:{server_text}"


async def _not_ours(access: Access, services: Iterable[Service]) -> Failure:
    """Why the server does not let these in: it does not have them, or has them of another secret."""
    asked = {access.role(service): service for service in services}
    try:
        there = await known_roles(access.dsn, asked)
    except Unreachable:
        there = list(asked)  # the URL of a single process may be no administrator's: then it cannot be asked
    if there:
        return _another_secret(access, [asked[role] for role in there])
    return Failure(
        f"there is no shop {access.name} on the server at {place_of(access.dsn)}: it has no role {next(iter(asked))}",
        "make it with `stoa migrate`, or choose another --name or --database-url",
    )


def told_of_its_own(service: str, unreachable: Unreachable) -> Failure:
    """The same of a URL that is the service's own, by its variable."""
    if unreachable.mend == MAKE_ROOM:
        return unreachable
    mend = (
        "set it to the one with which `stoa migrate` made the role"
        if unreachable.refused
        else "check it, and that the server runs"
    )
    return Failure(f"{variable_of_url(service)}: {unreachable.what}", mend)


def _another_secret(access: Access, services: Collection[Service]) -> Failure:
    if own := [variable_of_url(service.name) for service in services if service.name in access.given]:
        return Failure(
            f"roles on the server at {place_of(access.dsn)} have other passwords than those of {', '.join(own)}",
            "set them to the ones that the roles have; `stoa migrate --new-secret` gives the roles these",
        )
    roles = ", ".join(access.role(service) for service in services)
    return Failure(
        f"the roles on the server at {place_of(access.dsn)} have the passwords of another secret ({roles})",
        "restore the secrets.json or STOA_SECRET that they were made with, or choose another --name for another "
        "installation; if that secret is lost, `stoa migrate --new-secret` gives them new passwords",
    )


def _first(group: BaseExceptionGroup[MigrationError]) -> Failure:
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return as_failure(leaf)


def as_failure(error: BaseException) -> Failure:
    """What a migration says, for a terminal."""
    what, _, mend = str(error).rpartition(": ")
    return Failure(what, MAKE_ROOM if says_disk_full(error.__cause__) else mend)
