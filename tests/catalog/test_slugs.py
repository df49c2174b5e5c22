"""A slug that changed leads on, and is whoever's takes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.services.catalog import slugs_repository
from stoa.services.catalog.errors import NoSuchProduct
from stoa.services.catalog.rpc import CatalogServicer
from stoa.testing import Rest, prepare_all

from .conftest import ADMIN, SELLER, pounds, routes


async def rename(shop, slug, to, kind="products"):
    if kind == "categories":
        return await shop.rest.ok("PUT", f"/{kind}/{slug}", {"slug": to, "name": "C"}, user=ADMIN)
    return await shop.rest.ok("PATCH", f"/{kind}/{slug}", {"slug": to}, user=ADMIN)


async def leads(shop, slug, kind="products", user=None):
    """Where a slug leads: to itself, on to another, or nowhere."""
    answer = await shop.rest.send("GET", f"/{kind}/{slug}", user=user)
    if answer.status == 301:
        assert answer.body is None
        return answer.headers["location"].removeprefix(f"/api/v1/{kind}/")
    return answer.body["slug"] if answer.status == 200 else answer.problem


async def test_every_statement_fits_the_schema(shop):
    assert len(await prepare_all(shop.db, slugs_repository)) == 6


@pytest.fixture(params=["products", "categories"])
async def thing(request, shop):
    """A kind of thing, and how to add one."""

    async def add(slug):
        if request.param == "products":
            return await shop.add(slug, variants=[{"sku": uuid7(), "price": pounds(100)}])
        return await shop.rest.ok("POST", "/categories", {"slug": slug, "name": "C"}, status=201, user=ADMIN)

    return request.param, add


async def test_an_old_slug_leads_to_the_newest(shop, thing):
    kind, add = thing
    await add("a")
    await rename(shop, "a", "b", kind)
    await rename(shop, "b", "c", kind)
    assert [await leads(shop, slug, kind) for slug in "abc"] == ["c", "c", "c"]
    head = await shop.rest.send("HEAD", f"/{kind}/a")
    assert (head.status, head.headers["location"], head.body) == (301, f"/api/v1/{kind}/c", None)


async def test_a_slug_taken_back_leads_nowhere_else(shop, thing):
    kind, add = thing
    made = await add("a")
    await rename(shop, "a", "b", kind)
    await rename(shop, "b", "a", kind)
    assert [await leads(shop, slug, kind) for slug in "ab"] == ["a", "a"]
    assert await leads(shop, made["id"], kind) == "a"
    assert (await shop.rest.send("GET", f"/{kind}/a")).status == 200
    # And left again it leads on again.
    await rename(shop, "a", "c", kind)
    assert [await leads(shop, slug, kind) for slug in "ab"] == ["c", "c"]


async def test_a_new_owner_ends_the_redirect(shop, thing):
    kind, add = thing
    first = await add("a")
    await rename(shop, "a", "b", kind)
    second = await add("a")
    assert (await shop.rest.ok("GET", f"/{kind}/a"))["id"] == second["id"] != first["id"]
    # He was the last who had it.
    await rename(shop, "a", "c", kind)
    assert [await leads(shop, slug, kind) for slug in "abc"] == ["c", "b", "c"]


async def test_what_is_hidden_has_no_old_slug_either(shop):
    await shop.add("a", 100, status="draft", user=SELLER)
    await rename(shop, "a", "b")
    assert await leads(shop, "a") == "no-such-product"
    assert await leads(shop, "a", user=SELLER) == "b"


async def test_a_category_that_is_gone_leads_nowhere(shop):
    await shop.rest.ok("POST", "/categories", {"slug": "a", "name": "A"}, status=201, user=ADMIN)
    await rename(shop, "a", "b", "categories")
    await shop.rest.ok("DELETE", "/categories/b", status=204, user=ADMIN)
    assert await leads(shop, "a", "categories") == "no-such-category"
    assert await shop.db.fetchval("SELECT count(*) FROM old_slugs") == 0


async def test_a_list_is_filtered_by_the_slug_that_a_category_had(shop):
    for slug, parent in (("kitchen", None), ("cups", "kitchen")):
        body = {"slug": slug, "name": "C", "parent": parent}
        await shop.rest.ok("POST", "/categories", body, status=201, user=ADMIN)
    await shop.add("mug", 100, category="cups")
    await rename(shop, "kitchen", "home", "categories")
    for slug in ("kitchen", "home", "cups"):
        assert await shop.slugs(f"category={slug}") == ["mug"]
    nowhere = await shop.rest.send("GET", "/products?category=garden")
    assert (nowhere.status, nowhere.problem) == (404, "no-such-category")
    await shop.rest.ok("POST", "/categories", {"slug": "kitchen", "name": "C"}, status=201, user=ADMIN)
    assert await shop.slugs("category=kitchen") == []


async def test_acts_and_bodies_know_only_the_slug_of_now(shop):
    await shop.add("a", 100)
    await rename(shop, "a", "b")
    assert (await shop.rest.send("PATCH", "/products/a", {"name": "X"}, user=ADMIN)).problem == "no-such-product"
    assert (await shop.rest.ok("GET", "/products/b"))["version"] == 2


async def test_other_services_are_led_silently(shop):
    made = await shop.add("a", 100)
    await rename(shop, "a", "b")
    ask = CatalogServicer(shop.catalog).GetProduct
    product = (await ask(GetProductRequest(product="a"), None)).product
    assert (product.id, product.slug) == (made["id"], "b")
    with pytest.raises(NoSuchProduct):
        await ask(GetProductRequest(product="c"), None)


async def test_many_renamed_at_once_lead_on(shop):
    made = [await shop.add(f"a{at}", 100) for at in range(3)]
    items = [{"id": one["id"], "slug": f"b{at}"} for at, one in enumerate(made)]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert answer["counts"]["updated"] == 3
    assert [await leads(shop, f"a{at}") for at in range(3)] == ["b0", "b1", "b2"]


async def test_of_one_thing_so_many_are_kept(shop, monkeypatch):
    monkeypatch.setattr(slugs_repository, "MOST_KEPT", 2)
    await shop.add("a0", 100)
    await shop.add("other", 100)
    await rename(shop, "other", "else")
    for at in range(4):
        await rename(shop, f"a{at}", f"a{at + 1}")
    told = [await leads(shop, f"a{at}") for at in range(5)]
    assert told == ["no-such-product", "no-such-product", "a4", "a4", "a4"]
    assert await leads(shop, "other") == "else"


async def test_a_read_by_any_slug_is_one_statement(shop, monkeypatch):
    await shop.add("a", 100)
    await rename(shop, "a", "b")
    statements = []
    fetchrow = shop.db.fetchrow

    async def counted(sql, *arguments):
        statements.append(sql)
        return await fetchrow(sql, *arguments)

    monkeypatch.setattr(shop.db, "fetchrow", counted)
    for slug in ("a", "b", "c"):
        await shop.rest.send("GET", f"/products/{slug}")
    assert len(statements) == 3


async def test_two_who_rename_at_once(shop, thing):
    """Each from a process of its own: the same thing, two to one slug, and two that change slugs."""
    kind, add = thing
    twin = replace(shop.catalog, db=Database("catalog", shop.db.dsn, shop.db.size))
    rests = shop.rest, Rest(routes.bind(twin), twin.db)
    first, second = (await add("a"))["id"], (await add("b"))["id"]

    async def rename_to(rest, id_, slug):
        body = {"slug": slug, "name": "C"}
        answer = await rest.send("PUT" if kind == "categories" else "PATCH", f"/{kind}/{id_}", body, user=ADMIN)
        return answer.status

    for at in range(8):
        to = f"x{at}", f"y{at}"
        assert await asyncio.gather(*map(rename_to, rests, (first, first), to)) == [200, 200]
        now = (await shop.rest.ok("GET", f"/{kind}/{first}"))["slug"]
        assert [await leads(shop, slug, kind) for slug in (*to, "a")] == [now] * 3

        one = f"z{at}"
        told = await asyncio.gather(*map(rename_to, rests, (first, second), (one, one)))
        assert sorted(told) == [200, 409]
        assert (await shop.rest.ok("GET", f"/{kind}/{one}"))["id"] == (first, second)[told.index(200)]

        mine, his = [(await shop.rest.ok("GET", f"/{kind}/{each}"))["slug"] for each in (first, second)]
        told = await asyncio.gather(*map(rename_to, rests, (first, second), (his, mine)))
        assert set(told) <= {200, 409}
        for slug in (mine, his):
            assert await leads(shop, slug, kind) in {
                (await shop.rest.ok("GET", f"/{kind}/{each}"))["slug"] for each in (first, second)
            }
    await twin.db.close()


async def rename_brand(shop, slug, to, name="Acme"):
    return await shop.rest.ok("PUT", f"/brands/{slug}", {"slug": to, "name": name}, user=ADMIN)


async def test_a_brand_leads_on_from_the_slugs_that_it_left(shop):
    await shop.add("mug", 500, brand="Acme")
    await rename_brand(shop, "acme", "b")
    await rename_brand(shop, "b", "c")
    assert [await leads(shop, slug, "brands") for slug in ("acme", "b", "c", "d")] == ["c", "c", "c", "no-such-brand"]
    assert [await shop.slugs(f"brand={slug}") for slug in ("acme", "b", "c", "d")] == [["mug"]] * 3 + [[]]
    # Whoever takes it ends that, and acts take only the slug of now.
    assert (await shop.rest.send("DELETE", "/brands/b", user=ADMIN)).problem == "no-such-brand"
    await shop.add("cup", 500, brand="B")
    assert [await leads(shop, slug, "brands") for slug in ("acme", "b")] == ["c", "b"]
    assert await shop.slugs("brand=b") == ["cup"]


async def test_the_slugs_of_a_merged_brand_lead_to_the_other(shop):
    await shop.add("mug", 500, brand="Acme")
    await shop.add("cup", 500, brand="Other")
    await rename_brand(shop, "acme", "b")
    await rename_brand(shop, "b", "c")
    await shop.rest.ok("POST", "/brands/c/merge", {"into": "other"}, user=ADMIN)
    assert [await leads(shop, slug, "brands") for slug in ("acme", "b", "c")] == ["other"] * 3
    await rename_brand(shop, "other", "fresh", "Other")
    assert [await leads(shop, slug, "brands") for slug in ("acme", "c", "other")] == ["fresh"] * 3


async def test_what_a_guest_may_not_see_of_a_brand_he_is_not_led_to(shop):
    await shop.add("mug", 500, brand="Acme", status="draft")
    await rename_brand(shop, "acme", "b")
    assert await leads(shop, "acme", "brands") == "no-such-brand"
    assert await leads(shop, "acme", "brands", ADMIN) == "b"
    await shop.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    await shop.rest.ok("DELETE", "/brands/b", status=204, user=ADMIN)
    assert await leads(shop, "acme", "brands", ADMIN) == "no-such-brand"
    assert await shop.db.fetch("SELECT FROM old_slugs") == []
