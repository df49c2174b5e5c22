"""A seller beside the shop: what is his to sell and to count, and what becomes of it when he may not any more."""

from uuid import uuid4

from journeys.client import ADDRESS, Shopper, card

ORDER = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}


async def new_seller(visitor: Shopper, admin: Shopper, name: str) -> Shopper:
    seller = await visitor.register(name)
    assert seller.user is not None
    await admin.ok("PUT", f"/auth/users/{seller.user['id']}/roles", {"roles": ["customer", "seller"]})
    return await visitor.sign_in(seller.user["email"], "a long enough passphrase")


async def test_a_seller_who_is_disabled_sells_nothing(visitor: Shopper, admin: Shopper):
    bea = await new_seller(visitor, admin, "Bea")
    eve = await new_seller(visitor, admin, "Eve")
    ada = await visitor.register()
    sku = f"BEA-{uuid4().hex[:8]}".upper()
    slug = sku.lower()
    variant = {"sku": sku, "price": {"amount": 500, "currency": "GBP"}}
    await bea.ok("POST", "/products", {"slug": slug, "name": "Honey", "variants": [variant]}, status=201)
    # Hers to count, at once, and nobody else's who sells.
    answer = await eve.refused("PUT", f"/inventory/{sku}", {"on_hand": 1})
    assert (answer.status, answer.problem) == (403, "not-your-stock")
    await bea.ok("PUT", f"/inventory/{sku}", {"on_hand": 5})
    await ada.fill_cart(**{sku: 2})

    account = f"/auth/users/{bea.user['id']}"  # type: ignore[index]
    await admin.ok("POST", f"{account}/disable")
    await admin.until(f"/products/{slug}", lambda product: product["standing"] == "suspended")
    refused = await ada.refused("POST", "/orders", ORDER)
    assert (refused.status, refused.problem) == (409, "not-for-sale")
    assert (await ada.ok("GET", "/cart/me"))["items"][0]["available"] is False
    assert (await visitor.refused("GET", f"/products/{slug}")).problem == "no-such-product"
    stock = await admin.ok("GET", f"/inventory/{sku}")
    assert (stock["on_hand"], stock["reserved"]) == (5, 0)

    await admin.ok("POST", f"{account}/enable")
    await admin.until(f"/products/{slug}", lambda product: product["standing"] == "active")
    await ada.buy()
