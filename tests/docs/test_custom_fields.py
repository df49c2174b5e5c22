"""The page on custom fields: its requests are sent, in their order, by an admin."""

import json
from collections.abc import Awaitable, Callable

from docs.pages import ROOT, blocks
from journeys.client import ADDRESS, Shopper

PAGE = ROOT / "docs" / "custom-fields.md"


async def test_the_requests_of_the_page(admin: Shopper):
    answers = []
    for block in blocks(PAGE, "text"):
        request, _, body = block.text.partition("\n")
        method, path = request.split(" ")
        # The page's vase is not in any warehouse, and the cart of a page need not be ordered.
        if path == "/cart":
            await admin.ok("PUT", "/inventory/CUSTOM-VASE", {"on_hand": 1})
        answers.append(await admin.send(method, path, json.loads(body) if body.strip() else None))
    assert [answer.status for answer in answers] == [200, 201, 201, 200, 200, 201, 201]
    demo, _, made, changed, found, _, cart = (answer.body for answer in answers)
    assert {card["slug"] for card in demo["items"]} == {"chefs-knife", "fountain-pen"}
    assert (made["custom_fields"], made["metadata"]) == ({"material": "clay"}, {"erp": "V-1"})
    assert (changed["custom_fields"], changed["metadata"]) == ({"material": "glass"}, {})
    assert [card["slug"] for card in found["items"]] == ["custom-vase"]
    assert cart["items"][0]["custom_fields"] == {"engraving": "For Ada"}


async def test_what_was_said_is_in_the_order(admin: Shopper, new_product: Callable[..., Awaitable[str]]):
    for path, name in (("cart-line", "dedication"), ("order", "purchase_order")):
        body = {"name": name, "type": "text", "public": True, "filterable": path == "order"}
        await admin.ok("POST", f"/custom-fields/{path}", body, status=201)
    await admin.ok("DELETE", "/cart/me", status=204)
    sku = await new_product(price=1500, on_hand=3)
    line = {"sku": sku, "quantity": 1, "custom_fields": {"dedication": "For Ada"}, "metadata": {"page": "7"}}
    cart = await admin.ok("POST", "/cart", {"items": [line], "shipping_address": ADDRESS}, status=201)
    order = {"cart_id": cart["id"], "shipping_method": "standard", "payment": {"method": "card", "token": "tok_ok"}}
    refused = await admin.refused("POST", "/orders", order | {"custom_fields": {"purchase_ordre": "A-17"}})
    assert (refused.status, refused.body["field"]) == (422, "custom_fields.purchase_ordre")
    said = {"custom_fields": {"purchase_order": "A-17"}, "metadata": {"till": "2"}}
    placed = await admin.ok("POST", "/orders", order | said, status=201)
    assert placed["custom_fields"] == {"purchase_order": "A-17"}
    assert placed["items"][0]["custom_fields"] == {"dedication": "For Ada"}
    found = await admin.ok("GET", "/orders?custom.purchase_order=A-17")
    assert [(one["id"], one["metadata"], one["items"][0]["metadata"]) for one in found["items"]] == [
        (placed["id"], {"till": "2"}, {"page": "7"})
    ]
