"""What a cart shows of what catalog and inventory say."""

import asyncio
from datetime import date

import pytest

from stoa.contracts.inventory.v1.inventory_pb2 import Stock
from stoa.kit import clock
from stoa.kit.money import MOST_MINOR, Money
from stoa.kit.problems import Unavailable
from stoa.kit.together import Together
from stoa.services.cart.document import Cart, Line
from stoa.services.cart.errors import NotForSale
from stoa.services.cart.product_snapshot import Offer, ProductSnapshot, look_up
from stoa.services.cart.settings import Settings
from stoa.services.cart.show import view
from stoa.services.cart.supply import NOTHING, Kind, PromiseView, Supply, supply_of

NINE = Supply(9, 9)


def offer(sku: str, amount: int, currency: str) -> Offer:
    return Offer(f"p-{sku}", sku.title(), Money(amount, currency))


def cart(*lines: Line) -> Cart:
    return Cart(id="c", user_id=None, version=1, round=0, updated_at=clock.now(), lines=lines)


def test_what_has_no_price_in_the_carts_currency_is_not_added_up():
    snapshot = ProductSnapshot(
        {"MUG": offer("MUG", 1999, "EUR"), "SPOON": offer("SPOON", 333, "GBP"), "FORK": Offer("p-FORK", "Fork", None)},
        dict.fromkeys(("MUG", "SPOON", "FORK"), NINE),
    )
    shown = view(cart(Line("MUG", 2, False), Line("SPOON", 1, False), Line("FORK", 1, False)), snapshot, Settings())
    assert shown.subtotal == Money(333, "GBP")
    assert [(item.sku, item.unit_price, item.available) for item in shown.items] == [
        ("MUG", None, False),
        ("SPOON", Money(333, "GBP"), True),
        ("FORK", None, False),
    ]
    with pytest.raises(NotForSale):
        snapshot.to_sell("FORK")


def test_no_figure_is_larger_than_every_reader_of_json_keeps():
    price = 100_000_000_000
    snapshot = ProductSnapshot(
        {sku: offer(sku, price, "GBP") for sku in ("YACHT", "SPOON")}, {"YACHT": NINE, "SPOON": NINE}
    )
    most = MOST_MINOR // price
    shown = view(cart(Line("YACHT", most, False), Line("SPOON", most + 1, False)), snapshot, Settings())
    assert [item.subtotal for item in shown.items] == [Money(price * most, "GBP"), None]
    assert shown.subtotal == Money(price * most, "GBP")
    shown = view(cart(Line("YACHT", most, False), Line("SPOON", most, False)), snapshot, Settings())
    assert shown.subtotal == Money(2**53 - 1, "GBP")


@pytest.mark.parametrize(
    ("available", "sold_out", "shown"),
    [(2, False, True), (1, False, False), (0, False, False), (2, True, True), (None, False, True), (None, True, False)],
)
def test_what_inventory_says_now_counts_before_what_it_told_before(available, sold_out, shown):
    snapshot = ProductSnapshot(
        {"MUG": offer("MUG", 1999, "GBP")}, {"MUG": None if available is None else Supply(available, 0)}
    )
    [item] = view(cart(Line("MUG", 2, sold_out)), snapshot, Settings()).items
    assert item.available is shown


def test_a_line_says_what_is_promised_of_so_many():
    supply = Supply(available=5, at_once=2, later=Kind.SHIPS_BY, promised_on=date(2026, 3, 15))
    snapshot = ProductSnapshot({"MUG": offer("MUG", 1999, "GBP")}, {"MUG": supply})
    promises = [view(cart(Line("MUG", units, False)), snapshot, Settings()).items[0].promise for units in (2, 3, 6)]
    assert promises == [
        PromiseView(Kind.IN_STOCK, None),
        PromiseView(Kind.SHIPS_BY, date(2026, 3, 15)),
        PromiseView(Kind.SOLD_OUT, None),
    ]
    silent = ProductSnapshot({"MUG": offer("MUG", 1999, "GBP")}, {"MUG": None})
    assert view(cart(Line("MUG", 2, False)), silent, Settings()).items[0].promise is None
    assert view(cart(Line("MUG", 2, False)), ProductSnapshot({}, {"MUG": NINE}), Settings()).items[0].promise is None


def test_what_a_process_of_yesterday_says_is_on_hand():
    assert supply_of(Stock(sku="MUG", on_hand=7, reserved=2, available=5)) == Supply(5, 5)
    assert supply_of(Stock(sku="MUG", available=5, available_to_promise=0)) == NOTHING


class Neighbors:
    """As many as are named fail; inventory has nothing."""

    def __init__(self, *silent: str) -> None:
        self.silent = silent
        self.for_sale = Together(self.sell)
        self.stock = Together(self.count)

    async def sell(self, lines):
        if "catalog" in self.silent:
            await asyncio.sleep(0.01)
            raise Unavailable("catalog is silent")
        return {line: Offer("p", "Mug", Money(1999, "GBP")) for line in lines}

    async def count(self, skus):
        if "inventory" in self.silent:
            raise Unavailable("inventory is silent")
        return {sku: NINE for sku in skus if sku == "SPOON"}


@pytest.mark.parametrize(("silent", "available"), [((), NOTHING), (("inventory",), None)])
async def test_what_nobody_knows_is_told_from_what_there_is_not(silent, available):
    snapshot = await look_up(Neighbors(*silent), {"MUG": 2})
    assert (snapshot.supply, snapshot.offers["MUG"].name) == ({"MUG": available}, "Mug")


@pytest.mark.parametrize("silent", [("catalog",), ("catalog", "inventory")])
async def test_without_catalog_there_is_nothing_to_show(silent):
    with pytest.raises(Unavailable, match="catalog"):
        await look_up(Neighbors(*silent), {"MUG": 2})
