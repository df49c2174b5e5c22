"""What a shopper says of a line: checked by the shop's definitions, kept with the line, told to the checkout."""

import pytest

from stoa.contracts.cart.v1.cart_pb2 import GetCartRequest
from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.services.cart.said import MOST_SAID_BYTES
from stoa.testing import new_user

ADMIN = new_user("admin")
LINES = "/custom-fields/cart-line"
ENGRAVING = {"name": "engraving", "type": "text", "max_length": 10, "public": True}


@pytest.fixture
async def rest(shop):
    await shop.sell("MUG", price=1999, on_hand=5)
    await shop.sell("SPOON", price=333, on_hand=5)
    return shop.rest


@pytest.fixture
async def engraving(rest):
    await rest.ok("POST", LINES, ENGRAVING, status=201, user=ADMIN)


def said_of(cart):
    return {item["sku"]: (item["quantity"], item["custom_fields"], item["metadata"]) for item in cart["items"]}


async def test_a_line_keeps_what_is_said_of_it(rest, shop, engraving):
    items = [
        {"sku": "MUG", "quantity": 1, "custom_fields": {"engraving": "Ada"}, "metadata": {"page": "7"}},
        {"sku": "SPOON", "quantity": 1},
    ]
    cart = await rest.ok("POST", "/cart", {"items": items}, status=201)
    assert said_of(cart) == {"MUG": (1, {"engraving": "Ada"}, {"page": "7"}), "SPOON": (1, {}, {})}
    path = f"/cart/{cart['id']}/items"
    more = await rest.ok("POST", path, {"sku": "MUG", "quantity": 1}, status=201)
    assert said_of(more)["MUG"] == (2, {"engraving": "Ada"}, {"page": "7"})
    other = {"quantity": 2, "custom_fields": {"engraving": "Eve"}, "metadata": {"page": None, "x": "y"}}
    changed = await rest.ok("PUT", f"{path}/MUG", other)
    assert said_of(changed)["MUG"] == (2, {"engraving": "Eve"}, {"x": "y"})
    assert changed["version"] == more["version"] + 1
    assert await rest.ok("PUT", f"{path}/MUG", other) == changed
    told = await CartServiceStub(InProcessChannel(shop.registry)).GetCart(GetCartRequest(cart_id=cart["id"]))
    assert [(line.sku, line.custom_fields_json, dict(line.metadata)) for line in told.lines] == [
        ("MUG", b'{"engraving":"Eve"}', {"x": "y"}),
        ("SPOON", b"", {}),
    ]
    await rest.ok("DELETE", f"{path}/MUG")
    again = await rest.ok("POST", path, {"sku": "MUG", "quantity": 1}, status=201)
    assert said_of(again)["MUG"] == (1, {}, {})


async def test_a_guest_who_signs_in_said_it_last(rest, engraving):
    ada = new_user()
    mine = {"sku": "MUG", "quantity": 1, "custom_fields": {"engraving": "mine"}}
    await rest.ok("POST", "/cart/me/items", mine, status=201, user=ada)
    guests = {"sku": "MUG", "quantity": 1, "custom_fields": {"engraving": "guest's"}}
    cart = await rest.ok("POST", "/cart", {"items": [guests]}, status=201)
    merged = await rest.ok("POST", "/cart/me/merge", {"cart_id": cart["id"]}, user=ada)
    assert said_of(merged) == {"MUG": (2, {"engraving": "guest's"}, {})}


@pytest.mark.parametrize(
    ("custom_fields", "problem", "name"),
    [({"engraving": "x" * 11}, "custom-field-value", "engraving"), ({"color": "red"}, "unknown-custom-field", "color")],
)
async def test_what_no_line_has_changes_nothing(rest, engraving, custom_fields, problem, name):
    cart = await rest.ok("POST", "/cart", {"items": [{"sku": "SPOON", "quantity": 1}]}, status=201)
    line, path = {"sku": "MUG", "quantity": 1, "custom_fields": custom_fields}, f"/cart/{cart['id']}"
    for method, at, body, place in (
        ("POST", "/items", line, ""),
        ("PUT", "/items", {"items": [{"sku": "SPOON", "quantity": 2}, line]}, "items[1]."),
        ("PUT", "/items/SPOON", {"quantity": 2, "custom_fields": custom_fields}, ""),
    ):
        refused = await rest.send(method, path + at, body)
        assert (refused.status, refused.problem) == (422, problem)
        assert refused.body["field"] == f"{place}custom_fields.{name}"
    assert await rest.ok("GET", path) == cart


async def test_all_lines_together_say_no_more_than_a_checkout_passes_on(rest, shop):
    """A guest writes 25 kB to each of 1,000 lines, and every later change of one would read all of it."""
    most = {f"k{at}": "v" * 500 for at in range(50)}
    skus = [f"S{at}" for at in range(MOST_SAID_BYTES // 25_000 + 1)]
    for sku in skus:
        await shop.sell(sku, price=100, on_hand=5)
    items = [{"sku": sku, "quantity": 1, "metadata": most} for sku in skus]
    cart = await rest.ok("POST", "/cart", {"items": items[:-1]}, status=201)
    path = f"/cart/{cart['id']}/items"
    ada = new_user()
    await rest.ok("POST", "/cart/me/items", items[-1], status=201, user=ada)
    for method, at, body, user in (
        ("POST", path, items[-1], None),
        ("PUT", path, {"items": items}, None),
        ("POST", "/cart", {"items": items}, None),
        ("POST", "/cart/me/merge", {"cart_id": cart["id"]}, ada),
    ):
        refused = await rest.send(method, at, body, user=user)
        assert (refused.status, refused.problem, refused.body["limit"]) == (409, "cart-full", MOST_SAID_BYTES)
    assert said_of(await rest.ok("GET", f"/cart/{cart['id']}")) == said_of(cart)
    # What says nothing goes in, and what is said may take the place of what goes out.
    await rest.ok("POST", path, {"sku": skus[-1], "quantity": 1}, status=201)
    await rest.ok("PUT", path, {"items": items[1:]})


async def test_a_field_of_a_line_is_public(rest, engraving):
    refused = await rest.send("POST", LINES, ENGRAVING | {"name": "secret", "public": False}, user=ADMIN)
    assert (refused.status, refused.body["field"]) == (422, "public")


async def test_what_was_said_for_a_field_that_is_gone_is_not_shown(rest, engraving):
    line = {"sku": "MUG", "quantity": 1, "custom_fields": {"engraving": "Ada"}}
    cart = await rest.ok("POST", "/cart", {"items": [line]}, status=201)
    await rest.ok("DELETE", f"{LINES}/engraving", status=204, user=ADMIN)
    await rest.ok("POST", LINES, ENGRAVING, status=201, user=ADMIN)
    assert said_of(await rest.ok("GET", f"/cart/{cart['id']}")) == {"MUG": (1, {}, {})}
