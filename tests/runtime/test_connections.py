"""How many connections a shop takes: fifteen services fit a PostgreSQL of 100, in one process or a process each."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
from tests.journeys.client import Shopper

from stoa.app import SERVICES
from stoa.cli.seed import seed
from stoa.runtime.data_dir import DataDir
from stoa.runtime.postgres import SETTINGS
from stoa.runtime.settings import ProcessSettings
from stoa.testing import Shop

MOST_SERVICES = 15
BUDGET = 60
"""Of all services together; 40 are left for a command, a dump, and who looks."""
BUYERS, ORDERS_OF_EACH = 40, 3

SESSIONS = r"""
    SELECT datname, count(*) AS number FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND datname = ANY ($1::text[]) GROUP BY datname
"""


def test_fifteen_services_fit_with_room() -> None:
    each = ProcessSettings().pool_size + 1
    assert each * MOST_SERVICES <= BUDGET
    assert int(SETTINGS["max_connections"]) == 100


async def test_a_rush_of_orders_takes_no_more_than_that(shop_with, postgres, tmp_path) -> None:
    shop: Shop = await shop_with()
    await seed(DataDir(tmp_path), shop.process.neighbors.operator_channel)
    databases = [db.dsn.rpartition("/")[2].partition("?")[0] for db in shop.databases.values()]
    most: dict[str, int] = {}

    async def watch() -> None:
        admin = await asyncpg.connect(postgres.dsn())
        try:
            while True:
                for row in await admin.fetch(SESSIONS, databases):
                    most[row["datname"]] = max(most.get(row["datname"], 0), row["number"])
                most["all"] = max(most.get("all", 0), sum(n for name, n in most.items() if name != "all"))
                await asyncio.sleep(0.01)
        finally:
            await admin.close()

    watching = asyncio.create_task(watch())
    guest = Shopper(shop.http, str(shop.http._base_url).rstrip("/"))
    credentials = dict(line.split(": ", 1) for line in DataDir(tmp_path).admin.read_text().splitlines())
    admin = await guest.sign_in(credentials["email"], credentials["password"])
    (product,) = (await guest.ok("GET", "/products?limit=1"))["items"]
    sku = product["skus"][0]
    await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": 10_000})
    try:
        await asyncio.gather(*(buy(guest, sku) for _ in range(BUYERS)))
        await shop.settle()
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    announcing = {name for name, service in SERVICES.items() if service.announces}
    for name, database in zip(shop.databases, databases, strict=True):
        assert most.get(database, 0) <= 3 + (name in announcing), name
    # It was a rush: the services of an order had all that they may have.
    assert most[databases[list(shop.databases).index("order")]] == 4
    assert most["all"] <= BUDGET * len(SERVICES) / MOST_SERVICES


async def buy(guest: Shopper, sku: str) -> None:
    for _ in range(ORDERS_OF_EACH):
        cart = await guest.ok("POST", "/cart", {}, status=201)
        await guest.ok("POST", f"/cart/{cart['id']}/items", {"sku": sku, "quantity": 1}, status=201)
        await guest.buy(cart_id=cart["id"], email="guest@example.com")
