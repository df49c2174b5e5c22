"""An auth service of one's own: its acts, its REST API with its own tokens, its servicer behind a channel."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

import grpc.aio
import pytest

from stoa.app import GET_PERSONAL, PERMISSIONS, SERVICES, subscribers
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.permissions import Permissions
from stoa.kit.service import Parts, Service
from stoa.kit.tokens import Verifier
from stoa.services.auth import build, repository
from stoa.services.auth.keys import KeyRow
from stoa.services.auth.service import Auth
from stoa.services.auth.settings import Settings
from stoa.testing import Answer, Rest
from stoa.testing.servers import Templates

SettingsT = TypeVar("SettingsT")

PASSWORD = "correct horse battery"


@dataclass
class Surroundings:
    """What a process gives the service. Hashing is cheap here: what it costs is measured elsewhere."""

    db: Database
    service: Service = SERVICES["auth"]
    outbox: Outbox = field(default_factory=lambda: Outbox(SERVICES["auth"], subscribers, GET_PERSONAL))
    verifier: Verifier = field(init=False)
    permissions: Permissions = PERMISSIONS
    parts: Parts = field(init=False)

    def __post_init__(self) -> None:
        self.verifier = Verifier(self._jwks, PERMISSIONS)
        self.parts = build(self)

    async def _jwks(self) -> str:
        assert self.parts.routes is not None
        return await self.parts.routes.target.keyring.jwks()

    def settings(self, shape: type[SettingsT]) -> SettingsT:
        assert shape is Settings
        return Settings(argon2_memory_kib=64, argon2_passes=1)  # type: ignore[return-value]

    def channel(self, callee: str) -> grpc.aio.Channel:
        raise AssertionError(f"auth calls nobody, and not {callee}")


class World:
    def __init__(self, db: Database) -> None:
        self.db = db
        self.surroundings = Surroundings(db)
        self.parts = self.surroundings.parts
        assert self.parts.routes is not None
        self.auth: Auth = self.parts.routes.target
        self.rest = Rest(self.parts.routes, db, self.surroundings.verifier)
        registry = Registry()
        for add in self.parts.servicers:
            add(registry)
        self.stub: Any = AuthServiceStub(InProcessChannel(registry))
        self._numbers = count(1)

    async def register(self, email: str | None = None, **changes: Any) -> Any:
        """A new customer, signed in: the body of the answer."""
        account = {
            "email": email or f"ada-{next(self._numbers)}@example.com",
            "password": PASSWORD,
            "first_name": "Ada",
            "last_name": "Lovelace",
        }
        return await self.rest.ok("POST", "/auth/register", account | changes, status=201)

    async def login(self, email: str, password: str = PASSWORD, client: str = "198.51.100.7") -> Answer:
        return await self.rest.send("POST", "/auth/login", {"email": email, "password": password}, client=client)

    async def admin(self) -> Any:
        """A new admin, signed in: the body of the answer."""
        made = await self.register()
        await self.db.execute("UPDATE users SET roles = '{admin}' WHERE id = $1", made["user"]["id"])
        return (await self.login(made["user"]["email"])).body

    async def active(self, made: Any) -> bool:
        """Whether the session of an answer with tokens is alive, as the gateway would learn it."""
        body = await self.rest.ok("POST", "/auth/validate", {"token": made["access_token"]})
        return bool(body["active"])

    async def counts(self) -> dict[str, int]:
        """How many rows there are of what a refusal must not add to."""
        tables = ("users", "sessions", "refresh_tokens", "event_log")
        return {table: await self.db.fetchval(f"SELECT count(*) FROM {table}") for table in tables}


@pytest.fixture(scope="session")
async def keys(templates: Templates) -> Sequence[KeyRow]:
    """What the first start of an auth service makes: prime numbers are the dearest part of it."""
    dsn = await templates.copy("auth")
    db = Database("auth", dsn, 1)
    first = World(db)
    await first.auth.keyring.ready()
    made = await repository.all_keys(db)
    assert first.parts.stop is not None
    await first.parts.stop()
    await db.close()
    await templates.drop(dsn)
    return made


@pytest.fixture
async def world(database: Any, keys: Sequence[KeyRow]) -> AsyncIterator[World]:
    made = World(await database("auth"))
    async with made.db.transaction() as tx:
        for key in keys:
            await repository.add_key(tx, key)
    yield made
    assert made.parts.stop is not None
    await made.parts.stop()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """`later(timedelta(days=1))`: from now on it is a day later than before."""
    true_now = clock.now
    ahead = timedelta()

    def move(by: timedelta) -> None:
        nonlocal ahead
        ahead += by

    monkeypatch.setattr(clock, "now", lambda: true_now() + ahead)
    return move
