"""Goods come in of a supplier, go to another warehouse and are counted; who waited for them is told."""

from __future__ import annotations

from uuid import uuid4

from journeys.client import Shopper


async def test_from_the_supplier_to_who_waited(visitor: Shopper, admin: Shopper):
    sku, annex, email = f"G-{uuid4().hex[:8]}".upper(), f"annex-{uuid4().hex[:6]}", f"{uuid4().hex[:8]}@example.com"
    variant = {"sku": sku, "name": "", "price": {"amount": 995, "currency": "GBP"}}
    product = {"slug": sku.lower(), "name": "Enamel mug", "status": "active", "variants": [variant]}
    await admin.ok("POST", "/products", product, status=201)
    await admin.ok("POST", "/warehouses", {"id": annex, "name": "Annex", "priority": 900}, status=201)

    ordered = {"supplier": "Potters & Co", "warehouse": "main", "expected_on": "2031-03-01"}
    receipt = await admin.ok("POST", "/receipts", ordered | lines(sku, 12), status=201)
    stock = await visitor.ok("GET", f"/inventory/{sku}")
    assert (stock["on_hand"], stock["incoming"]) == (0, 12)
    for _ in range(2):
        await visitor.ok("POST", f"/inventory/{sku}/subscriptions", {"email": email}, status=202)
    refused = await visitor.refused("POST", f"/cart/{await cart_of(visitor)}/items", {"sku": sku, "quantity": 1})
    assert refused.status == 409

    came = await admin.ok("POST", f"/receipts/{receipt['id']}/receive", lines(sku, 10))
    assert came["lines"][0]["incoming"] == 2
    await admin.until("/notifications?template=back_in_stock", lambda body: written_to(body, email) == 1)
    in_stock = await visitor.refused("POST", f"/inventory/{sku}/subscriptions", {"email": email})
    assert (in_stock.status, in_stock.problem) == (409, "in-stock")

    draft = {"source": "main", "destination": annex} | lines(sku, 4)
    at = f"/transfers/{(await admin.ok('POST', '/transfers', draft, status=201))['id']}"
    await admin.ok("POST", f"{at}/send")
    assert await on_hand(visitor, sku) == 6
    await admin.ok("POST", f"{at}/receive", lines(sku, 3))
    lost = await admin.ok("POST", f"{at}/lose", {"reason": "broken on the way"})
    assert lost["state"] == "received"
    assert await on_hand(visitor, sku) == 9

    count = await admin.ok("POST", "/stock-counts", {"warehouse": annex, "skus": [sku]}, status=201)
    at = f"/stock-counts/{count['id']}"
    await admin.ok("PUT", f"{at}/lines", {"lines": [{"sku": sku, "counted": 2, "reason": "one is chipped"}]})
    assert (await admin.ok("POST", f"{at}/apply"))["state"] == "applied"
    assert await on_hand(visitor, sku) == 8
    moved = (await admin.ok("GET", f"/inventory/{sku}/movements"))["items"]
    assert [(one["kind"], one["quantity"]) for one in moved] == [
        ("adjustment", -1),
        ("write_off", -1),
        ("transfer_in", 1),
        ("transfer_in", 3),
        ("transfer_out", -4),
        ("receipt", 10),
    ]


async def test_who_waits_for_a_draft_is_told_when_it_is_for_sale(visitor: Shopper, admin: Shopper):
    sku, email = f"G-{uuid4().hex[:8]}".upper(), f"{uuid4().hex[:8]}@example.com"
    variant = {"sku": sku, "name": "", "price": {"amount": 995, "currency": "GBP"}}
    product = {"slug": sku.lower(), "name": "Enamel jug", "status": "draft", "variants": [variant]}
    await admin.ok("POST", "/products", product, status=201)
    await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": 0})
    await visitor.ok("POST", f"/inventory/{sku}/subscriptions", {"email": email}, status=202)
    await admin.ok("PUT", f"/inventory/{sku}", {"on_hand": 5})
    await admin.ok("PATCH", f"/products/{sku.lower()}", {"status": "active"})
    await admin.until("/notifications?template=back_in_stock", lambda body: written_to(body, email) == 1)
    assert (await visitor.ok("GET", f"/products/{sku.lower()}"))["status"] == "active"


def lines(sku: str, quantity: int) -> dict[str, list[dict[str, object]]]:
    return {"lines": [{"sku": sku, "quantity": quantity}]}


async def on_hand(visitor: Shopper, sku: str) -> int:
    return int((await visitor.ok("GET", f"/inventory/{sku}"))["on_hand"])


async def cart_of(visitor: Shopper) -> str:
    return str((await visitor.ok("POST", "/cart", status=201))["id"])


def written_to(mails: dict[str, list[dict[str, object]]], email: str) -> int:
    return sum(mail["recipient"] == email for mail in mails["items"])
