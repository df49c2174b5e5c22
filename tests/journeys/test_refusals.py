"""Bad input gets a clear error with the field at fault, and changes nothing."""

import asyncio
import io

import pytest
from journeys.client import ADDRESS, Shopper, card

HOSTILE = "Robert'); DROP TABLE orders;-- <script>alert(1)</script> ${7*7} 🛒"


@pytest.mark.parametrize(
    ("quantity", "status"),
    [(0, 422), (-1, 422), (1.5, 422), ("2", 422), (None, 422), (True, 422), (10**18, 422), (100_001, 422)],
)
async def test_a_quantity_that_is_none(visitor: Shopper, new_product, quantity, status):
    sku = await new_product(price=500, on_hand=5)
    ada = await visitor.register()
    answer = await ada.refused("POST", "/cart/me/items", {"sku": sku, "quantity": quantity})
    assert (answer.status, answer.body["field"]) == (status, "quantity")
    assert (await ada.ok("GET", "/cart/me"))["items"] == []


async def test_more_than_there_is(visitor: Shopper, new_product):
    sku = await new_product(price=500, on_hand=5)
    ada = await visitor.register()
    answer = await ada.refused("POST", "/cart/me/items", {"sku": sku, "quantity": 6})
    assert (answer.status, answer.problem) == (409, "out-of-stock")


async def test_an_unknown_sku(visitor: Shopper):
    ada = await visitor.register()
    answer = await ada.refused("POST", "/cart/me/items", {"sku": "NO-SUCH-SKU", "quantity": 1})
    assert (answer.status, answer.body["field"]) == (404, "sku")


async def test_an_empty_cart_and_a_missing_key(visitor: Shopper):
    ada = await visitor.register()
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
    empty = await ada.refused("POST", "/orders", body)
    assert (empty.status, empty.problem) == (409, "cart-empty")
    async with ada.session.post(
        f"{ada.base_url}/api/v1/orders", json=body, headers={"Authorization": f"Bearer {ada.token}"}
    ) as answer:
        document = await answer.json()
    assert (answer.status, document["field"]) == (400, "Idempotency-Key")


@pytest.mark.parametrize("field", ["total", "price", "items", "user_id", "status"])
async def test_the_client_sets_no_price(visitor: Shopper, new_product, field):
    sku = await new_product(price=500, on_hand=5)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    body = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card(), field: 1}
    answer = await ada.refused("POST", "/orders", body)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert (await ada.ok("GET", "/orders"))["items"] == []


async def test_bodies_that_cannot_be_read(visitor: Shopper):
    url = f"{visitor.base_url}/api/v1/auth/register"
    for data, status in (
        (b"{", 400),
        (b"", 400),
        (b"[]", 422),
        (b"\xff\xfe", 400),
        (b"[" * 100_000, 422),
        (b" " * 2_000_000, 413),
    ):
        sent = visitor.session.post(url, data=io.BytesIO(data), headers={"Content-Type": "application/json"})
        async with sent as answer:
            assert answer.status == status, (data[:20], await answer.text())
            assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_hostile_text_is_text(visitor: Shopper, admin: Shopper, new_product):
    sku = await new_product(price=500, on_hand=5, name=HOSTILE)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 1})
    order = await ada.buy(shipping_address=ADDRESS | {"name": HOSTILE})
    assert order["items"][0]["name"] == HOSTILE
    assert order["shipping_address"]["name"] == HOSTILE
    mails = await admin.until(f"/notifications?order_id={order['id']}", lambda body: len(body["items"]) == 1)
    mail = await admin.ok("GET", f"/notifications/{mails['items'][0]['id']}")
    assert "<script>" not in mail["html"]
    for hidden in ("a\u0000b", "a\u202eb", "a\r\nBcc: b"):
        refused = await ada.refused("PATCH", "/users/profile", {"first_name": hidden})
        assert (refused.status, refused.body["field"]) == (422, "first_name")


async def test_a_parallel_flood_of_one_key_never_runs_twice(visitor: Shopper):
    ada = await visitor.register()
    address = {"name": "A", "line1": "1", "city": "L", "postal_code": "N1", "country": "GB"}
    answers = await asyncio.gather(*(ada.send("POST", "/users/addresses", address, key="once") for _ in range(20)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert len((await ada.ok("GET", "/users/addresses"))["items"]) == 1
