"""What is saved for later stays in the cart's sight, and is not bought."""

import pytest

from stoa.contracts.cart.v1.cart_pb2 import GetCartRequest
from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.services.cart.document import Said
from stoa.services.cart.lines import MOST_LINES
from stoa.services.cart.store import Change
from stoa.testing import new_user

from .conftest import end_round, read


@pytest.fixture
async def rest(shop):
    await shop.sell("MUG", price=1999, on_hand=10)
    await shop.sell("SPOON", price=333, on_hand=5)
    return shop.rest


@pytest.fixture
def ada():
    return new_user()


def units(cart):
    return [{item["sku"]: item["quantity"] for item in cart[part]} for part in ("items", "saved_items")]


async def fill(rest, user, **lines):
    items = [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()]
    return await rest.ok("PUT", "/cart/me/items", {"items": items}, user=user)


async def test_there_and_back(rest, shop, ada):
    await fill(rest, ada, MUG=2, SPOON=1)
    aside = await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada)
    assert (units(aside), aside["subtotal"]["amount"], aside["item_count"], aside["version"]) == (
        [{"SPOON": 1}, {"MUG": 2}],
        333,
        1,
        2,
    )
    assert aside["saved_items"][0]["unit_price"] == {"amount": 1999, "currency": "GBP"}
    assert await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada) == aside
    assert await rest.ok("GET", "/cart/me", user=ada) == aside
    told = await CartServiceStub(InProcessChannel(shop.registry)).GetCart(GetCartRequest(user_id=ada.id))
    assert [(line.sku, line.quantity) for line in told.lines] == [("SPOON", 1)]
    back = await rest.ok("POST", "/cart/me/saved/MUG/move-to-cart", user=ada)
    assert (units(back), back["version"]) == ([{"SPOON": 1, "MUG": 2}, {}], 3)
    assert await rest.ok("POST", "/cart/me/saved/MUG/move-to-cart", user=ada) == back
    await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada)
    gone = await rest.ok("DELETE", "/cart/me/saved/MUG", user=ada)
    assert units(gone) == [{"SPOON": 1}, {}]
    assert await rest.ok("DELETE", "/cart/me/saved/MUG", user=ada) == gone


async def test_putting_it_in_takes_it_up_again(rest, ada):
    await fill(rest, ada, MUG=2)
    await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada)
    added = await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada, status=201)
    assert units(added) == [{"MUG": 1}, {}]
    await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada)
    assert (await rest.send("DELETE", "/cart/me", user=ada)).status == 204
    assert units(await rest.ok("GET", "/cart/me", user=ada)) == [{}, {"MUG": 1}]


async def test_what_was_said_of_a_line_goes_along(rest, ada):
    await rest.ok(
        "POST",
        "/custom-fields/cart-line",
        {"name": "engraving", "type": "text", "max_length": 10, "public": True},
        user=new_user("admin"),
        status=201,
    )
    item = {"sku": "MUG", "quantity": 1, "custom_fields": {"engraving": "Ada"}, "metadata": {"page": "7"}}
    await rest.ok("POST", "/cart/me/items", item, user=ada, status=201)
    aside = await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada)
    assert aside["saved_items"][0]["custom_fields"] == {"engraving": "Ada"}
    back = await rest.ok("POST", "/cart/me/saved/MUG/move-to-cart", user=ada)
    assert (back["items"][0]["custom_fields"], back["items"][0]["metadata"]) == ({"engraving": "Ada"}, {"page": "7"})


async def test_what_is_refused_changes_nothing(rest, shop, ada):
    before = await fill(rest, ada, MUG=7)
    for path in ("items/CUP/save-for-later", "saved/CUP/move-to-cart"):
        refusal = await rest.send("POST", f"/cart/me/{path}", user=ada)
        assert (refusal.status, refusal.body["type"], refusal.body["field"]) == (404, "/problems/line-not-found", "sku")
    assert await rest.ok("GET", "/cart/me", user=ada) == before
    aside = await rest.ok("POST", "/cart/me/items/MUG/save-for-later", user=ada)
    await shop.inventory_db.execute("UPDATE stock SET on_hand = 6 WHERE sku = 'MUG'")
    refusal = await rest.send("POST", "/cart/me/saved/MUG/move-to-cart", user=ada)
    assert (refusal.status, refusal.body["type"], refusal.body["available"]) == (409, "/problems/out-of-stock", 6)
    assert (await rest.ok("GET", "/cart/me", user=ada))["version"] == aside["version"]
    eve = new_user()
    for method, path in (
        ("POST", "saved/MUG/move-to-cart"),
        ("POST", "items/MUG/save-for-later"),
        ("DELETE", "saved/MUG"),
    ):
        assert (await rest.send(method, f"/cart/{ada.id}/{path}", user=eve)).status == 404
    assert (await rest.ok("GET", "/cart/me", user=ada))["version"] == aside["version"]


async def test_what_is_set_aside_counts_against_the_limit(store, rest, ada):
    await store.open(ada.id, ada.id, lambda _: Change({}, saved={f"S{n}": 1 for n in range(MOST_LINES)}))
    refusal = await rest.send("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada)
    assert (refusal.status, refusal.body["type"], refusal.body["limit"]) == (409, "/problems/cart-full", MOST_LINES)


async def test_a_purchase_takes_out_nothing_of_it(store, fill_cart):
    cart = await fill_cart({"MUG": 2}, saved={"SPOON": 1})
    await end_round(store, cart.id, 0, {"MUG": 2, "SPOON": 1})
    after = await read(store, cart.id)
    assert (after.quantities, after.saved_quantities, after.round) == ({}, {"SPOON": 1}, 1)


async def test_every_store_keeps_it_as_it_is_said(store, fill_cart):
    said = {"MUG": Said({"1": "Ada"}, {"page": "7"})}
    cart = await fill_cart({"SPOON": 1}, saved={"MUG": 2, "TEA": 1}, said=said)
    assert [(line.sku, line.quantity, line.said) for line in cart.saved] == [
        ("MUG", 2, said["MUG"]),
        ("TEA", 1, Said()),
    ]
    assert await store.change(cart.id, lambda now: Change(now.quantities)) == cart
    taken_up = await store.change(cart.id, lambda now: Change({**now.quantities, "MUG": 5}))
    assert (taken_up.quantities, taken_up.saved_quantities) == ({"SPOON": 1, "MUG": 5}, {"TEA": 1})
    assert taken_up.lines[1].said == said["MUG"]


@pytest.fixture
def fill_cart(store):
    async def write(lines, **change):
        return await store.open("01950000-0000-7000-8000-000000000001", None, lambda _: Change(lines, **change))

    return write
