"""The logs of a shop say what happened, and nothing by which a reader could act or know whose it was."""

import asyncio
from pathlib import Path
from uuid import uuid4

from journeys.client import ADDRESS, Shopper, card


async def test_no_log_has_what_opens_something_or_names_somebody(
    visitor: Shopper, new_product, running_shop: tuple[str, Path]
):
    sku = await new_product(price=500, on_hand=5)
    guest = Shopper(visitor.session, visitor.base_url)
    email = f"guest-{uuid4().hex}@example.com"
    cart = await guest.ok("POST", "/cart", status=201)
    items = f"/cart/{cart['id']}/items"
    await guest.ok("POST", items, {"sku": sku, "quantity": 1}, status=201)
    await guest.refused("POST", items, {"sku": sku, "quantity": 100})
    await guest.refused("DELETE", f"/carts/{cart['id']}")
    await guest.refused("PATCH", f"/cart/{cart['id']}")
    bought = {"cart_id": cart["id"], "email": email, "shipping_address": ADDRESS, "shipping_method": "standard"}
    await guest.refused("POST", "/orders", bought | {"payment": card("tok_declined")})
    # Two tabs: the second is refused by an index over carts, and the database server notes what it refused.
    orders = await asyncio.gather(*(guest.send("POST", "/orders", bought | {"payment": card()}) for _ in range(4)))
    assert sorted(each.status for each in orders) == [201, 409, 409, 409]

    password = f"a secret {uuid4().hex}"
    account = {"email": f"ada-{uuid4().hex}@example.com", "password": password, "first_name": "A", "last_name": "L"}
    made = await guest.ok("POST", "/auth/register", account, status=201)
    await guest.refused("POST", "/auth/register", account)
    await guest.refused("POST", "/auth/login", {"email": account["email"], "password": password + "?"})
    again = await guest.ok("POST", "/auth/refresh", {"refresh_token": made["refresh_token"]})
    await guest.ok("POST", "/auth/logout", {"refresh_token": again["refresh_token"]}, status=204)
    refused = await guest.send("POST", "/cart", headers={"Authorization": f"Bearer {again['access_token']}"})
    assert refused.status == 401

    _, data_dir = running_shop
    logs = [data_dir.parent / "shop.log", data_dir / "postgres" / "log"]
    said = "".join(each.read_text(errors="replace") for each in logs if each.exists())
    assert "answered" in said
    secret = [cart["id"], email, account["email"], password, "tok_declined"]
    secret += [tokens[name] for tokens in (made, again) for name in ("access_token", "refresh_token")]
    assert [each for each in secret if each in said] == []
