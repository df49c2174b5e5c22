"""What a cart shows of what catalog and inventory say."""

import asyncio

import pytest

from stoa.kit import clock
from stoa.kit.money import MOST_MINOR, Money
from stoa.kit.problems import Unavailable
from stoa.kit.together import Together
from stoa.services.cart.document import Cart, Line
from stoa.services.cart.errors import NotForSale
from stoa.services.cart.product_snapshot import Offer, ProductSnapshot, look_up
from stoa.services.cart.show import view


def offer(sku: str, amount: int, currency: str) -> Offer:
    return Offer(f"p-{sku}", sku.title(), Money(amount, currency))


def cart(*lines: Line) -> Cart:
    return Cart(id="c", user_id=None, version=1, round=0, updated_at=clock.now(), lines=lines)


def test_what_has_no_price_in_the_carts_currency_is_not_added_up():
    snapshot = ProductSnapshot(
        {"MUG": offer("MUG", 1999, "EUR"), "SPOON": offer("SPOON", 333, "GBP"), "FORK": Offer("p-FORK", "Fork", None)},
        {"MUG": 9, "SPOON": 9, "FORK": 9},
    )
    shown = view(cart(Line("MUG", 2, False), Line("SPOON", 1, False), Line("FORK", 1, False)), snapshot, "GBP")
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
    snapshot = ProductSnapshot({sku: offer(sku, price, "GBP") for sku in ("YACHT", "SPOON")}, {"YACHT": 9, "SPOON": 9})
    most = MOST_MINOR // price
    shown = view(cart(Line("YACHT", most, False), Line("SPOON", most + 1, False)), snapshot, "GBP")
    assert [item.subtotal for item in shown.items] == [Money(price * most, "GBP"), None]
    assert shown.subtotal == Money(price * most, "GBP")
    shown = view(cart(Line("YACHT", most, False), Line("SPOON", most, False)), snapshot, "GBP")
    assert shown.subtotal == Money(2**53 - 1, "GBP")


@pytest.mark.parametrize(
    ("available", "sold_out", "shown"),
    [(2, False, True), (1, False, False), (0, False, False), (2, True, True), (None, False, True), (None, True, False)],
)
def test_what_inventory_says_now_counts_before_what_it_told_before(available, sold_out, shown):
    snapshot = ProductSnapshot({"MUG": offer("MUG", 1999, "GBP")}, {"MUG": available})
    [item] = view(cart(Line("MUG", 2, sold_out)), snapshot, "GBP").items
    assert item.available is shown


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
        return {sku: 1 for sku in skus if sku == "SPOON"}


@pytest.mark.parametrize(("silent", "available"), [((), 0), (("inventory",), None)])
async def test_what_nobody_knows_is_told_from_what_there_is_not(silent, available):
    snapshot = await look_up(Neighbors(*silent), {"MUG": 2})
    assert (snapshot.available, snapshot.offers["MUG"].name) == ({"MUG": available}, "Mug")


@pytest.mark.parametrize("silent", [("catalog",), ("catalog", "inventory")])
async def test_without_catalog_there_is_nothing_to_show(silent):
    with pytest.raises(Unavailable, match="catalog"):
        await look_up(Neighbors(*silent), {"MUG": 2})
