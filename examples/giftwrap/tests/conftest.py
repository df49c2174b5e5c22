"""Giftwrap over a database of its own, and its REST API without a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from stoa_giftwrap import SERVICE
from stoa_giftwrap.service import repository
from stoa_giftwrap.service.routes import routes
from stoa_giftwrap.service.settings import Settings
from stoa_giftwrap.service.wraps import Wraps

from stoa.app import GET_PERSONAL, subscribers
from stoa.kit.outbox import Outbox
from stoa.testing import Rest


@pytest.fixture
async def wraps(database: Callable) -> Wraps:
    outbox = Outbox(SERVICE, subscribers, GET_PERSONAL)
    return Wraps(await database("giftwrap"), outbox, Settings(), lambda _: None)


@pytest.fixture
def rest(wraps: Wraps) -> Rest:
    return Rest(routes.bind(wraps), wraps.db)


@pytest.fixture
def placed(wraps: Wraps) -> Callable[[str, str], Awaitable[None]]:
    """`await placed(order_id, user_id)`: as if that was heard."""

    async def add(order_id: str, user_id: str) -> None:
        async with wraps.db.transaction() as tx:
            await repository.add_order(tx, order_id, user_id)

    return add
