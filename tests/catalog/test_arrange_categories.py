"""The category tree through the public API."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from asgi import ask

from stoa.kit import staff_acts
from stoa.kit.http.types import Price
from stoa.services.catalog.bodies import NewProduct, NewVariant
from stoa.services.catalog.import_products import Imported, import_products
from stoa.services.catalog.product import MOST_DEPTH
from stoa.testing import token_of

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


async def test_what_is_left_out_is_emptied(kitchen):
    told = {"slug": "bowls", "name": "Bowls", "parent": "kitchen", "position": 3, "description": "For soup"}
    assert (await kitchen.rest.ok("PUT", "/categories/bowls", told, user=ADMIN))["description"] == "For soup"
    left = await kitchen.rest.ok("PUT", "/categories/bowls", {"slug": "bowls", "name": "Bowls"}, user=ADMIN)
    assert (left["position"], left["description"]) == (0, "")
    assert await tree(kitchen) == {"bowls": {}, "garden": {}, "kitchen": {"mugs": {"large-mugs": {}}}}


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


async def test_a_category_goes_or_the_product_comes_never_both(shop):
    """Each product ends in its category or was refused, and its version says which."""
    for at in range(25):
        slug = f"shelf-{at}"
        await add(shop, slug)
        await shop.add(f"cup-{at}", 500)
        if at % 5 == 0:
            # Archived, it does not hold the category; brought back at the same moment, it does.
            await shop.rest.ok("PATCH", f"/products/cup-{at}", {"category": slug}, user=ADMIN)
            await shop.rest.ok("DELETE", f"/products/cup-{at}", status=204, user=ADMIN)
            change = {"status": "active"}
        else:
            change = {"category": slug}
        before = await shop.db.fetchval("SELECT version FROM products WHERE slug = $1", f"cup-{at}")
        removed, changed = await asyncio.gather(
            shop.rest.send("DELETE", f"/categories/{slug}", user=ADMIN),
            shop.rest.send("PATCH", f"/products/cup-{at}", change, user=ADMIN),
        )
        product = await shop.rest.ok("GET", f"/products/cup-{at}", user=ADMIN)
        announced = await shop.db.fetchval(
            "SELECT max(aggregate_version) FROM event_log WHERE subject = $1", product["id"]
        )
        assert product["version"] == announced
        if removed.status == 409:
            assert (removed.problem, changed.status, product["category"]["slug"]) == ("category-in-use", 200, slug)
            assert product["version"] == before + 1
        elif at % 5:
            assert (removed.status, changed.status, changed.problem) == (204, 422, "unknown-category")
            assert (product["version"], product["category"]) == (before, None)
        else:
            # It went first, and took the archived product out with a change of its own.
            assert (removed.status, changed.status, product["category"]) == (204, 200, None)
            assert product["version"] == before + 2


async def test_an_import_beside_the_removal_keeps_its_category(shop):
    for at in range(10):
        await add(shop, f"rack-{at}")
        product = NewProduct(
            slug=f"jug-{at}",
            name="Jug",
            category=f"rack-{at}",
            variants=[NewVariant(sku=f"JUG-{at}", price=Price(amount=1, currency="GBP"))],
        )
        removed, _ = await asyncio.gather(
            shop.rest.send("DELETE", f"/categories/rack-{at}", user=ADMIN),
            import_products(shop.catalog, [Imported(product, "Rack")]),
        )
        assert removed.status in {204, 409}
        shown = await shop.rest.ok("GET", f"/products/jug-{at}")
        assert shown["category"]["slug"] == f"rack-{at}"


async def test_what_a_removed_category_held_in_the_archive_is_told(shop):
    await add(shop, "shelf")
    made = await shop.add("mug", 500, category="shelf")
    await shop.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    await shop.rest.ok("DELETE", "/categories/shelf", status=204, user=ADMIN)
    product = await shop.rest.ok("GET", "/products/mug", user=ADMIN)
    assert (product["category"], product["version"]) == (None, 3)
    assert (await shop.announced())[-1] == ("product.updated", "mug", 3, [])
    assert made["version"] == 1


async def chain(shop, name, length, parent=None):
    """`name-0` with `name-1` in it, and so on; the deepest's slug."""
    for at in range(length):
        await add(shop, f"{name}-{at}", parent)
        parent = f"{name}-{at}"
    return parent


async def test_the_tree_has_a_greatest_depth(shop):
    deepest = await chain(shop, "a", MOST_DEPTH)
    before = await tree(shop)
    body = {"slug": "below", "name": "Below", "parent": deepest}
    answer = await shop.rest.send("POST", "/categories", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "category-too-deep", "parent")
    assert await tree(shop) == before


async def test_what_moves_counts_with_all_that_is_inside(shop):
    await chain(shop, "a", MOST_DEPTH - 2)
    await chain(shop, "b", 3)
    body = {"slug": "b-0", "name": "B", "parent": f"a-{MOST_DEPTH - 3}"}
    before = await tree(shop)
    answer = await shop.rest.send("PUT", "/categories/b-0", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "category-too-deep", "parent")
    assert await tree(shop) == before
    body["parent"] = f"a-{MOST_DEPTH - 4}"
    await shop.rest.ok("PUT", "/categories/b-0", body, user=ADMIN)


async def test_two_moves_at_once_are_not_too_deep_together(shop):
    """Each alone just fits: a under b, and b under c."""
    third = MOST_DEPTH // 2
    bottom_b = await chain(shop, "b", third)
    bottom_c = await chain(shop, "c", third)
    await chain(shop, "a", third)
    answers = await asyncio.gather(
        shop.rest.send("PUT", "/categories/a-0", {"slug": "a-0", "name": "A", "parent": bottom_b}, user=ADMIN),
        shop.rest.send("PUT", "/categories/b-0", {"slug": "b-0", "name": "B", "parent": bottom_c}, user=ADMIN),
    )
    assert sorted(answer.status for answer in answers) == [200, 422]
    assert {answer.problem for answer in answers if answer.status == 422} == {"category-too-deep"}


async def test_who_arranged_is_kept(shop):
    await add(shop, "kitchen")
    added = await add(shop, "mugs")
    body = {"slug": "cups", "name": "Cups", "parent": "kitchen", "position": 3}
    await shop.rest.ok("PUT", "/categories/mugs", body, user=ADMIN)
    await shop.rest.ok("DELETE", "/categories/cups", status=204, user=ADMIN)
    acts = reversed(await staff_acts.list_acts(shop.db, subject=added["id"], limit=10))
    parent = await shop.db.fetchval("SELECT id FROM categories WHERE slug = 'kitchen'")
    before = {"slug": "mugs", "parent_id": None, "position": 0}
    after = {"slug": "cups", "parent_id": parent, "position": 3}
    assert [(act.act, act.actor, act.before, act.after) for act in acts] == [
        ("category.added", ADMIN.id, None, before),
        ("category.changed", ADMIN.id, before, after),
        ("category.removed", ADMIN.id, after, None),
    ]


async def told(shop):
    rows = await shop.db.fetch(
        "SELECT type, subject, aggregate_version, data FROM event_log WHERE type LIKE 'category.%' ORDER BY id"
    )
    assert all(row["data"].pop("category_id") == row["subject"] for row in rows)
    return [(row["type"], row["aggregate_version"], row["data"]) for row in rows]


async def test_every_change_is_told_and_what_did_not_change_is_not_written(shop):
    kitchen = await add(shop, "kitchen")
    added = await add(shop, "mugs", position=2)
    same = {"slug": "mugs", "name": "Mugs", "position": 2}
    assert await shop.rest.ok("PUT", "/categories/mugs", same, user=ADMIN) == added
    body = {"slug": "cups", "name": "Cups", "parent": "kitchen", "position": 2}
    changed = await shop.rest.ok("PUT", "/categories/mugs", body, user=ADMIN)
    assert (added["version"], changed["version"]) == (1, 2)
    await shop.rest.ok("DELETE", "/categories/cups", status=204, user=ADMIN)
    product = NewProduct(slug="jug", name="Jug", category="jugs")
    for _ in range(2):
        await import_products(shop.catalog, [Imported(product, "Jugs")])
    in_kitchen = {"slug": "cups", "parent_id": kitchen["id"]}
    assert await told(shop) == [
        ("category.created", 1, {"slug": "kitchen", "parent_id": None}),
        ("category.created", 1, {"slug": "mugs", "parent_id": None}),
        ("category.updated", 2, in_kitchen | {"changed": ["parent_id", "slug", "name"]}),
        ("category.deleted", 3, in_kitchen),
        ("category.created", 1, {"slug": "jugs", "parent_id": None}),
    ]
    assert await shop.db.fetchval("SELECT count(*) FROM staff_acts") == 4


@pytest.mark.parametrize(("method", "body"), [("PUT", {"slug": "mugs", "name": "New"}), ("DELETE", None)])
async def test_every_change_minds_the_version(shop, method, body):
    await add(shop, "mugs")
    before = await shop.rest.ok("GET", "/categories")
    headers = {"authorization": f"Bearer {token_of(ADMIN)}"}

    async def send(if_match):
        path = "/api/v1/categories/mugs"
        return await ask(shop.rest._app, method, path, body, headers | {"if-match": if_match})

    stale = await send('"2"')
    assert (stale.status, stale.json["type"], stale.json["now"]) == (412, "/problems/version-mismatch", 1)
    assert await shop.rest.ok("GET", "/categories") == before
    assert len(await told(shop)) == 1
    assert (await send('"1"')).status in {200, 204}
    if method == "PUT":
        assert (await send("*")).status == 200


async def test_an_editor_is_answered_with_what_they_made_whoever_comes_next(kitchen):
    """Who got another's version with the answer would write over it; removed meanwhile, it was a 500."""
    first, next_one = [await asyncpg.connect(kitchen.db.dsn) for _ in range(2)]
    held = first.transaction()
    await held.start()
    await first.execute("SELECT FROM categories WHERE slug = 'garden' FOR UPDATE")
    body = {"slug": "garden", "name": "Gardening"}
    editor = asyncio.create_task(kitchen.rest.ok("PUT", "/categories/garden", body, user=ADMIN))
    await _waiting(first, 1)
    removal = asyncio.create_task(_remove_alone(next_one))
    await _waiting(first, 2)
    await held.commit()
    answer, _ = await asyncio.gather(editor, removal)
    assert (answer["name"], answer["version"]) == ("Gardening", 2)
    assert "garden" not in await tree(kitchen)
    await asyncio.gather(first.close(), next_one.close())


async def _waiting(session, many):
    while await session.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") < many:
        await asyncio.sleep(0.005)


async def _remove_alone(session):
    """As soon as whoever is at the tree commits, before anybody reads it."""
    async with session.transaction():
        await session.execute("LOCK TABLE categories IN ACCESS EXCLUSIVE MODE")
        await session.execute("DELETE FROM categories WHERE slug = 'garden'")
