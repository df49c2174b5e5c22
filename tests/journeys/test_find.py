"""Finding: what a seller adds is found a moment later, as it is now, and what staff say comes of a search."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from journeys.client import Shopper

WITHIN_SECONDS = 10.0
"""On a machine that does much else. At rest it is a part of a second."""


async def until_found(visitor: Shopper, path: str, ids: list[str]) -> dict[str, Any]:
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            answer: dict[str, Any] = await visitor.ok("GET", path)
            if [item["id"] for item in answer["items"]] == ids:
                return answer
            await asyncio.sleep(0.05)


async def test_what_is_added_is_found_and_what_staff_say_comes_of_it(visitor: Shopper, admin: Shopper) -> None:
    word = f"zq{uuid4().hex[:10]}"
    body = {
        "name": f"Lantern {word}",
        "brand": "Rainy Day",
        "variants": [{"sku": f"{word}-1", "price": {"amount": 1250, "currency": "GBP"}}],
    }
    lantern = await admin.ok("POST", "/products", body, status=201)
    found = await until_found(visitor, f"/search?q={word}", [lantern["id"]])
    assert (found["items"][0]["available"], found["items"][0]["price"]["amount"]) == (False, 1250)

    await admin.ok("PUT", f"/inventory/{word}-1", {"on_hand": 3})
    await until_found(visitor, f"/products/search?q={word}&in_stock=true", [lantern["id"]])

    other = f"yx{uuid4().hex[:10]}"
    rule = await admin.ok("POST", "/search/rules", {"query": other, "pinned": [lantern["id"]]}, status=201)
    await until_found(visitor, f"/search?q={other}", [lantern["id"]])
    await admin.ok("DELETE", f"/search/rules/{rule['id']}", status=204)
    await until_found(visitor, f"/search?q={other}", [])

    await admin.ok("DELETE", f"/products/{lantern['id']}", status=204)
    await until_found(visitor, f"/search?q={word}", [])


async def test_what_is_bought_comes_before_what_is_not(visitor: Shopper, admin: Shopper) -> None:
    word = f"zq{uuid4().hex[:10]}"
    ids: dict[str, str] = {}
    for sku in (f"{word}-1", f"{word}-2"):
        variant = {"sku": sku, "price": {"amount": 900, "currency": "GBP"}}
        body = {"slug": sku, "name": f"Wine {word}", "variants": [variant]}
        ids[sku] = (await admin.ok("POST", "/products", body, status=201))["id"]
        await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": 50})
    popular, relevant = f"/search?q={word}&in_stock=true&sort=popularity", f"/search?q={word}&in_stock=true"
    before = await visitor.until(popular, lambda body: body["total"] == 2, WITHIN_SECONDS)
    second = before["items"][1]
    ada = await visitor.register()
    await ada.fill_cart(**{second["skus"][0]: 28})
    order = await ada.buy()
    bought_first = [second["id"], before["items"][0]["id"]]
    await until_found(visitor, popular, bought_first)
    await until_found(visitor, relevant, bought_first)

    # The other one is bought less, and comes first when the larger order is called off.
    await ada.fill_cart(**{before["items"][0]["skus"][0]: 1})
    await ada.buy()
    await ada.ok("POST", f"/orders/{order['id']}/cancel", {"reason": "Too much of it"})
    await until_found(visitor, popular, bought_first[::-1])
