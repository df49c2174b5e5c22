"""A cart in two tabs: whoever says what they have seen changes that and nothing else."""

from __future__ import annotations

import pytest
from editors import one_of_two

from stoa.testing import new_user


@pytest.mark.parametrize(
    ("method", "path", "bodies"),
    [
        ("POST", "/items", ({"sku": "MUG", "quantity": 1}, {"sku": "MUG", "quantity": 2})),
        ("PUT", "/items", ({"items": []}, {"items": [{"sku": "MUG", "quantity": 5}]})),
        ("PUT", "/items/MUG", ({"quantity": 4}, {"quantity": 5})),
        ("DELETE", "/items/MUG", (None, None)),
        ("DELETE", "", (None, None)),
    ],
)
async def test_of_two_changes_one_is_made(shop, fill, method, path, bodies):
    await shop.sell("MUG", price=1999, on_hand=10)
    cart = await fill({"MUG": 3})
    await one_of_two(shop.rest, method, f"/cart/{cart.id}{path}", bodies, read=f"/cart/{cart.id}")


async def test_a_cart_of_ones_own_that_nothing_was_put_in_has_version_0(shop):
    await shop.sell("MUG", price=1999, on_hand=10)
    item = {"sku": "MUG", "quantity": 1}
    await one_of_two(shop.rest, "POST", "/cart/me/items", (item, item), read="/cart/me", user=new_user())


async def test_a_cart_that_changed_is_not_merged_into(shop, fill):
    ada = new_user()
    guests = await fill({"MUG": 2})
    seen = await fill({"MUG": 1}, user_id=ada.id)
    await fill({"MUG": 3}, user_id=ada.id)
    body, sent = {"cart_id": guests.id}, {"if-match": f'"{seen.version}"'}
    refused = await shop.rest.send("POST", "/cart/me/merge", body, user=ada, headers=sent)
    assert (refused.status, refused.body["now"]) == (412, 2)
    assert [item["quantity"] for item in (await shop.rest.ok("GET", f"/cart/{guests.id}"))["items"]] == [2]
