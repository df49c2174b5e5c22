"""The category tree through the public API."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import ADMIN, CUSTOMER, SELLER


async def add(shop, slug, parent=None, position=0):
    body = {"slug": slug, "name": slug.title(), "parent": parent, "position": position}
    return await shop.rest.ok("POST", "/categories", body, status=201, user=ADMIN)


def names(nodes):
    return {node["slug"]: names(node["children"]) for node in nodes}


async def tree(shop):
    return names((await shop.rest.ok("GET", "/categories"))["items"])


@pytest.fixture
async def kitchen(shop):
    await add(shop, "kitchen")
    await add(shop, "mugs", "kitchen", 2)
    await add(shop, "bowls", "kitchen", 1)
    await add(shop, "large-mugs", "mugs")
    await add(shop, "garden")
    return shop


async def test_the_tree_stands_in_order(kitchen):
    shown = (await kitchen.rest.ok("GET", "/categories"))["items"]
    assert names(shown) == {"garden": {}, "kitchen": {"bowls": {}, "mugs": {"large-mugs": {}}}}
    assert [one["slug"] for one in shown[1]["children"]] == ["bowls", "mugs"]


async def test_moving_takes_along_what_is_inside(kitchen):
    body = {"slug": "mugs", "name": "All mugs", "parent": "garden"}
    moved = await kitchen.rest.ok("PUT", "/categories/mugs", body, user=ADMIN)
    assert (moved["name"], names(moved["children"])) == ("All mugs", {"large-mugs": {}})
    assert await tree(kitchen) == {"garden": {"mugs": {"large-mugs": {}}}, "kitchen": {"bowls": {}}}


@pytest.mark.parametrize("parent", ["kitchen", "mugs", "large-mugs"])
async def test_a_category_cannot_move_into_itself(kitchen, parent):
    before = await tree(kitchen)
    body = {"slug": "kitchen", "name": "Kitchen", "parent": parent}
    answer = await kitchen.rest.send("PUT", "/categories/kitchen", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "category-cycle", "parent")
    assert await tree(kitchen) == before


async def test_two_moves_at_once_make_no_circle(kitchen):
    into_garden = {"slug": "kitchen", "name": "Kitchen", "parent": "garden"}
    into_kitchen = {"slug": "garden", "name": "Garden", "parent": "kitchen"}
    answers = await asyncio.gather(
        kitchen.rest.send("PUT", "/categories/kitchen", into_garden, user=ADMIN),
        kitchen.rest.send("PUT", "/categories/garden", into_kitchen, user=ADMIN),
    )
    assert sorted(answer.status for answer in answers) == [200, 422]


async def test_only_an_empty_category_is_removed(kitchen):
    await kitchen.add("mug", 500, category="large-mugs")
    for slug in ("kitchen", "large-mugs"):
        answer = await kitchen.rest.send("DELETE", f"/categories/{slug}", user=ADMIN)
        assert (answer.status, answer.problem) == (409, "category-in-use")
    await kitchen.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    await kitchen.rest.ok("DELETE", "/categories/large-mugs", status=204, user=ADMIN)
    assert await tree(kitchen) == {"garden": {}, "kitchen": {"bowls": {}, "mugs": {}}}
    assert (await kitchen.rest.send("DELETE", "/categories/large-mugs", user=ADMIN)).problem == "no-such-category"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "A", "slug": "kitchen"}, 409, "slug"),
        ({"name": "A", "slug": "a", "parent": "nowhere"}, 422, "parent"),
        ({"name": "A", "slug": "A"}, 422, "slug"),
        ({"name": "", "slug": "a"}, 422, "name"),
        ({"slug": "a"}, 422, "name"),
    ],
)
async def test_what_is_refused_changes_nothing(kitchen, body, status, field):
    before = await tree(kitchen)
    answer = await kitchen.rest.send("POST", "/categories", body, user=ADMIN)
    assert (answer.status, answer.body["field"]) == (status, field)
    if field != "parent":
        answer = await kitchen.rest.send("PUT", "/categories/garden", body, user=ADMIN)
        assert (answer.status, answer.body["field"]) == (status, field)
    assert await tree(kitchen) == before


async def test_only_admins_arrange(kitchen):
    for user, status in ((None, 401), (CUSTOMER, 403), (SELLER, 403)):
        for method, path in (("POST", "/categories"), ("PUT", "/categories/mugs"), ("DELETE", "/categories/mugs")):
            body = None if method == "DELETE" else {"slug": "a", "name": "A"}
            assert (await kitchen.rest.send(method, path, body, user=user)).status == status
