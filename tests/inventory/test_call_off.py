"""Units of an order are canceled while the rest stands: what is owed goes first, the rest is put back, once."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit.ids import uuid7
from stoa.services.inventory.reservation import Fill

ORDER = uuid7()


async def place(shop, **lines) -> None:
    items = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    await shop.hear("order.placed", order_id=ORDER, items=items)


async def call_off(shop, source=None, **lines) -> None:
    items = [{"sku": sku, "quantity": units} for sku, units in lines.items()]
    await shop.hear("order.items_canceled", order_id=ORDER, source=source or uuid7(), items=items)


@pytest.fixture
async def sold(shop):
    """Of five of A two were on hand, and both of B."""
    await shop.put("A", 2)
    await shop.put("B", 2)
    await shop.backorder("A", 5)
    await shop.promise("k", ORDER, A=5, B=2)
    await place(shop, A=5, B=2)
    return shop


async def test_what_is_owed_goes_first(sold):
    await call_off(sold, A=1)
    assert await sold.backorders("A") == [(2, 0, "open"), (1, 0, "called_off")]
    assert (await sold.reservation("k")).owed == {"A": 2}
    assert await sold.to_promise("A") == 3
    await call_off(sold, A=3, B=1)
    assert await sold.backorders("A") == [(2, 0, "called_off"), (1, 0, "called_off")]
    assert (await sold.reservation("k")).owed == {}
    assert (await sold.stock("A"), await sold.stock("B")) == ((1, 0), (1, 0))
    assert await sold.movements("A") == [("opening", 2), ("sale", -2), ("return", 1)]
    assert await sold.movements("B") == [("opening", 2), ("sale", -2), ("return", 1)]
    await sold.assert_sound()


async def test_what_was_filled_meanwhile_is_put_back(sold):
    await sold.put("A", 1)
    assert await sold.backorders("A") == [(3, 1, "open")]
    await call_off(sold, A=3)
    assert await sold.backorders("A") == [(3, 1, "called_off")]
    assert await sold.stock("A") == (1, 0)
    await sold.assert_sound()


async def test_what_is_put_back_goes_to_who_waits(sold):
    other = uuid7()
    await sold.promise("other", other, A=2)
    await call_off(sold, A=4)
    assert await sold.backorders("A") == [(3, 0, "called_off"), (2, 1, "open")]
    assert (await sold.reservation("other")).fills == (Fill("A", "main", 1),)
    await sold.assert_sound()


async def test_each_is_done_once_also_by_two_at_once(sold, twin):
    source, other = uuid7(), twin()
    for _ in range(3):
        await asyncio.gather(call_off(sold, source, B=1), call_off(other, source, B=1))
    assert await sold.stock("B") == (1, 0)
    await call_off(sold, B=1)
    assert await sold.stock("B") == (2, 0)
    assert await sold.discrepancies() == []


async def test_before_the_sale_was_heard_of(shop):
    await shop.put("A", 3)
    await shop.promise("k", ORDER, A=3)
    await call_off(shop, A=2)
    await place(shop, A=3)
    assert await shop.stock("A") == (2, 0)
    assert await shop.movements("A") == [("opening", 3), ("sale", -3), ("return", 2)]
    await shop.assert_sound()


async def test_the_rest_is_canceled_before_and_after(sold):
    await call_off(sold, A=4, B=1)
    await sold.hear("order.canceled", order_id=ORDER)
    assert (await sold.stock("A"), await sold.stock("B")) == ((2, 0), (2, 0))
    await call_off(sold, A=1, B=1)
    assert (await sold.stock("A"), await sold.stock("B")) == ((2, 0), (2, 0))
    assert await sold.backorders("A") == [(3, 0, "called_off")]
    assert await sold.discrepancies() == []
    await sold.assert_sound()


async def test_a_cancellation_of_all_that_overtook_gave_it_back(sold):
    await sold.hear("order.canceled", order_id=ORDER)
    await call_off(sold, A=4, B=1)
    assert (await sold.stock("A"), await sold.stock("B")) == ((2, 0), (2, 0))
    assert await sold.backorders("A") == [(3, 0, "canceled")]
    assert await sold.discrepancies() == []


async def test_what_was_never_sold_is_a_discrepancy(shop):
    await call_off(shop, A=1)
    assert await shop.discrepancies() == [("returned_unsold", {"A": 1}, False)]


async def test_units_come_back_beside_what_was_called_off(sold):
    await sold.put("A", 3)
    await call_off(sold, A=1)
    await sold.hear("order.returned", order_id=ORDER, return_id=uuid7(), items=[{"sku": "A", "quantity": 4}])
    assert await sold.stock("A") == (5, 0)
    assert await sold.discrepancies() == []
    await sold.assert_sound()
