"""A database and a login role for each service, on the embedded server or on any PostgreSQL from 15 on.

Everything here can be repeated: what is there is left as it is, and a start that finds every database
up to date does nothing but look.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

import stoa.services
from stoa.kit.migrate import ChangedMigration, MigrationError, NewerSchema, migrate, pending, service_folders
from stoa.kit.service import Service
from stoa.runtime.failure import Failure
from stoa.runtime.secrets import Secrets

OLDEST = 15
_SCRAM_ROUNDS = 4096
_CONNECT_SECONDS = 10

Report = Callable[[str, int], None]
"""Told which service is ready and how many migrations that took."""


def service_dsn(admin_dsn: str, service: Service, secrets: Secrets) -> str:
    """How a service connects: the administrator's URL with the service's database, role and password."""
    url = urlsplit(admin_dsn)
    host = url.netloc.rpartition("@")[2]
    password = quote(secrets.role(service.role), safe="")
    return url._replace(netloc=f"{service.role}:{password}@{host}", path=f"/{service.role}").geturl()


def migrations_of(service: Service) -> list[Path]:
    return service_folders(Path(str(stoa.services.__file__)).parent / service.name)


async def prepare(admin_dsn: str, secrets: Secrets, services: Iterable[Service], report: Report) -> None:
    """See that every service has its database and that it is migrated, all at once. Raises `Failure`."""
    await check_server(admin_dsn)
    try:
        async with asyncio.TaskGroup() as group:
            for service in services:
                group.create_task(_prepare_one(admin_dsn, secrets, service, report))
    except* (Failure, MigrationError) as failures:
        # All the same for whoever reads it: the first to fail stopped the others.
        raise _first(failures) from None


async def waiting(admin_dsn: str, secrets: Secrets, service: Service) -> list[str]:
    """The migrations that a service's database lacks. Raises `Failure` where it is newer, changed, or not there."""
    try:
        return await pending(service_dsn(admin_dsn, service, secrets), service.name, migrations_of(service))
    except MigrationError as error:
        raise _as_failure(error) from None


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


async def connect(admin_dsn: str) -> asyncpg.Connection:
    """A connection as administrator. Raises `Failure` that names the server but not the password."""
    try:
        return await asyncpg.connect(admin_dsn, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        where = urlsplit(admin_dsn).netloc.rpartition("@")[2] or admin_dsn
        why = " ".join(str(error).split()) or type(error).__name__
        raise Failure(
            f"the database at {where} cannot be reached: {why}",
            "check --database-url (postgresql://user:password@host:port/postgres) and that the server runs",
        ) from None


async def _prepare_one(admin_dsn: str, secrets: Secrets, service: Service, report: Report) -> None:
    dsn = service_dsn(admin_dsn, service, secrets)
    folders = migrations_of(service)
    try:
        missing = await pending(dsn, service.name, folders)
    except (NewerSchema, ChangedMigration):
        raise
    except MigrationError:
        await _provide(admin_dsn, secrets, service)
        missing = [""]
    report(service.name, len(await migrate(dsn, service.name, folders)) if missing else 0)


async def _provide(admin_dsn: str, secrets: Secrets, service: Service) -> None:
    """The role and its database; a role that is there gets the password that we know."""
    name = service.role
    connection = await connect(admin_dsn)
    try:
        known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", name)
        verb = "ALTER" if known else "CREATE"
        await connection.execute(f"{verb} ROLE {name} LOGIN PASSWORD '{_scram(secrets.role(name))}'")
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            # The administrator of a managed server is no superuser: it must be a member to give a database away.
            await connection.execute(f"GRANT {name} TO CURRENT_USER")
            await connection.execute(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0 {_locale(connection)}")
        await connection.execute(f"REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC")
    except asyncpg.PostgresError as error:
        raise Failure(
            f"the database of {service.name} cannot be made: {' '.join(str(error).split())}",
            "give a --database-url whose user may create roles and databases",
        ) from None
    finally:
        await connection.close()


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


def _first(group: BaseExceptionGroup[Failure | MigrationError]) -> Failure:
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    return leaf if isinstance(leaf, Failure) else _as_failure(leaf)


def _as_failure(error: BaseException) -> Failure:
    what, _, mend = str(error).rpartition(": ")
    return Failure(what, mend)
