"""A media service over a database and a folder of its own, asked through its public API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from auth.conftest import Surroundings
from media.pictures import jpeg

from stoa.app import SERVICES, subscribers
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub, add_CatalogServiceServicer_to_server
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub, add_MediaServiceServicer_to_server
from stoa.contracts.user.v1.user_pb2_grpc import UserServiceStub, add_UserServiceServicer_to_server
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.crash_points import NOWHERE
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.services.auth import manage_sellers
from stoa.services.catalog.routes import routes as catalog_routes
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings as CatalogSettings
from stoa.services.media.handlers import handlers
from stoa.services.media.make_pictures import Making
from stoa.services.media.routes import routes
from stoa.services.media.rpc import MediaServicer
from stoa.services.media.service import Media
from stoa.services.media.settings import Settings
from stoa.services.media.storage import Folder
from stoa.services.user.rpc import UserServicer
from stoa.services.user.service import Users
from stoa.testing import Answer, Rest, User, new_user

ADMIN = new_user("admin")
SELLER = new_user("seller")
OTHER_SELLER = new_user("seller")
ADA = new_user()
EVE = new_user()


@dataclass
class Studio:
    media: Media
    rest: Rest
    files: Path
    catalog: Rest
    users: Users

    @property
    def db(self) -> Database:
        return self.media.db

    async def send(self, content: bytes, user: User | None = ADMIN, **query: Any) -> Answer:
        """An upload."""
        said = "&".join(f"{name}={value}" for name, value in ({"purpose": "product"} | query).items())
        return await self.rest.send("POST", f"/media?{said}", raw=content, user=user)

    async def add(self, content: bytes | None = None, user: User = ADMIN, **query: Any) -> Any:
        """A file that is taken, as it is answered."""
        answer = await self.send(jpeg() if content is None else content, user, **query)
        assert answer.status == 201, answer
        return answer.body

    async def ready(self, content: bytes | None = None, user: User = ADMIN, **query: Any) -> Any:
        """The same once its pictures are made."""
        file = await self.add(content, user, **query)
        await self.draw()
        return await self.rest.ok("GET", f"/media/{file['id']}", user=user)

    async def draw(self) -> float | None:
        """What is due."""
        return await Making(self.media).round()

    async def get(self, url: str) -> Answer:
        return await self.rest.send("GET", url.removeprefix("/api/v1"))

    async def hear(self, kind: str, subject: str, version: int, **data: Any) -> None:
        async with self.db.transaction() as tx:
            await handlers(self.media.outbox)[kind](tx, self.event(kind, subject, version, **data))

    def event(self, kind: str, subject: str, version: int, **data: Any) -> Event:
        return Event(
            id=uuid7(),
            type=kind,
            source="test",
            subject=subject,
            time=clock.now(),
            aggregateversion=version,
            traceparent="",
            data=data,
        )

    def kept(self) -> set[str]:
        """What lies in the storage."""
        return {each.relative_to(self.files).as_posix() for each in self.files.rglob("*") if each.is_file()}

    async def rows(self) -> list[Any]:
        """Everything, to see that a refusal changed nothing."""
        tables = ("files", "owners", "uses", "staff_acts", "event_log")
        return [await self.db.fetch(f"SELECT * FROM {table} ORDER BY 1") for table in tables]

    def having(self, **changes: Any) -> Studio:
        """The same with other settings."""
        media = replace(self.media, settings=replace(self.media.settings, **changes))
        return replace(self, media=media, rest=Rest(routes.bind(media), media.db))


@pytest.fixture
def neighbors() -> Registry:
    return Registry()


@pytest.fixture
async def seller(database: Callable[..., Awaitable[Database]], neighbors: Registry) -> str:
    """The id of one that auth, which stands beside media here, knows."""
    surroundings = Surroundings(await database("auth"))
    for servicer in surroundings.parts.servicers:
        servicer(neighbors)
    assert surroundings.parts.routes is not None
    return (await manage_sellers.add_seller(surroundings.parts.routes.target, "Mill")).id


@pytest.fixture
async def studio(database: Callable[..., Awaitable[Database]], neighbors: Registry, tmp_path: Path) -> Studio:
    files = tmp_path / "files"
    around = InProcessChannel(neighbors)
    stubs = (AuthServiceStub(around), CatalogServiceStub(around), UserServiceStub(around))
    outbox = Outbox(SERVICES["media"], subscribers)
    media = Media(await database("media"), outbox, Settings(), Folder(files), tmp_path / "cache", NOWHERE, *stubs)
    # They ask media which files there are, and inventory and auth for nothing here.
    mine = MediaServiceStub(around)
    catalog = Catalog(
        await database("catalog"),
        Outbox(SERVICES["catalog"], subscribers),
        CatalogSettings(),
        mine,
        InventoryServiceStub(around),
    )
    users = Users(await database("user"), AuthServiceStub(around), Outbox(SERVICES["user"], subscribers), mine)
    add_MediaServiceServicer_to_server(MediaServicer(media), neighbors)
    add_CatalogServiceServicer_to_server(CatalogServicer(catalog), neighbors)
    add_UserServiceServicer_to_server(UserServicer(users), neighbors)
    rest = Rest(routes.bind(media), media.db)
    return Studio(media, rest, files, Rest(catalog_routes.bind(catalog), catalog.db), users)
