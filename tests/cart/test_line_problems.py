"""What has changed since a shopper put something in is said at the line, until the shopper takes it as it is."""

import pytest

from stoa.kit.money import Money
from stoa.services.cart.document import Line
from stoa.services.cart.line_problems import LineProblem, Type, problems_of
from stoa.testing import new_user

NINE, TEN = Money(900, "GBP"), Money(1000, "GBP")


@pytest.mark.parametrize(
    ("line", "price", "available", "found"),
    [
        (Line("MUG", 2, False, seen=NINE), NINE, 2, []),
        (Line("MUG", 2, False), NINE, None, []),
        (Line("MUG", 2, False, seen=NINE), None, 5, [(Type.NOT_FOR_SALE, None, None, None)]),
        (Line("MUG", 2, False), NINE, 0, [(Type.OUT_OF_STOCK, 0, None, None)]),
        (Line("MUG", 2, True), NINE, None, [(Type.OUT_OF_STOCK, 0, None, None)]),
        (Line("MUG", 2, True), NINE, 2, []),
        (Line("MUG", 2, False), NINE, 1, [(Type.QUANTITY_REDUCED, 1, None, None)]),
        (Line("MUG", 2, False, seen=NINE), TEN, 2, [(Type.PRICE_CHANGED, None, NINE, TEN)]),
        (
            Line("MUG", 2, False, seen=TEN),
            NINE,
            1,
            [(Type.QUANTITY_REDUCED, 1, None, None), (Type.PRICE_CHANGED, None, TEN, NINE)],
        ),
    ],
)
def test_what_is_wrong_with_a_line(line, price, available, found):
    problems = problems_of(line, price, available)
    assert [(one.type, one.available, one.before, one.now) for one in problems] == found
    assert {one.sku for one in problems} <= {"MUG"}


def test_it_is_said_in_words():
    [one] = problems_of(Line("MUG", 2, False, seen=NINE), TEN, 2)
    assert one == LineProblem(
        type=Type.PRICE_CHANGED,
        sku="MUG",
        detail="One cost 9.00 GBP when it was put in, and costs 10.00 GBP now.",
        before=NINE,
        now=TEN,
    )


@pytest.fixture
async def rest(shop):
    for sku, price in (("MUG", 1999), ("SPOON", 333), ("FORK", 444), ("CUP", 555)):
        await shop.sell(sku, price=price, on_hand=10)
    return shop.rest


@pytest.fixture
def ada():
    return new_user()


async def change(shop):
    """Behind the shopper's back: a price, what is there of two, and one that is sold no more."""
    await shop.catalog_db.execute("UPDATE variants SET price_minor = 2499 WHERE sku = 'MUG'")
    await shop.inventory_db.execute("UPDATE stock SET on_hand = 2 WHERE sku = 'SPOON'")
    await shop.inventory_db.execute("UPDATE stock SET on_hand = 0 WHERE sku = 'FORK'")
    await shop.catalog_db.execute(
        "UPDATE products SET status = 'archived' WHERE id = (SELECT product_id FROM variants WHERE sku = 'CUP')"
    )


async def test_a_cart_says_what_has_changed_and_takes_it_when_told(rest, shop, ada):
    items = [{"sku": sku, "quantity": 3} for sku in ("MUG", "SPOON", "FORK", "CUP")]
    before = await rest.ok("PUT", "/cart/me/items", {"items": items}, user=ada)
    assert [item["problems"] for item in before["items"]] == [[], [], [], []]
    await change(shop)
    shown = await rest.ok("GET", "/cart/me", user=ada)
    assert {
        item["sku"]: [(one["type"], one["available"], one["before"], one["now"]) for one in item["problems"]]
        for item in shown["items"]
    } == {
        "MUG": [("price-changed", None, {"amount": 1999, "currency": "GBP"}, {"amount": 2499, "currency": "GBP"})],
        "SPOON": [("quantity-reduced", 2, None, None)],
        "FORK": [("out-of-stock", 0, None, None)],
        "CUP": [("not-for-sale", None, None, None)],
    }
    assert shown["version"] == before["version"]
    taken = await rest.ok("POST", "/cart/me/problems/accept", user=ada)
    assert [(item["sku"], item["quantity"], item["problems"]) for item in taken["items"]] == [
        ("MUG", 3, []),
        ("SPOON", 2, []),
    ]
    assert [(item["sku"], item["quantity"]) for item in taken["saved_items"]] == [("FORK", 3)]
    assert (taken["subtotal"]["amount"], taken["version"]) == (3 * 2499 + 2 * 333, before["version"] + 1)
    assert await rest.ok("POST", "/cart/me/problems/accept", user=ada) == taken


async def test_who_changes_the_line_has_seen_its_price(rest, shop, ada):
    await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada, status=201)
    await change(shop)
    [item] = (await rest.ok("GET", "/cart/me", user=ada))["items"]
    assert [one["type"] for one in item["problems"]] == ["price-changed"]
    [item] = (await rest.ok("PUT", "/cart/me/items/MUG", {"quantity": 2}, user=ada))["items"]
    assert item["problems"] == []


async def test_accepting_nothing_makes_nothing_and_is_nobody_elses(rest, db, ada):
    assert (await rest.ok("POST", "/cart/me/problems/accept", user=ada))["version"] == 0
    await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada, status=201)
    refusal = await rest.send("POST", f"/cart/{ada.id}/problems/accept", user=new_user())
    assert (refusal.status, refusal.body["type"]) == (404, "/problems/cart-not-found")


async def test_what_a_guest_saw_is_known_after_the_merge(rest, shop, ada):
    guests = await rest.ok("POST", "/cart", {"items": [{"sku": "MUG", "quantity": 1}]}, status=201)
    await change(shop)
    merged = await rest.ok("POST", "/cart/me/merge", {"cart_id": guests["id"]}, user=ada)
    assert [one["type"] for one in merged["items"][0]["problems"]] == ["price-changed"]
