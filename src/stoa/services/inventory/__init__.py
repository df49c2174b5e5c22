"""Inventory: what is on the shelves, what of it is promised to whom, and every change of it.

It owns warehouses, items, stock, reservations and movements, and remembers who sells what. What always holds,
whatever happens:

* 0 <= reserved <= on_hand for each SKU in each warehouse: nothing is promised twice, so nothing is oversold;
* on_hand is the sum of the row's movements, which are never changed or removed;
* reserved is the sum of the lines of the reservations that are held or allocated;
* a reservation is granted whole or not at all, and ends committed, released or expired;
* a SKU is counted by whoever sells it, and by staff;
* a sale, a return and a repeat of either are booked once.

docs/algorithms/stock.md has the states, the locks and the reasons.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.inventory.v1.inventory_pb2_grpc import add_InventoryServiceServicer_to_server
from stoa.kit.batcher import Batcher
from stoa.kit.service import Parts, Resources
from stoa.services.inventory.allocate import allocate_all
from stoa.services.inventory.handlers import handlers, together
from stoa.services.inventory.jobs import jobs
from stoa.services.inventory.reserve import reserve_all
from stoa.services.inventory.routes import routes
from stoa.services.inventory.rpc import InventoryServicer
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.settings import Settings


def build(resources: Resources) -> Parts:
    """The service over what its process gives it."""
    inventory = Inventory(
        db=resources.db,
        outbox=resources.outbox,
        settings=resources.settings(Settings),
        catalog=CatalogServiceStub(resources.channel("catalog")),
        reserving=Batcher(partial(reserve_all, resources.db, resources.outbox), locks=lambda wish: wish.lines),
        allocating=Batcher(partial(allocate_all, resources.db), locks=lambda promise: (promise.key,)),
    )

    async def stop() -> None:
        await inventory.reserving.close()
        await inventory.allocating.close()

    return Parts(
        routes=routes.bind(inventory),
        servicers=[partial(add_InventoryServiceServicer_to_server, InventoryServicer(inventory))],
        handlers=handlers(resources.outbox),
        together=together,
        jobs=jobs(inventory),
        stop=stop,
    )
