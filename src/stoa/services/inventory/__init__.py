"""Inventory: what is on the shelves, what of it is promised to whom, and every change of it.

It owns warehouses, items with how they are sold when none is left, stock, reservations, backorders and movements, goods
on their way between warehouses (transfers) and from suppliers (receipts), counts of shelves, what was shipped without
being there (discrepancies), and who waits for what (subscriptions); and it remembers who sells what. What always holds,
whatever happens:

* 0 <= reserved <= on_hand for each SKU in each warehouse: nothing is promised twice, so nothing is oversold;
* what is promised without being on hand is at most the SKU's limit, and nobody waits while some is sellable;
* on_hand is the sum of the row's movements, which are never changed or removed;
* reserved is the sum of the lines of the reservations that are held or allocated;
* a reservation is granted whole or not at all, and ends committed, released or expired;
* a SKU is counted by whoever sells it, and by staff;
* a sale, a return and a repeat of either are booked once.

docs/algorithms/stock.md has the states, the locks and the reasons.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.inventory.v1.inventory_pb2_grpc import add_InventoryServiceServicer_to_server
from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.service import Parts, Resources
from stoa.kit.together import Together
from stoa.services.inventory import repository, stock_repository
from stoa.services.inventory.allocate import allocate_all
from stoa.services.inventory.allocation import STRATEGIES
from stoa.services.inventory.give_back import release_all
from stoa.services.inventory.handlers import handle_batch, handlers
from stoa.services.inventory.jobs import jobs
from stoa.services.inventory.locks import locks_of
from stoa.services.inventory.reserve import reserve_all
from stoa.services.inventory.routes import routes
from stoa.services.inventory.rpc import InventoryServicer
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.settings import Settings

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub


def inventory_over(db: Database, outbox: Outbox, settings: Settings, catalog: CatalogServiceAsyncStub) -> Inventory:
    """The service over its database."""
    holders = partial(repository.held, db)
    return Inventory(
        db=db,
        outbox=outbox,
        settings=settings,
        catalog=catalog,
        reserving=Batcher(
            partial(reserve_all, db, outbox, strategy=STRATEGIES[settings.allocation]),
            locks=lambda request: locks_of(request.key, request.lines),
            holders=holders,
        ),
        allocating=Batcher(partial(allocate_all, db), locks=lambda promise: locks_of(promise.key), holders=holders),
        releasing=Batcher(
            partial(release_all, db, outbox), locks=lambda one: locks_of(one.key, one.skus), holders=holders
        ),
        stock=Together(partial(stock_repository.stock_of_each, db)),
    )


def build(resources: Resources) -> Parts:
    """The service over what its process gives it."""
    inventory = inventory_over(
        resources.db,
        resources.outbox,
        resources.settings(Settings),
        CatalogServiceStub(resources.channel("catalog")),
    )

    async def stop() -> None:
        batchers = (inventory.reserving, inventory.allocating, inventory.releasing)
        await asyncio.gather(*(batcher.close() for batcher in batchers))

    return Parts(
        routes=routes.bind(inventory),
        servicers=[partial(add_InventoryServiceServicer_to_server, InventoryServicer(inventory))],
        handlers=handlers(resources.outbox),
        batch_handler=handle_batch,
        jobs=jobs(inventory),
        stop=stop,
    )
