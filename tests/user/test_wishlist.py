"""What a user would like to have."""

import asyncio

import pytest

from stoa.kit.ids import uuid7
from stoa.services.user.wishlist import MOST_WISHES


async def wishes(world, user, query=""):
    body = await world.rest.ok("GET", f"/users/wishlist{query}", user=user)
    return [wish["sku"] or wish["product_id"] for wish in body["items"]]


async def test_adding_reading_taking_off(world, ada, eve):
    product_id = uuid7()
    made = await world.rest.ok("POST", "/users/wishlist", {"product_id": product_id}, status=201, user=ada)
    assert made | {"added_at": ""} == {"product_id": product_id, "sku": None, "added_at": ""}
    await world.rest.ok("POST", "/users/wishlist", {"sku": "MUG"}, status=201, user=ada)
    assert await world.rest.ok("POST", "/users/wishlist", {"product_id": product_id}, user=ada) == made
    assert await wishes(world, ada) == ["MUG", product_id]
    assert await wishes(world, eve) == []
    await world.rest.ok("DELETE", f"/users/wishlist/{product_id}", status=204, user=ada)
    assert await wishes(world, ada) == ["MUG"]
    await world.rest.ok("DELETE", "/users/wishlist/MUG", status=204, user=ada)
    assert await wishes(world, ada) == []


async def test_pages(world, ada):
    for n in range(5):
        await world.rest.ok("POST", "/users/wishlist", {"sku": f"S{n}"}, status=201, user=ada)
    page = await world.rest.ok("GET", "/users/wishlist?limit=3", user=ada)
    assert [wish["sku"] for wish in page["items"]] == ["S4", "S3", "S2"]
    assert await wishes(world, ada, f"?limit=3&cursor={page['next_cursor']}") == ["S1", "S0"]


async def test_many_at_once_are_one(world, ada):
    answers = await asyncio.gather(
        *(world.rest.send("POST", "/users/wishlist", {"sku": "MUG"}, user=ada) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
    assert await wishes(world, ada) == ["MUG"]


async def test_what_is_anothers_is_not_there(world, ada, eve):
    await world.rest.ok("POST", "/users/wishlist", {"sku": "MUG"}, status=201, user=ada)
    before = await world.rows()
    for item in ("MUG", "SPOON", uuid7(), "%27%20OR%20true%20--"):
        answer = await world.rest.send("DELETE", f"/users/wishlist/{item}", user=eve)
        assert (answer.status, answer.problem) == (404, "not-on-wishlist")
    assert await world.rows() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "product_id"),
        ({"product_id": None, "sku": None}, "product_id"),
        ({"product_id": "00000000-0000-7000-8000-000000000000", "sku": "MUG"}, "product_id"),
        ({"product_id": "MUG"}, "product_id"),
        ({"sku": "a b"}, "sku"),
        ({"sku": "x" * 65}, "sku"),
        ({"sku": 5}, "sku"),
        ({"price": 1, "sku": "MUG"}, "price"),
    ],
)
async def test_what_is_refused(world, ada, body, field):
    await world.hear(ada)
    before = await world.rows()
    answer = await world.rest.send("POST", "/users/wishlist", body, user=ada)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert await world.rows() == before


async def test_a_list_has_an_end(world, ada):
    await world.hear(ada)
    await world.db.execute(
        "INSERT INTO wishlist (id, user_id, sku) SELECT gen_random_uuid(), $1, 'S' || n FROM generate_series(1, $2) n",
        ada.id,
        MOST_WISHES,
    )
    answer = await world.rest.send("POST", "/users/wishlist", {"sku": "MUG"}, user=ada)
    assert (answer.status, answer.problem) == (409, "wishlist-full")
    assert (await world.rest.send("POST", "/users/wishlist", {"sku": "S1"}, user=ada)).status == 200
