"""A user service of one's own, with a real auth service as its neighbor in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc.aio
import pytest

from stoa.app import PERMISSIONS, SERVICES, subscribers
from stoa.contracts.user.v1.user_pb2_grpc import UserServiceStub
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.outbox import Outbox
from stoa.kit.permissions import Permissions
from stoa.kit.service import Parts, Service
from stoa.kit.tokens import Verifier
from stoa.services import auth, user
from stoa.testing import Rest, User, new_user

SettingsT = TypeVar("SettingsT")

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "line2": "",
    "city": "London",
    "region": "",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
    "phone": "",
}


async def _no_keys() -> str:
    raise AssertionError("nobody verifies a token here")


@dataclass
class Surroundings:
    """What a process gives a service."""

    service: Service
    db: Database
    neighbors: dict[str, Registry]
    outbox: Outbox = field(init=False)
    verifier: Verifier = field(default_factory=lambda: Verifier(_no_keys, PERMISSIONS))

    permissions: Permissions = PERMISSIONS

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.service, subscribers)

    def settings(self, shape: type[SettingsT]) -> SettingsT:
        return shape()

    def channel(self, callee: str) -> grpc.aio.Channel:
        return InProcessChannel(self.neighbors[callee])


class World:
    def __init__(self, db: Database, auth_db: Database) -> None:
        self.db, self.auth_db = db, auth_db
        self._auth_parts, auth_registry = _run(auth.build(Surroundings(SERVICES["auth"], auth_db, {})))
        neighbors = {"auth": auth_registry, "media": Registry()}
        self.parts, registry = _run(user.build(Surroundings(SERVICES["user"], db, neighbors)))
        assert self.parts.routes is not None
        self.rest = Rest(self.parts.routes, db)
        self.stub: Any = UserServiceStub(InProcessChannel(registry))

    async def registered(self) -> User:
        """Somebody who has just registered: auth knows them, and we have not heard of them yet."""
        made = new_user()
        await self.auth_db.execute(
            "INSERT INTO users (id, email, first_name, last_name, phone, roles)"
            " VALUES ($1, $2, 'Ada', 'Lovelace', '123', '{customer}')",
            made.id,
            made.email,
        )
        return made

    async def hear(self, who: User) -> None:
        """Handle the announcement that they have registered."""
        data = {"user_id": who.id, "email": who.email, "first_name": "Ada", "last_name": "Lovelace", "phone": "123"}
        event = Event(
            id=who.id,
            type="user.registered",
            source="auth",
            subject=who.id,
            time=clock.now(),
            aggregateversion=1,
            traceparent="",
            data=data,
        )
        async with self.db.transaction() as tx:
            await self.parts.handlers["user.registered"](tx, event)

    async def hear_of_deletion(self, who: User) -> None:
        """Handle the announcement that their account was deleted."""
        data = {"user_id": who.id, "email": who.email}
        event = Event(
            id=who.id,
            type="user.deleted",
            source="auth",
            subject=who.id,
            time=clock.now(),
            aggregateversion=2,
            traceparent="",
            data=data,
        )
        async with self.db.transaction() as tx:
            await self.parts.handlers["user.deleted"](tx, event)

    async def rows(self) -> dict[str, Any]:
        """Everything of everybody, to see that a refusal changed nothing."""
        tables = ("user_profiles", "addresses", "user_preferences", "wishlist")
        return {table: await self.db.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in tables}

    async def stop(self) -> None:
        assert self._auth_parts.stop is not None
        await self._auth_parts.stop()


def _run(parts: Parts) -> tuple[Parts, Registry]:
    registry = Registry()
    for add in parts.servicers:
        add(registry)
    return parts, registry


@pytest.fixture
async def world(database: Any) -> AsyncIterator[World]:
    made = World(await database("user"), await database("auth"))
    yield made
    await made.stop()


@pytest.fixture
async def ada(world: World) -> User:
    return await world.registered()


@pytest.fixture
async def eve(world: World) -> User:
    return await world.registered()
