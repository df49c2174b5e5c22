"""Of two who act on what they have both seen, one does."""

import pytest
from editors import one_of_two

from stoa.testing import new_user

ADMIN = new_user("admin")
PARCEL = {"carrier": "Royal Mail", "tracking_number": "RM1"}


@pytest.mark.parametrize(
    ("before", "act", "bodies"),
    [
        ([], "cancel", ({"reason": "one"}, {"reason": "two"})),
        ([], "process", (None, None)),
        ([], "ship", (PARCEL, PARCEL | {"tracking_number": "RM2"})),
        (["ship"], "deliver", (None, None)),
        (["ship"], "return", ({"items": [{"sku": "MUG", "quantity": 1}], "reason": "too blue"},) * 2),
    ],
)
async def test_an_order(rest, placed, before, act, bodies):
    order = await placed()
    for each in before:
        await rest.ok("POST", f"/orders/{order.id}/{each}", PARCEL, user=ADMIN)
    path = f"/orders/{order.id}"
    await one_of_two(rest, "POST", f"{path}/{act}", bodies, read=path, user=ADMIN)


async def test_settling(rest, placed):
    order = await placed()
    await rest.ok("POST", f"/orders/{order.id}/cancel", {}, user=ADMIN)
    path = f"/orders/{order.id}"
    bodies = ({"reason": "by bank transfer"}, {"reason": "let be"})
    await one_of_two(rest, "POST", f"{path}/settle", bodies, read=path, user=ADMIN)


@pytest.mark.parametrize(
    ("act", "bodies"),
    [
        ("cancel", (None, None)),
        ("approve", (None, None)),
        ("refuse", ({"reason": "one"}, {"reason": "two"})),
        ("receive", ({"items": [{"sku": "MUG", "quantity": 1}]},) * 2),
    ],
)
async def test_a_return(rest, placed, act, bodies):
    ada = new_user()
    order = await placed(user_id=ada.id)
    await rest.ok("POST", f"/orders/{order.id}/ship", PARCEL, user=ADMIN)
    wanted = {"items": [{"sku": "MUG", "quantity": 1}], "reason": "too blue"}
    asked = await rest.ok("POST", f"/orders/{order.id}/return", wanted, status=201, user=ada)
    path = f"/orders/{order.id}/returns/{asked['id']}"
    await one_of_two(rest, "POST", f"{path}/{act}", bodies, read=path, user=ADMIN)
