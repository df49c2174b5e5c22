"""Many products in one request: each stands for itself."""

from __future__ import annotations

import asyncio
import contextvars

import pytest

from stoa.kit import staff_acts
from stoa.services.catalog import write_products as bulk
from stoa.services.catalog.product import RESERVED
from stoa.testing.rest import acting

from .conftest import ADMIN, CUSTOMER, OTHER_SELLER, SELLER, pounds


def item(slug, *prices, **more):
    variants = [{"sku": f"{slug.upper()}-{at}", "price": pounds(price)} for at, price in enumerate(prices)]
    return {"slug": slug, "name": slug.title(), "variants": variants} | more


async def write(shop, *items, user=ADMIN):
    """Each item's outcome: what was done, or the problem with its field."""
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=user)
    assert answer["counts"] == {
        outcome: sum(one["outcome"] == outcome for one in answer["items"])
        for outcome in ("created", "updated", "unchanged", "refused")
    }
    told = []
    for one in answer["items"]:
        problem = one["problem"]
        if problem is None:
            told.append((one["outcome"], one["slug"], one["version"]))
            shown = await shop.rest.ok("GET", f"/products/{one['id']}", user=ADMIN)
            assert (shown["slug"], shown["version"]) == (one["slug"], one["version"])
        else:
            assert (one["outcome"], one["id"], one["slug"], one["version"]) == ("refused", None, None, None)
            told.append((problem["type"].removeprefix("/problems/"), problem.get("field")))
    return told


@pytest.fixture
def few(monkeypatch):
    """Two products in a transaction."""
    monkeypatch.setattr(bulk, "ONE_BATCH", 2)


async def test_each_is_created_updated_unchanged_or_refused(shop, few):
    await shop.rest.ok("POST", "/categories", {"slug": "cups", "name": "Cups"}, status=201, user=ADMIN)
    mug = await shop.add("mug", 500, 600, brand="Potters")
    await shop.add("cup", 500)
    await shop.add("jug", 500)
    items = [
        {"slug": "mug", "category": "cups", "variants": [{"sku": "MUG-0", "price": pounds(450)}]},
        item("bowl", 300, tags=["new"], specifications={"Glazed": True}),
        item("cup", 500),
        {"id": mug["id"].upper(), "name": "Again"},
        {"slug": "jug", "version": 7, "name": "Late"},
        {"slug": "plate"},
        item("plate", category="nowhere"),
        item("plate"),
    ]
    assert await write(shop, *items) == [
        ("updated", "mug", 2),
        ("created", "bowl", 1),
        ("unchanged", "cup", 1),
        ("product-twice", "products[3].slug"),
        ("version-conflict", "products[4].version"),
        ("product-unnamed", "products[5].name"),
        ("unknown-category", "products[6].category"),
        ("created", "plate", 1),
    ]
    changed = await shop.rest.ok("GET", "/products/mug")
    assert (changed["category"]["slug"], changed["brand"]) == ("cups", "Potters")
    assert [(one["sku"], one["id"], one["price"]) for one in changed["variants"]] == [
        ("MUG-0", mug["variants"][0]["id"], pounds(450))
    ]
    bowl = await shop.rest.ok("GET", "/products/bowl")
    assert (bowl["status"], bowl["price"], bowl["tags"]) == ("active", pounds(300), ["new"])
    assert (await shop.rest.ok("GET", "/products/plate", user=ADMIN))["status"] == "draft"
    assert sorted((await shop.announced())[3:]) == [
        ("product.created", "bowl", 1, ["BOWL-0"]),
        ("product.created", "plate", 1, []),
        ("product.updated", "mug", 2, ["MUG-0", "MUG-1"]),
    ]
    (act, *_) = await staff_acts.list_acts(shop.db, subject=mug["id"], limit=10)
    assert (act.act, act.actor, act.before) == (
        "product.changed",
        ADMIN.id,
        {"status": "active", "withheld": False, "prices": {"MUG-0": 500, "MUG-1": 600}},
    )
    assert act.after == {
        "status": "active",
        "withheld": False,
        "prices": {"MUG-0": 450},
        "changed": ["category", "variants"],
    }


async def test_a_repeat_changes_nothing(shop, few):
    items = [item(f"p{at}", 100 + at, tags=["a"]) for at in range(5)]
    assert [each[0] for each in await write(shop, *items)] == ["created"] * 5
    before = await shop.announced()
    assert [each[0] for each in await write(shop, *items)] == ["unchanged"] * 5
    assert await shop.announced() == before


@pytest.mark.parametrize(
    ("wrong", "problem", "field"),
    [
        ({"name": "Nothing to go by"}, "product-unnamed", "products[1].slug"),
        ({"id": "018f0000-0000-7000-8000-0000abcdef01"}, "no-such-product", "products[1].id"),
        (item("new"), "slug-reserved", "products[1].slug"),
        (item("mug", version=1) | {"slug": "nobody"}, "no-such-product", "products[1].slug"),
        (
            item("jug", 1) | {"variants": [{"sku": "MUG-0", "price": pounds(1)}]},
            "sku-taken",
            "products[1].variants[0].sku",
        ),
        (
            item("jug") | {"variants": [{"sku": "J", "price": {"amount": 1, "currency": "EUR"}}]},
            "foreign-currency",
            "products[1].variants[0].price.currency",
        ),
        (item("jug") | {"status": "active"}, "nothing-for-sale", "products[1].variants"),
        (
            item("jug", 1) | {"variants": [{"sku": "FIRST-0", "price": pounds(1)}]},
            "sku-taken",
            "products[1].variants[0].sku",
        ),
        (item("first", 1), "product-twice", "products[1].slug"),
    ],
)
async def test_what_is_refused_leaves_the_others(shop, wrong, problem, field):
    await shop.add("mug", 500)
    told = await write(shop, item("first", 100), wrong, item("last", 100))
    assert told == [("created", "first", 1), (problem, field), ("created", "last", 1)]
    assert await shop.slugs("sort=name") == ["first", "last", "mug"]
    assert await shop.db.fetchval("SELECT array_agg(sku ORDER BY sku) FROM variants") == ["FIRST-0", "LAST-0", "MUG-0"]
    assert len(await shop.announced()) == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"products": []}, "products"),
        ({"products": [{"slug": "a"}] * 1001}, "products"),
        ({"products": [{"slug": "mug"}, {"slug": "No Slug"}]}, "products[1].slug"),
        ({"products": [{"slug": "mug", "price": 1}]}, "products[0].price"),
    ],
)
async def test_what_is_no_item_refuses_the_request(shop, body, field):
    answer = await shop.rest.send("POST", "/products/bulk", body, user=ADMIN)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert await shop.announced() == []


async def test_a_seller_writes_only_what_is_his(shop):
    his = await shop.add("his", 100, user=SELLER)
    others = await shop.add("others", 100, user=OTHER_SELLER)
    draft = await shop.add("hidden", 100, user=OTHER_SELLER, status="draft")
    before = [await shop.rest.ok("GET", f"/products/{one['id']}", user=ADMIN) for one in (others, draft)]
    told = await write(
        shop,
        {"id": his["id"], "name": "His own"},
        {"slug": "others", "name": "Mine"},
        {"id": others["id"], "name": "Mine"},
        {"slug": "hidden", "name": "Mine"},
        {"id": draft["id"], "name": "Mine"},
        item("added", 100),
        user=SELLER,
    )
    assert told == [
        ("updated", "his", 2),
        ("not-your-product", "products[1]"),
        ("not-your-product", "products[2]"),
        ("slug-taken", "products[3].slug"),
        ("no-such-product", "products[4].id"),
        ("created", "added", 1),
    ]
    assert (await shop.rest.ok("GET", "/products/added"))["seller_id"] == SELLER.id
    assert [await shop.rest.ok("GET", f"/products/{one['id']}", user=ADMIN) for one in (others, draft)] == before
    for user, status in ((None, 401), (CUSTOMER, 403)):
        answer = await shop.rest.send("POST", "/products/bulk", {"products": [item("a")]}, user=user)
        assert answer.status == status


async def test_who_acts_for_several_sellers_says_for_which(shop):
    bea = acting("b0b0b0b0-0000-7000-8000-000000000001", "b0b0b0b0-0000-7000-8000-000000000002")
    first, second = sorted(bea.sellers)
    # That one may not sell.
    await shop.db.execute("INSERT INTO sellers (id, barred, version) VALUES ($1, true, 1)", second)
    told = await write(
        shop,
        item("a", 1, seller_id=first),
        item("b", 1, seller_id=second.upper()),
        item("c", 1),
        item("d", 1, seller_id=SELLER.id),
        user=bea,
    )
    assert told == [
        ("created", "a", 1),
        ("created", "b", 1),
        ("which-seller", "products[2].seller_id"),
        ("not-your-seller", "products[3].seller_id"),
    ]
    rows = await shop.db.fetch("SELECT slug, seller_id, standing FROM products ORDER BY slug")
    assert [tuple(row) for row in rows] == [("a", first, "active"), ("b", second, "suspended")]
    told = await write(
        shop, {"slug": "a", "seller_id": second, "name": "Moved"}, {"slug": "b", "seller_id": second}, user=bea
    )
    assert told == [("not-your-seller", "products[0].seller_id"), ("unchanged", "b", 1)]


async def test_a_slug_may_move_only_to_a_free_one(shop):
    made = [await shop.add(slug, 100) for slug in ("a", "b")]
    told = await write(shop, {"id": made[0]["id"], "slug": "b"}, {"id": made[1]["id"], "slug": "c"}, item("c", 1))
    assert told == [("slug-taken", "products[0].slug"), ("updated", "c", 2), ("product-twice", "products[2].slug")]


async def test_two_who_write_the_same_at_once(shop, few):
    """Each product is made once, and nobody is turned away."""
    items = [item(f"p{at}", 100) for at in range(9)]
    written = await asyncio.gather(*(write(shop, *order) for order in (items, items[::-1], items)))
    assert sum(each[0] == "created" for one in written for each in one) == 9
    assert {each[0] for one in written for each in one} <= {"created", "unchanged"}
    assert len(await shop.announced()) == 9


async def test_a_sku_that_somebody_takes_meanwhile_is_one_items_problem(shop, monkeypatch):
    whose = bulk.variants_repository.whose_skus
    looked = []

    async def and_meanwhile(tx, skus):
        found = await whose(tx, skus)
        if not looked:
            looked.append(found)
            body = {"slug": "quick", "name": "Quick", "variants": [{"sku": "TAKEN", "price": pounds(1)}]}
            quick = shop.rest.ok("POST", "/products", body, status=201, user=ADMIN)
            await asyncio.create_task(quick, context=contextvars.Context())
        return found

    monkeypatch.setattr(bulk.variants_repository, "whose_skus", and_meanwhile)
    late = item("late") | {"variants": [{"sku": "TAKEN", "price": pounds(1)}]}
    assert await write(shop, item("good", 1), late) == [
        ("created", "good", 1),
        ("sku-taken", "products[1].variants[0].sku"),
    ]


async def test_a_batch_costs_the_same_number_of_statements(shop, asked):
    async def cost(many):
        items = [item(f"p{many}-{at}", 100) for at in range(many)]
        counts = []
        for price, options in ((100, {}), (200, {"size": "L"}), (200, {"size": "L"})):
            for one in items:
                one["variants"][0] |= {"price": pounds(price), "options": options}
            asked.clear()
            await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
            counts.append(len(asked))
        return counts

    assert await cost(1) == await cost(20) == await cost(bulk.ONE_BATCH)


@pytest.mark.parametrize("slug", sorted(RESERVED))
async def test_reserved_words_are_nobodys_slugs(shop, slug):
    answer = await shop.rest.send("POST", "/products", {"slug": slug, "name": "A"}, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "slug-reserved", "slug")
    answer = await shop.rest.send("POST", "/categories", {"slug": slug, "name": "A"}, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "slug-reserved", "slug")


async def test_a_reserved_word_as_a_name_makes_another_slug_and_an_old_one_stays(shop):
    made = await shop.rest.ok("POST", "/products", {"name": "Search"}, status=201, user=ADMIN)
    assert made["slug"] == f"search-{made['id'][-8:]}"
    await shop.db.execute("UPDATE products SET slug = 'search'")
    patched = await shop.rest.ok("PATCH", "/products/search", {"slug": "search", "name": "Find"}, user=ADMIN)
    assert (patched["slug"], patched["name"]) == ("search", "Find")
    await shop.rest.ok("POST", "/categories", {"slug": "old", "name": "Old"}, status=201, user=ADMIN)
    await shop.db.execute("UPDATE categories SET slug = 'search'")
    renamed = await shop.rest.ok("PUT", "/categories/search", {"slug": "search", "name": "Found"}, user=ADMIN)
    assert (renamed["slug"], renamed["name"]) == ("search", "Found")
    of_it = {"slug": "lamp", "name": "Lamp", "category": "search"}
    assert (await shop.rest.ok("POST", "/products", of_it, status=201, user=ADMIN))["category"]["slug"] == "search"
