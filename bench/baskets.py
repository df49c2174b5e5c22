"""Carts to be bought: filled before the clock starts, so that only POST /orders is timed.

Guests buy them, each with a cart of one line. A guest's cart is named by its id, so there can be any
number of them; a signed-in customer has one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import uuid4

import msgspec

from bench import load
from bench.load import Sample

CONNECTIONS = 16

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
}
ORDER = {
    "shipping_address": ADDRESS,
    "shipping_method": "standard",
    "payment": {"method": "card", "token": "tok_ok"},
}


class _Cart(msgspec.Struct):
    id: str


async def fill(port: int, count: int, sku_of: Callable[[int], str]) -> list[bytes]:
    """`count` carts with one piece of what `sku_of` names in each; the requests that buy them."""
    opened = await _all_well(port, (load.request("POST", "/api/v1/cart") for _ in range(count)), 201)
    cart_ids = [msgspec.json.decode(body, type=_Cart).id for body in opened.bodies]
    await _all_well(port, (_put(cart_id, sku_of(number)) for number, cart_id in enumerate(cart_ids)), 200)
    return [order_request(cart_id) for cart_id in cart_ids]


def order_request(cart_id: str) -> bytes:
    body = msgspec.json.encode({**ORDER, "cart_id": cart_id, "email": "ada@example.com"})
    return load.request("POST", "/api/v1/orders", body, headers={"Idempotency-Key": str(uuid4())})


async def buy(port: int, orders: Sequence[bytes], *, connections: int) -> Sample:
    """Send the orders, one after another on each connection. Raises where one was refused."""
    return await _all_well(port, iter(orders), 201, connections)


def _put(cart_id: str, sku: str) -> bytes:
    body = msgspec.json.encode({"items": [{"sku": sku, "quantity": 1}]})
    return load.request("PUT", f"/api/v1/cart/{cart_id}/items", body)


async def _all_well(port: int, requests: Iterator[bytes], status: int, connections: int = CONNECTIONS) -> Sample:
    sample = await load.run(port, requests, connections=connections, keep_bodies=True)
    if sample.refused(status):
        wrong = next((body for body in sample.bodies if b"/problems/" in body), b"")
        raise RuntimeError(f"{sample.refused(status)} of {sample.answers} requests were refused: {wrong.decode()}")
    return sample
