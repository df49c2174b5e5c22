"""The public API, with the real catalog and inventory behind it."""

import asyncio
from datetime import datetime, timedelta

import pytest

from stoa.contracts.cart.v1.cart_pb2 import GetCartRequest
from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceStub
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.ids import uuid7
from stoa.services.cart import repository
from stoa.testing import User, new_user

from .conftest import end_round, read


@pytest.fixture
def ada() -> User:
    return new_user()


@pytest.fixture
async def rest(shop):
    await shop.sell("MUG", price=1999, on_hand=10)
    await shop.sell("SPOON", price=333, on_hand=5, variant="silver")
    return shop.rest


def gbp(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "GBP"}


def units(cart) -> dict[str, int]:
    return {item["sku"]: item["quantity"] for item in cart["items"]}


async def test_a_cart_as_it_is_answered(rest, ada):
    await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada, status=201)
    await rest.ok("POST", "/cart/me/items", {"sku": "SPOON", "quantity": 3}, user=ada, status=201)
    cart = await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada, status=201)
    mug, spoon = cart.pop("items")
    assert mug.pop("product_id") != spoon.pop("product_id")
    assert mug == {
        "sku": "MUG",
        "name": "A mug",
        "quantity": 2,
        "unit_price": gbp(1999),
        "compare_at": None,
        "subtotal": gbp(3998),
        "available": True,
        "promise": {"kind": "in_stock", "on": None},
        "problems": [],
        "custom_fields": {},
        "metadata": {},
    }
    assert spoon == {
        "sku": "SPOON",
        "name": "A spoon (silver)",
        "quantity": 3,
        "unit_price": gbp(333),
        "compare_at": None,
        "subtotal": gbp(999),
        "available": True,
        "promise": {"kind": "in_stock", "on": None},
        "problems": [],
        "custom_fields": {},
        "metadata": {},
    }
    assert cart.pop("updated_at").endswith("Z")
    assert cart == {
        "id": ada.id,
        "user_id": ada.id,
        "saved_items": [],
        "subtotal": gbp(4997),
        "item_count": 5,
        "version": 3,
        "expires_at": None,
    }
    for ref in ("me", ada.id, ada.id.upper()):
        assert (await rest.ok("GET", f"/cart/{ref}", user=ada))["version"] == 3


async def test_a_user_who_never_put_anything_in_has_an_empty_cart(rest, db, ada):
    for ref in ("me", ada.id):
        assert await rest.ok("GET", f"/cart/{ref}", user=ada) == {
            "id": ada.id,
            "user_id": ada.id,
            "items": [],
            "saved_items": [],
            "subtotal": gbp(0),
            "item_count": 0,
            "version": 0,
            "updated_at": None,
            "expires_at": None,
        }
    assert await db.fetchval("SELECT count(*) FROM carts") == 0
    opened = await rest.ok("POST", "/cart", user=ada, status=201)
    assert (opened["id"], opened["user_id"]) == (ada.id, ada.id)


async def test_a_guests_cart(rest):
    cart = await rest.ok("POST", "/cart", status=201)
    path = f"/cart/{cart['id']}"
    assert cart["user_id"] is None
    left = datetime.fromisoformat(cart["expires_at"]) - datetime.fromisoformat(cart["updated_at"])
    assert left == timedelta(days=30)
    await rest.ok("POST", f"{path}/items", {"sku": "MUG", "quantity": 2}, status=201)
    assert units(await rest.ok("PUT", f"{path}/items/MUG", {"quantity": 4})) == {"MUG": 4}
    assert units(await rest.ok("PUT", f"{path}/items/SPOON", {"quantity": 1})) == {"MUG": 4, "SPOON": 1}
    assert units(await rest.ok("DELETE", f"{path}/items/MUG")) == {"SPOON": 1}
    unchanged = await rest.ok("DELETE", f"{path}/items/MUG")
    assert (units(unchanged), unchanged["version"]) == ({"SPOON": 1}, 4)
    items = [{"sku": "SPOON", "quantity": 2}, {"sku": "MUG", "quantity": 1}]
    assert units(await rest.ok("PUT", f"{path}/items", {"items": items})) == {"SPOON": 2, "MUG": 1}
    assert (await rest.send("DELETE", path)).status == 204
    assert (await rest.ok("GET", path))["items"] == []


async def test_merging_at_login(rest, ada):
    guests = await rest.ok("POST", "/cart", status=201)
    await rest.ok("POST", f"/cart/{guests['id']}/items", {"sku": "MUG", "quantity": 2}, status=201)
    await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1}, user=ada, status=201)
    answers = await asyncio.gather(
        *(rest.ok("POST", "/cart/me/merge", {"cart_id": guests["id"]}, user=ada) for _ in range(4))
    )
    assert [units(answer) for answer in answers] == [{"MUG": 3}] * 4
    assert (await rest.ok("GET", f"/cart/{guests['id']}"))["items"] == []


async def test_what_is_anothers_does_not_exist(rest, db, store, ada):
    eve = new_user()
    await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 2}, user=ada, status=201)
    before = await read(store, ada.id)
    for stranger in (eve, None):
        for ref in (ada.id, ada.id.upper(), uuid7(), "1", "null", "None", "%00", "me%00"):
            for method, path, body in (
                ("GET", f"/cart/{ref}", None),
                ("DELETE", f"/cart/{ref}", None),
                ("POST", f"/cart/{ref}/items", {"sku": "MUG", "quantity": 1}),
                ("PUT", f"/cart/{ref}/items", {"items": []}),
                ("PUT", f"/cart/{ref}/items/MUG", {"quantity": 1}),
                ("DELETE", f"/cart/{ref}/items/MUG", None),
            ):
                assert (await rest.send(method, path, body, user=stranger)).status == 404, (method, path)
    for ref, cart_id in (("me", ada.id), (ada.id, eve.id), (ada.id, ada.id)):
        assert (await rest.send("POST", f"/cart/{ref}/merge", {"cart_id": cart_id}, user=eve)).status == 404
    for path in ("/cart/me", f"/cart/{ada.id}"):
        assert (await rest.send("POST", f"{path}/merge", {"cart_id": ada.id})).status == 401
    assert (await rest.send("GET", "/cart/me")).status == 401
    assert await read(store, ada.id) == before
    assert await db.fetchval("SELECT count(*) FROM carts") == 1


NOT_QUANTITIES = [0, -1, 1.5, 1e300, 100_001, 2**63, 2**200, "2", True, None, [1], {"$gt": 0}]
NOT_NUMBERS = [b"NaN", b"Infinity", b"1e309", b"-1e309", b"9" * 5000]
NOT_THE_CLIENTS = ["price", "unit_price", "total", "name", "user_id", "cart_id", "version"]


async def test_a_quantity_that_is_none(rest, ada):
    for quantity in NOT_QUANTITIES:
        for method, path, body, field in (
            ("POST", "/cart/me/items", {"sku": "MUG", "quantity": quantity}, "quantity"),
            ("PUT", "/cart/me/items/MUG", {"quantity": quantity}, "quantity"),
            ("PUT", "/cart/me/items", {"items": [{"sku": "MUG", "quantity": quantity}]}, "items[0].quantity"),
        ):
            answer = await rest.send(method, path, body, user=ada)
            assert (answer.status, answer.body["field"]) == (422, field), quantity
    for number in NOT_NUMBERS:
        raw = b'{"sku": "MUG", "quantity": ' + number + b"}"
        assert (await rest.send("POST", "/cart/me/items", raw=raw, user=ada)).status in {400, 422}, number
    assert (await rest.ok("GET", "/cart/me", user=ada))["version"] == 0


async def test_the_client_sets_nothing_else(rest, ada):
    for field in NOT_THE_CLIENTS:
        answer = await rest.send("POST", "/cart/me/items", {"sku": "MUG", "quantity": 1, field: 1}, user=ada)
        assert (answer.status, answer.body["field"]) == (422, field)
    assert (await rest.ok("GET", "/cart/me", user=ada))["version"] == 0


async def test_what_cannot_be_had(rest, ada):
    unknown = await rest.send("POST", "/cart/me/items", {"sku": "NO-SUCH", "quantity": 1}, user=ada)
    assert (unknown.status, unknown.problem, unknown.body["field"]) == (404, "sku-not-found", "sku")
    for sku in ("NO-SUCH", "a%20b", "x" * 500, "'%3B--"):
        assert (await rest.send("PUT", f"/cart/me/items/{sku}", {"quantity": 1}, user=ada)).status == 404
    await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 8}, user=ada, status=201)
    more = await rest.send("POST", "/cart/me/items", {"sku": "MUG", "quantity": 3}, user=ada)
    assert (more.status, more.problem, more.body["available"]) == (409, "out-of-stock", 10)
    partly = {"items": [{"sku": "SPOON", "quantity": 1}, {"sku": "MUG", "quantity": 11}]}
    answer = await rest.send("PUT", "/cart/me/items", partly, user=ada)
    assert (answer.problem, answer.body["field"]) == ("out-of-stock", "items[1].quantity")
    twice = {"items": [{"sku": "MUG", "quantity": 1}, {"sku": "MUG", "quantity": 1}]}
    answer = await rest.send("PUT", "/cart/me/items", twice, user=ada)
    assert (answer.status, answer.problem, answer.body["sku"]) == (422, "duplicate-line", "MUG")
    assert answer.body["field"] == "items[1].sku"
    many = {"items": [{"sku": f"S{at}", "quantity": 1} for at in range(1001)]}
    assert (await rest.send("PUT", "/cart/me/items", many, user=ada)).status == 422
    cart = await rest.ok("GET", "/cart/me", user=ada)
    assert (units(cart), cart["version"]) == ({"MUG": 8}, 1)


async def test_lines_that_can_no_longer_be_bought_are_shown(rest, fill, ada):
    await fill({"MUG": 11, "SPOON": 5, "GONE": 2}, user_id=ada.id)
    cart = await rest.ok("GET", "/cart/me", user=ada)
    shown = {item["sku"]: (item["available"], item["subtotal"]) for item in cart["items"]}
    assert shown == {"GONE": (False, None), "MUG": (False, gbp(21989)), "SPOON": (True, gbp(1665))}
    assert cart["subtotal"] == gbp(21989 + 1665)


async def test_a_cart_is_shown_and_filled_while_inventory_is_silent(shop, rest, db, ada):
    await rest.ok("POST", "/cart/me/items", {"sku": "SPOON", "quantity": 1}, user=ada, status=201)
    async with db.transaction() as tx:
        await repository.mark_sku(tx, "SPOON", 1, sold_out=True)
    await shop.inventory_db.close()
    cart = await rest.ok("POST", "/cart/me/items", {"sku": "MUG", "quantity": 99}, user=ada, status=201)
    assert {item["sku"]: item["available"] for item in cart["items"]} == {"SPOON": False, "MUG": True}


async def test_carts_that_are_read_together_are_each_their_owners_alone(rest, fill):
    shoppers = [new_user() for _ in range(10)]
    for count, shopper in enumerate(shoppers, 1):
        await fill({"MUG": count, "SPOON": 1}, user_id=shopper.id)
    asked = [rest.send("GET", "/cart/me", user=shopper) for shopper in shoppers]
    strangers = [rest.send("GET", f"/cart/{shopper.id}", user=new_user()) for shopper in shoppers]
    answers = await asyncio.gather(*asked, *strangers)
    assert [units(answer.body) for answer in answers[:10]] == [{"MUG": n, "SPOON": 1} for n in range(1, 11)]
    assert [(answer.status, answer.problem) for answer in answers[10:]] == [(404, "cart-not-found")] * 10


async def test_without_catalog_nobody_hears_more_of_a_cart_than_with_it(shop, rest, fill, ada):
    guests, eve = await fill({}), new_user()
    await fill({"MUG": 1}, user_id=ada.id)
    await shop.catalog_db.close()
    asked = (("me", ada), (ada.id, eve), (ada.id, None), ("me", eve), (guests.id, None), (uuid7(), None))
    answers = await asyncio.gather(*(rest.send("GET", f"/cart/{ref}", user=user) for ref, user in asked))
    assert [answer.status for answer in answers] == [503, 404, 404, 200, 200, 404]


async def test_adding_at_once_loses_nothing(rest, ada):
    answers = await asyncio.gather(
        *(
            rest.send("POST", "/cart/me/items", {"sku": sku, "quantity": 1}, user=ada)
            for sku in ("MUG", "SPOON")
            for _ in range(5)
        )
    )
    assert {answer.status for answer in answers} == {201}
    cart = await rest.ok("GET", "/cart/me", user=ada)
    assert (units(cart), cart["version"]) == ({"MUG": 5, "SPOON": 5}, 10)


async def test_one_key_adds_once(rest, ada):
    item = {"sku": "MUG", "quantity": 1}
    answers = await asyncio.gather(*(rest.send("POST", "/cart/me/items", item, user=ada, key="once") for _ in range(5)))
    assert [units(answer.body) for answer in answers] == [{"MUG": 1}] * 5
    other = await rest.send("POST", "/cart/me/items", {"sku": "SPOON", "quantity": 1}, user=ada, key="once")
    assert (other.status, other.problem) == (422, "idempotency-key-reused")


ADDRESS = {"name": "Ada", "line1": "12 St James's Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"}


async def test_a_cart_is_opened_with_all_that_an_order_needs(rest, shop):
    body = {
        "items": [{"sku": "MUG", "quantity": 2}, {"sku": "SPOON", "quantity": 1}],
        "email": "Ada@Example.com",
        "shipping_address": ADDRESS,
        "billing_address": None,
    }
    cart = await rest.ok("POST", "/cart", body, status=201)
    assert (units(cart), cart["item_count"], cart["user_id"]) == ({"MUG": 2, "SPOON": 1}, 3, None)
    # Who knows the id sees what is in it, and never who they are.
    shown = await rest.send("GET", f"/cart/{cart['id']}")
    assert (units(shown.body), shown.body["version"]) == ({"MUG": 2, "SPOON": 1}, cart["version"])
    assert not shown.body.keys() & {"email", "shipping_address", "billing_address"}
    told = await CartServiceStub(InProcessChannel(shop.registry)).GetCart(GetCartRequest(cart_id=cart["id"]))
    assert (told.email, told.shipping_address.line1) == ("ada@example.com", ADDRESS["line1"])
    assert not told.HasField("billing_address")


async def test_what_cannot_be_had_opens_no_cart(rest, db):
    for body, refusal in (
        ({"items": [{"sku": "MUG", "quantity": 11}]}, (409, "items[0].quantity")),
        ({"items": [{"sku": "MUG", "quantity": 1}, {"sku": "NONE", "quantity": 1}]}, (404, "items[1].sku")),
        ({"items": [{"sku": "MUG", "quantity": 1}, {"sku": "MUG", "quantity": 1}]}, (422, "items[1].sku")),
        ({"email": "nobody"}, (422, "email")),
        ({"email": "a\u200bda@example.com"}, (422, "email")),
        ({"shipping_address": {"name": "Ada"}}, (422, "shipping_address.line1")),
    ):
        refused = await rest.send("POST", "/cart", body)
        assert (refused.status, refused.body["field"]) == refusal
    assert await db.fetchval("SELECT count(*) FROM carts") == 0


async def test_opened_twice_ones_own_cart_has_it_once_and_keeps_the_rest(rest, ada):
    await rest.ok("POST", "/cart/me/items", {"sku": "SPOON", "quantity": 3}, user=ada, status=201)
    for _ in range(2):
        cart = await rest.ok("POST", "/cart", {"items": [{"sku": "MUG", "quantity": 2}]}, user=ada, status=201)
        assert (cart["id"], units(cart), cart["version"]) == (ada.id, {"SPOON": 3, "MUG": 2}, 2)


async def test_under_a_key_a_cart_is_opened_once(rest, ada, db):
    body = {"items": [{"sku": "MUG", "quantity": 2}], "email": "ada@example.com"}
    first, again = [await rest.ok("POST", "/cart", body, user=ada, key="k", status=201) for _ in range(2)]
    assert first == again
    other = await rest.send("POST", "/cart", body | {"email": "eve@example.com"}, user=ada, key="k")
    assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert await db.fetchval("SELECT email FROM carts") == "ada@example.com"


async def test_what_was_said_ends_with_the_round_and_with_a_merge(rest, ada, db, store):
    body = {"items": [{"sku": "MUG", "quantity": 2}], "email": "ada@example.com", "shipping_address": ADDRESS}
    bought, merged = [await rest.ok("POST", "/cart", body, status=201) for _ in range(2)]
    await end_round(store, bought["id"], 0, {"MUG": 2})
    await rest.ok("POST", "/cart/me/merge", {"cart_id": merged["id"]}, user=ada)
    left = "SELECT count(*) FROM carts WHERE num_nonnulls(email, shipping_address, billing_address) > 0"
    assert await db.fetchval(left) == 0


async def test_what_a_cart_has_under_a_key_it_does_not_get_again(rest, ada, db, lines):
    """Also where the answer was never stored: whoever did it first has died."""
    item = {"sku": "MUG", "quantity": 2}
    for _ in range(2):
        await rest.ok("POST", "/cart/me/items", item, user=ada, key="k", status=201)
        await db.execute("DELETE FROM idempotency_keys")
    assert await lines(ada.id) == {"MUG": 2}
    await rest.ok("POST", "/cart/me/items", {"sku": "SPOON", "quantity": 1}, user=ada, key="k", status=201)
    await rest.ok("POST", "/cart/me/items", item, user=ada, key="another", status=201)
    assert await lines(ada.id) == {"MUG": 4, "SPOON": 1}


async def test_who_buys_can_be_said_at_any_time(rest, shop, ada):
    opened = await rest.ok("POST", "/cart", {"email": "Eve@Example.com"}, status=201)
    path = f"/cart/{opened['id']}/contact"
    address = {"name": "Eve", "line1": "1 Lane", "city": "Bath", "postal_code": "BA1 1AA", "country": "GB"}
    said = await rest.ok("PUT", path, {"shipping_address": address})
    assert said["version"] == opened["version"] + 1
    assert "Eve" not in str(said)
    told = await CartServiceStub(InProcessChannel(shop.registry)).GetCart(GetCartRequest(cart_id=opened["id"]))
    assert (told.email, told.shipping_address.city, told.HasField("billing_address")) == (
        "eve@example.com",
        "Bath",
        False,
    )
    refusal = await rest.send("PUT", path, {"email": "nobody"})
    assert (refusal.status, refusal.body["field"]) == (422, "email")
    assert (await rest.send("PUT", f"/cart/{ada.id}/contact", {}, user=new_user())).status == 404
