"""From which warehouses an order leaves: inventory says it of its reservation, and staff read it of the order."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from inventory.conftest import Shop, inventory_with

from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub, add_InventoryServiceServicer_to_server
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.ids import uuid7
from stoa.services.inventory.allocation.place import Place
from stoa.services.inventory.rpc import InventoryServicer
from stoa.services.inventory.warehouses import add_warehouse
from stoa.services.order.allocation import allocation_of
from stoa.services.order.routes import routes
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
ADA = new_user()


@pytest.fixture
async def shop(database) -> Shop:
    """Two mugs in the annex, which is drawn from first, two in the main warehouse, where the spoons are too; of mugs
    one more may be owed."""
    shop = Shop(inventory_with(await database("inventory")))
    await add_warehouse(shop.inventory, "Annex", Place("annex", 50))
    for sku, units, warehouse in (("MUG", 2, "annex"), ("MUG", 2, "main"), ("SPOON", 3, "main")):
        await shop.put(sku, units, warehouse)
    await shop.backorder("MUG", 1)
    return shop


@pytest.fixture
def rest(orders, shop) -> Rest:
    registry = Registry()
    add_InventoryServiceServicer_to_server(InventoryServicer(shop.inventory), registry)
    inventory = InventoryServiceStub(InProcessChannel(registry))
    return Rest(routes.bind(replace(orders, allocation_of=partial(allocation_of, inventory))), orders.db)


def part(sku: str, quantity: int, warehouse: str | None, returned: int = 0) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity, "warehouse": warehouse, "returned": returned}


async def test_an_order_of_two_warehouses(rest, shop, placed):
    """As it is promised, placed, filled, sent back in part and canceled."""
    order = await placed(user_id=ADA.id)
    lines = {"MUG": 5, "SPOON": 3}
    await shop.promise(order.reservation_key, order.id, **lines)

    async def allocation() -> tuple[str, list[dict[str, Any]]]:
        found = await rest.ok("GET", f"/orders/{order.id}/allocation", user=ADMIN)
        assert found["order_id"] == order.id
        return found["state"], found["items"]

    async def hear(event: str, **more: Any) -> None:
        items = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
        await shop.hear(event, order_id=order.id, reservation_key=order.reservation_key, **({"items": items} | more))

    spread = [part("MUG", 2, "annex"), part("MUG", 2, "main")]
    whole = [*spread, part("MUG", 1, None), part("SPOON", 3, "main")]
    assert await allocation() == ("allocated", whole)
    await hear("order.placed")
    assert await allocation() == ("committed", whole)
    await shop.put("MUG", 1, "main")
    spread = [part("MUG", 2, "annex"), part("MUG", 3, "main")]
    assert await allocation() == ("committed", [*spread, part("SPOON", 3, "main")])
    await hear("order.returned", return_id=uuid7(), items=[{"sku": "MUG", "quantity": 3}])
    spread = [part("MUG", 2, "annex", 2), part("MUG", 3, "main", 1)]
    assert await allocation() == ("committed", [*spread, part("SPOON", 3, "main")])
    await hear("order.canceled")
    spread = [part("MUG", 2, "annex", 2), part("MUG", 3, "main", 3)]
    assert await allocation() == ("released", [*spread, part("SPOON", 3, "main", 3)])


async def test_of_an_order_for_which_nothing_was_reserved_nothing_is_known(rest, placed):
    """As of one that was imported."""
    order = await placed()
    found = await rest.ok("GET", f"/orders/{order.id}/allocation", user=ADMIN)
    assert found == {"order_id": order.id, "state": None, "items": []}


async def test_it_is_for_who_may_read_all_orders(rest, placed):
    order = await placed(user_id=ADA.id)
    path = f"/orders/{order.id}/allocation"
    assert (await rest.send("GET", path)).status == 401
    assert (await rest.send("GET", path, user=ADA)).status == 403
    unknown = await rest.send("GET", f"/orders/{uuid7()}/allocation", user=ADMIN)
    assert (unknown.status, unknown.problem) == (404, "order-not-found")
