"""What is not on hand when it is bought: the order says when it comes, as it was promised, whatever happens between."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from checkout.conftest import Crashes, House, Market, NewHouse, Shopper
from checkout.test_crashes import crash

from stoa.contracts.inventory.v1.inventory_pb2 import ImportSupplyRequest
from stoa.services.checkout.repository import Checkout
from stoa.testing import new_user

DAY = "2099-01-31"


async def preorder(market: Market, sku: str) -> None:
    policy = ImportSupplyRequest.Policy(sku=sku, policy="preorder", limit=5, available_on=DAY)
    await market.stub("inventory").ImportSupply(ImportSupplyRequest(policies=[policy]))


async def fill(market: Market, sku: str) -> None:
    """All that is owed of it comes in."""
    shelf = ImportSupplyRequest.Shelf(sku=sku, warehouse_id="annex", quantity=9)
    annex = ImportSupplyRequest.Warehouse(id="annex", name="Annex", priority=9)
    await market.stub("inventory").ImportSupply(ImportSupplyRequest(warehouses=[annex], shelves=[shelf]))


def promises(row: Checkout) -> dict[str, Any]:
    assert row.purchase.answer is not None
    assert row.purchase.answer.status == 201
    return {item["sku"]: item["promise"] for item in msgspec.json.decode(row.purchase.answer.body)["items"]}


@pytest.fixture
async def buyer(market: Market) -> Shopper:
    """Has two of a thing in the cart, of which one is there and more come as a pre-order."""
    user, sku = new_user(), await market.offer(on_hand=1)
    await preorder(market, sku)
    return Shopper(market, user, sku, await market.fill(user.id, **{sku: 2}))


async def test_an_order_says_when_what_was_not_there_comes(house: House, buyer: Shopper):
    there = await buyer.market.offer()
    await buyer.market.fill(buyer.user.id, cart_id=buyer.cart_id, **{buyer.sku: 2, there: 1})
    placed = await house.buy(buyer.user)
    row = await house.ended(placed.checkout_id)
    assert promises(row) == {buyer.sku: {"kind": "preorder_from", "on": DAY}, there: None}
    told = await buyer.market.db("order").fetchval(
        "SELECT data FROM event_log WHERE subject = $1 AND type = 'order.placed'", row.purchase.order_id
    )
    assert told["promises"] == {buyer.sku: {"kind": "preorder_from", "on": DAY}}


@pytest.mark.parametrize("point", ["before:reserve_stock", "after:reserve_stock", "after:create_order"])
async def test_whoever_takes_it_over_promises_the_same(new_house: NewHouse, buyer: Shopper, point: str):
    first = await new_house(reach=Crashes(f"checkout:{point}"))
    checkout_id = await crash(first, buyer)
    heir = await new_house(beside=first)
    assert promises(await heir.ended(checkout_id)) == {buyer.sku: {"kind": "preorder_from", "on": DAY}}


@pytest.mark.parametrize(
    ("point", "promise"),
    [("after:reserve_stock", None), ("after:create_order", {"kind": "preorder_from", "on": DAY})],
)
async def test_what_has_come_before_the_order_is_made_is_there(
    new_house: NewHouse, buyer: Shopper, point: str, promise: dict[str, str] | None
):
    """And an order that is made keeps what it was told."""
    first = await new_house(reach=Crashes(f"checkout:{point}"))
    checkout_id = await crash(first, buyer)
    await fill(buyer.market, buyer.sku)
    heir = await new_house(beside=first)
    assert promises(await heir.ended(checkout_id)) == {buyer.sku: promise}
