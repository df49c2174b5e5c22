"""Collections: by hand and by rules, kept as products, rules and time change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from counting import Counting
from runners import deadlocks
from volume import fill, read_by

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest, GetProductsRequest, ImportCollectionsRequest
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.services.catalog import collections_repository
from stoa.services.catalog import settle_collections as rounds
from stoa.services.catalog.errors import UnknownProduct
from stoa.services.catalog.lists_repository import collection_statement
from stoa.services.catalog.public_prices import follow_lists
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.settle_collections import one_round, settle_collections
from stoa.testing import Rest, prepare_all

from .conftest import ADMIN, CUSTOMER, SELLER, pounds, routes
from .test_price_lists import make as make_list

SORTS = ("position", "newest", "price", "-price", "name")


def condition(field, *any_of, **more):
    return {"field": field, **({"any_of": list(any_of)} if any_of else {}), **more}


def by_rules(*conditions, match="all"):
    return {"rules": {"conditions": list(conditions), "match": match}}


async def make(shop, slug, **more):
    body = {"slug": slug, "name": slug.title()} | more
    made = await shop.rest.ok("POST", "/collections", body, status=201, user=ADMIN)
    await settle(shop.catalog)
    return made


async def settle(catalog):
    while (seconds := await settle_collections(catalog)) is not None and seconds <= 1:
        await asyncio.sleep(0.01)


async def choose(shop, slug, *products):
    body = {"products": [one["id"] for one in products]}
    return await shop.rest.ok("PUT", f"/collections/{slug}/products", body, user=ADMIN)


async def listed(shop, slug, query="", user=None):
    return await shop.slugs(f"collection={slug}&limit=100&{query}", user)


async def told(shop, product=None):
    """What was announced, of a product or of collections: its type, version and what changed."""
    rows = await shop.db.fetch(
        "SELECT type, aggregate_version, data->'changed' AS changed FROM event_log"
        " WHERE CASE WHEN $1::text IS NULL THEN type LIKE 'collection.%' ELSE subject = $1 END ORDER BY id",
        product and product["id"],
    )
    return [(row["type"].partition(".")[2], row["aggregate_version"], row["changed"]) for row in rows]


async def add_categories(shop):
    for slug, parent in (("kitchen", None), ("cups", "kitchen"), ("garden", None)):
        body = {"slug": slug, "name": slug.title(), "parent": parent}
        await shop.rest.ok("POST", "/categories", body, status=201, user=ADMIN)


async def add_products(shop):
    await shop.add("mug", 700, category="cups", brand="Potters", tags=["new"], name="aa mug")
    await shop.add("apron", 2000, category="kitchen", brand="Linen", user=SELLER)
    await shop.add("spade", 500, category="garden", brand="Steel", tags=["new"])
    await shop.add("hidden", 1, category="cups", status="draft")


@pytest.fixture
async def stocked(shop):
    await add_categories(shop)
    await add_products(shop)
    return shop


async def test_every_statement_fits_the_schema(shop):
    assert len(await prepare_all(shop.db, collections_repository)) == 29
    async with shop.db.dedicated() as connection:
        for sort in SORTS:
            for given in ((), ("min_price",), ("min_price", "max_price")):
                for after in ((), ("id",) if sort == "newest" else ("id", "place")):
                    await connection.prepare(collection_statement(sort, ("collection", *given, *after)))


# --------------------------------------------------------------------------------------------------------- by hand


async def test_products_are_chosen_and_stand_as_they_were_arranged(stocked):
    mug, apron, spade, hidden = [
        await stocked.rest.ok("GET", f"/products/{slug}", user=ADMIN) for slug in ("mug", "apron", "spade", "hidden")
    ]
    made = await make(stocked, "gifts", description="For Ada", seo={"title": "Gifts"}, image={"url": "/media/g.jpg"})
    shown = await stocked.rest.ok("GET", "/collections/gifts")
    assert shown == made | {"rules": None}
    assert (shown["by_rules"], shown["settled"], shown["version"]) == (False, True, 1)
    assert await listed(stocked, "gifts") == []
    arranged = await choose(stocked, "gifts", spade, mug, hidden)
    assert arranged["version"] == 2
    assert await listed(stocked, "gifts") == ["spade", "mug"]
    assert await listed(stocked, "gifts", "status=draft", ADMIN) == ["hidden"]
    assert [await listed(stocked, "gifts", f"sort={sort}") for sort in ("newest", "price", "-price", "name")] == [
        ["spade", "mug"],
        ["spade", "mug"],
        ["mug", "spade"],
        ["mug", "spade"],
    ]
    assert await listed(stocked, "gifts", "min_price=501") == ["mug"]
    await choose(stocked, "gifts", apron, spade)
    assert await listed(stocked, "gifts") == ["apron", "spade"]
    await stocked.rest.ok("PUT", f"/collections/gifts/products/{mug['id']}", {"position": 0}, user=ADMIN)
    assert await listed(stocked, "gifts") == ["mug", "apron", "spade"]
    await stocked.rest.ok("DELETE", f"/collections/gifts/products/{apron['id'].upper()}", user=ADMIN)
    assert await listed(stocked, "gifts") == ["mug", "spade"]
    assert await told(stocked) == [("created", 1, None), *[("updated", at, ["products"]) for at in range(2, 6)]]
    joined = [("created", 1, None), ("updated", 2, ["collections"])]
    assert await told(stocked, spade) == joined
    assert await told(stocked, mug) == [*joined, ("updated", 3, ["collections"]), ("updated", 4, ["collections"])]


async def put(shop, product, position=None):
    """Its slugs in their order, also of what is not sold."""
    body = {} if position is None else {"position": position}
    await shop.rest.ok("PUT", f"/collections/gifts/products/{product['id']}", body, user=ADMIN)
    rows = await shop.db.fetch(
        "SELECT slug FROM collection_products JOIN products ON products.id = product_id ORDER BY position, product_id"
    )
    return "".join(row["slug"] for row in rows)


async def test_a_product_takes_the_place_that_is_named_and_the_others_move_on(shop):
    a, b, c, d, e = [await shop.add(slug, 100) for slug in "abcde"]
    await make(shop, "gifts")
    await choose(shop, "gifts", a, b, c)
    assert await put(shop, c, 0) == "cab"
    assert await put(shop, a, 0) == "acb"
    assert await put(shop, d) == "acbd"
    assert await put(shop, c) == "acbd"
    assert await put(shop, e, 1) == "aecbd"
    assert await put(shop, a, 2) == "ecabd"
    assert await put(shop, e, 1_000_000) == "cabde"
    await shop.rest.ok("DELETE", f"/collections/gifts/products/{a['id']}", user=ADMIN)
    assert await put(shop, e, 2) == "cbed"
    version = (await shop.rest.ok("GET", "/collections/gifts"))["version"]
    assert [await put(shop, e, 2), await put(shop, d, 3), await put(shop, d)] == ["cbed"] * 3
    assert (await shop.rest.ok("GET", "/collections/gifts"))["version"] == version
    # Who only moves is as he was.
    assert await told(shop, b) == [("created", 1, None), ("updated", 2, ["collections"])]
    # As older code left them: several at one place.
    await shop.db.execute("UPDATE collection_products SET position = 0")
    assert await put(shop, e, 0) == "ebcd"


async def test_two_at_once_both_get_their_place(shop):
    products = [await shop.add(f"p{at}", 100) for at in range(8)]
    await make(shop, "gifts")
    await choose(shop, "gifts", *products)
    await asyncio.gather(*(put(shop, one, 0) for one in products))
    rows = await shop.db.fetch("SELECT position FROM collection_products ORDER BY position")
    assert [row["position"] for row in rows] == list(range(8))


async def test_a_place_costs_as_many_statements_for_few_as_for_many(shop):
    products = [await shop.add(f"p{at}", 100) for at in range(12)]
    await make(shop, "gifts")
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)
    counts = []
    for several in (products[:3], products):
        await choose(shop, "gifts", *several)
        await db.taken()
        await rest.ok("PUT", f"/collections/gifts/products/{several[-1]['id']}", {"position": 0}, user=ADMIN)
        counts.append(len(await db.taken()))
    await db.close()
    assert counts[0] == counts[1] > 0


async def test_a_repeat_changes_nothing(stocked):
    mug = await stocked.rest.ok("GET", "/products/mug")
    await make(stocked, "gifts")
    first = await choose(stocked, "gifts", mug)
    assert await choose(stocked, "gifts", mug) == first
    body = {"slug": "gifts", "name": "Gifts"}
    assert await stocked.rest.ok("PUT", "/collections/gifts", body, user=ADMIN) == first
    assert len(await told(stocked)) == 2
    assert len(await told(stocked, mug)) == 2


async def test_a_page_follows_the_other_in_every_order(shop):
    for at in range(7):
        await shop.add(f"p{at}", 100 * (at % 3), name=f"N{at % 2}")
    everything = [await shop.rest.ok("GET", f"/products/p{at}") for at in (3, 1, 4, 0, 5, 6, 2)]
    await make(shop, "gifts")
    await choose(shop, "gifts", *everything)
    for sort in SORTS:
        asked = "" if sort == "position" else f"&sort={sort}"
        seen, cursor = [], ""
        while cursor is not None:
            more = cursor and f"&cursor={cursor}"
            page = await shop.rest.ok("GET", f"/products?collection=gifts&limit=2{asked}{more}")
            seen += [card["slug"] for card in page["items"]]
            cursor = page["next_cursor"]
        assert seen == await listed(shop, "gifts", asked)
        assert len(seen) == 7
    assert await listed(shop, "gifts") == ["p3", "p1", "p4", "p0", "p5", "p6", "p2"]


# -------------------------------------------------------------------------------------------------------- by rules


@pytest.mark.parametrize(
    ("rules", "slugs"),
    [
        (by_rules(condition("category", "kitchen")), ["apron", "mug"]),
        (by_rules(condition("category", "cups", "garden")), ["spade", "mug"]),
        (by_rules(condition("brand", "Potters", "Steel")), ["spade", "mug"]),
        (by_rules(condition("tag", "new"), condition("price", at_most=600)), ["spade"]),
        (by_rules(condition("brand", "Linen"), condition("tag", "new"), match="any"), ["spade", "apron", "mug"]),
        (by_rules(condition("seller", SELLER.id)), ["apron"]),
        (by_rules(condition("created", within_days=1)), ["spade", "apron", "mug"]),
        (by_rules(condition("created", since="2999-01-01T00:00:00Z")), []),
    ],
)
async def test_rules_find_what_is_there_and_what_comes(shop, rules, slugs):
    await add_categories(shop)
    await make(shop, "first", sort="newest", **rules)
    await add_products(shop)
    made = await make(shop, "later", sort="newest", **rules)
    assert await listed(shop, "first") == await listed(shop, "later") == slugs
    assert made["settled"] is False
    for name in ("first", "later"):
        shown = await shop.rest.ok("GET", f"/collections/{name}", user=ADMIN)
        assert (shown["by_rules"], shown["settled"], shown["rules"]["match"]) == (True, True, rules["rules"]["match"])
        asked = [one.get("any_of", []) for one in rules["rules"]["conditions"]]
        assert [sorted(one["any_of"]) for one in shown["rules"]["conditions"]] == asked
        assert (await shop.rest.ok("GET", f"/collections/{name}"))["rules"] is None
    for slug in slugs:
        product = await shop.rest.ok("GET", f"/products/{slug}")
        assert await told(shop, product) == [("created", 1, None), ("updated", 2, ["collections"])]


async def test_a_changed_product_joins_and_leaves_in_its_own_transaction(stocked):
    await make(stocked, "cheap", **by_rules(condition("price", at_most=600), condition("category", "kitchen")))
    assert await listed(stocked, "cheap") == []
    variant = {"sku": "MUG-0", "price": pounds(600)}
    mug = await stocked.rest.ok("PATCH", "/products/mug", {"variants": [variant]}, user=ADMIN)
    assert await listed(stocked, "cheap") == ["mug"]
    assert (await told(stocked, mug))[-1] == ("updated", 2, ["variants", "collections"])
    await stocked.rest.ok("PATCH", "/products/mug", {"description": "Nothing that rules look at"}, user=ADMIN)
    await stocked.rest.ok("PATCH", "/products/mug", {"category": "garden"}, user=ADMIN)
    assert await listed(stocked, "cheap") == []
    assert [one[1:] for one in (await told(stocked, mug))[-2:]] == [
        (3, ["description"]),
        (4, ["category", "collections"]),
    ]
    items = [
        {"slug": "mug", "category": "cups"},
        {"slug": "spade", "category": "cups"},
        {"slug": "hidden", "brand": "X"},
    ]
    await stocked.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert await listed(stocked, "cheap", "sort=name") == ["mug", "spade"]


async def test_a_price_is_what_everybody_pays_now(shop):
    await make(shop, "cheap", **by_rules(condition("price", at_most=400)))
    mug = await shop.add("mug", 500)
    await make_list(shop, "sale", {"MUG-0": 300})
    await follow_lists(shop.catalog)
    assert await listed(shop, "cheap") == ["mug"]
    await shop.rest.ok("DELETE", "/price-lists/sale", status=204, user=ADMIN)
    await follow_lists(shop.catalog)
    assert await listed(shop, "cheap") == []
    changed = [names for _, _, names in await told(shop, mug) if names and "collections" in names]
    assert changed == [["price", "collections"]] * 2


async def test_a_draft_is_in_it_and_seen_once_it_is_sold(stocked):
    await make(stocked, "cups", sort="newest", **by_rules(condition("category", "cups")))
    assert await listed(stocked, "cups") == ["mug"]
    await stocked.rest.ok("PATCH", "/products/hidden", {"status": "active"}, user=ADMIN)
    assert await listed(stocked, "cups") == ["hidden", "mug"]
    await stocked.rest.ok("POST", "/products/mug/withhold", {"reason": "Why"}, user=ADMIN)
    assert await listed(stocked, "cups") == ["hidden"]
    body = {"name": "zz", "variants": [{"sku": "HIDDEN-0", "price": pounds(9)}]}
    await stocked.rest.ok("PATCH", "/products/hidden", body, user=ADMIN)
    await stocked.rest.ok("POST", "/products/mug/reinstate", {"reason": "Why"}, user=ADMIN)
    assert await listed(stocked, "cups", "sort=name") == ["mug", "hidden"]
    assert await listed(stocked, "cups", "sort=price") == ["hidden", "mug"]


async def test_the_tree_changes_and_products_follow(stocked):
    await make(stocked, "home", sort="newest", **by_rules(condition("category", "kitchen")))
    await stocked.rest.ok("PUT", "/categories/cups", {"slug": "mugs", "name": "C", "parent": "garden"}, user=ADMIN)
    assert not (await stocked.rest.ok("GET", "/collections/home"))["settled"]
    await settle(stocked.catalog)
    assert await listed(stocked, "home") == ["apron"]
    await stocked.rest.ok("PUT", "/categories/kitchen", {"slug": "house", "name": "H"}, user=ADMIN)
    shown = await stocked.rest.ok("GET", "/collections/home", user=ADMIN)
    assert shown["rules"]["conditions"][0]["any_of"] == ["house"]
    # An archived product leaves its category with it, and what that was in.
    await stocked.rest.ok("DELETE", "/products/apron", status=204, user=ADMIN)
    await stocked.rest.ok("DELETE", "/categories/house", status=204, user=ADMIN)
    await settle(stocked.catalog)
    assert await listed(stocked, "home", "status=archived", ADMIN) == []


async def test_attributes_of_a_type_are_specifications(shop):
    for name, kind in (("volume", "number"), ("material", "text")):
        body = {"name": name, "label": name.title(), "type": kind}
        await shop.rest.ok("POST", "/attributes", body, status=201, user=ADMIN)
    uses = [{"attribute": name} for name in ("volume", "material")]
    kind = {"slug": "cup", "name": "Cup", "attributes": uses}
    await shop.rest.ok("POST", "/product-types", kind, status=201, user=ADMIN)
    await make(shop, "large", sort="newest", **by_rules(condition("specification", name="volume", at_least=300)))
    await shop.add("mug", 100, product_type="cup", specifications={"volume": 350, "material": "clay"})
    await shop.add("jug", 100, specifications={"volume": 900})
    await shop.add("cup", 100, product_type="cup", specifications={"volume": 200})
    assert await listed(shop, "large") == ["jug", "mug"]
    await shop.rest.ok("PATCH", "/products/cup", {"specifications": {"volume": 300}}, user=ADMIN)
    assert await listed(shop, "large") == ["cup", "jug", "mug"]
    await shop.rest.ok("PUT", "/product-types/cup", kind | {"attributes": uses[1:]}, user=ADMIN)
    await settle(shop.catalog)
    assert await listed(shop, "large") == ["jug"]


async def test_other_rules_find_others_in_rounds(shop, monkeypatch):
    monkeypatch.setattr(rounds, "ONE_ROUND", 2)
    for at in range(5):
        await shop.add(f"p{at}", 100, brand="A" if at % 2 else "B")
    await make(shop, "some", sort="newest", **by_rules(condition("brand", "A")))
    assert await listed(shop, "some") == ["p3", "p1"]
    before = await shop.announced()
    body = {"slug": "some", "name": "Some", "sort": "newest", **by_rules(condition("brand", "B"))}
    changed = await shop.rest.ok("PUT", "/collections/some", body, user=ADMIN)
    assert (changed["settled"], changed["version"]) == (False, 2)
    async with shop.db.transaction() as tx:
        await collections_repository.begin_rounds(tx)
    assert await one_round(shop.catalog)
    assert await listed(shop, "some") == ["p3", "p0"]
    # Whoever ran the rounds is gone, and the next goes on.
    await settle(shop.catalog)
    assert await listed(shop, "some") == ["p4", "p2", "p0"]
    assert sorted(row[1:3] for row in (await shop.announced())[len(before) :]) == [
        ("p0", 2),
        ("p1", 3),
        ("p2", 2),
        ("p3", 3),
        ("p4", 2),
    ]
    assert not await one_round(shop.catalog)


async def test_days_pass_and_it_leaves(shop):
    await make(shop, "fresh", **by_rules(condition("created", within_days=30)))
    mug = await shop.add("mug", 100)
    await shop.add("cup", 100)
    day = 86_400
    assert 29.9 * day < await settle_collections(shop.catalog) <= 30 * day
    for slug, ago in (("mug", 30), ("cup", 29)):
        await shop.db.execute(
            "UPDATE products SET created_at = created_at - $2::interval WHERE slug = $1", slug, timedelta(days=ago)
        )
    await shop.db.execute("UPDATE collection_products SET look_again_at = look_again_at - interval '30 days'")
    assert 0.9 * day < await settle_collections(shop.catalog) <= day
    assert await listed(shop, "fresh") == ["cup"]
    assert (await told(shop, mug))[-1] == ("updated", 2, ["collections"])


# ----------------------------------------------------------------------------------------- what it is called, and ends


async def test_it_has_a_name_that_leads_on(stocked):
    await make(stocked, "gifts")
    await stocked.rest.ok("PUT", "/collections/gifts", {"slug": "presents", "name": "P"}, user=ADMIN)
    for method in ("GET", "HEAD"):
        answer = await stocked.rest.send(method, "/collections/gifts")
        assert (answer.status, answer.headers["location"]) == (301, "/api/v1/collections/presents")
    await choose(stocked, "presents", await stocked.rest.ok("GET", "/products/mug"))
    assert await listed(stocked, "gifts") == await listed(stocked, "presents") == ["mug"]


async def test_other_services_are_told_in_which_it_is(stocked):
    mug = await stocked.rest.ok("GET", "/products/mug")
    await make(stocked, "gifts")
    await make(stocked, "fresh", **by_rules(condition("tag", "new")))
    await choose(stocked, "gifts", mug)
    rpc = CatalogServicer(stocked.catalog)

    async def said():
        product = (await rpc.GetProduct(GetProductRequest(product="mug"), None)).product
        (other,) = (await rpc.GetProducts(GetProductsRequest(ids=[mug["id"]]), None)).products
        assert product == other
        return list(product.collections), product.version

    assert await said() == (["fresh", "gifts"], 3)
    await stocked.rest.ok("PUT", "/collections/gifts", {"slug": "presents", "name": "Gifts"}, user=ADMIN)
    await settle(stocked.catalog)
    assert await said() == (["fresh", "presents"], 4)
    body = {"slug": "presents", "name": "Gifts", "published": False}
    await stocked.rest.ok("PUT", "/collections/presents", body, user=ADMIN)
    await settle(stocked.catalog)
    assert await said() == (["fresh"], 5)
    await stocked.rest.ok("DELETE", "/collections/fresh", status=204, user=ADMIN)
    assert (await stocked.rest.send("GET", "/collections/fresh")).problem == "no-such-collection"
    await settle(stocked.catalog)
    assert await said() == ([], 6)
    assert await stocked.db.fetchval("SELECT count(*) FROM collections") == 1
    # Its slug is free.
    await make(stocked, "fresh")


async def test_collections_are_brought_in_once(stocked):
    one = ImportCollectionsRequest.NewCollection
    asked = ImportCollectionsRequest(
        collections=[
            one(collection_json=b'{"slug": "gifts", "name": "Gifts"}', products=["spade", "mug"]),
            one(
                collection_json=msgspec.json.encode({"slug": "some", "name": "S", **by_rules(condition("tag", "new"))})
            ),
        ]
    )
    rpc = CatalogServicer(stocked.catalog)
    answers = [await rpc.ImportCollections(asked, None) for _ in range(2)]
    assert [(one.added, one.already_there) for one in answers] == [(2, 0), (0, 2)]
    await settle(stocked.catalog)
    assert (await listed(stocked, "gifts"), len(await listed(stocked, "some"))) == (["spade", "mug"], 2)
    wrong = one(collection_json=b'{"slug": "none", "name": "None"}', products=["nothing"])
    with pytest.raises(UnknownProduct):
        await rpc.ImportCollections(ImportCollectionsRequest(collections=[wrong]), None)
    assert len((await stocked.rest.ok("GET", "/collections"))["items"]) == 2


async def test_what_is_not_published_is_staffs(stocked):
    await make(stocked, "soon", published=False)
    await make(stocked, "now")
    await choose(stocked, "soon", await stocked.rest.ok("GET", "/products/mug"))
    for user in (None, CUSTOMER, SELLER):
        for path in ("/collections/soon", "/products?collection=soon"):
            answer = await stocked.rest.send("GET", path, user=user)
            assert (answer.status, answer.problem) == (404, "no-such-collection")
    assert await listed(stocked, "soon", user=ADMIN) == ["mug"]

    async def names(user, query="limit=1"):
        first = await stocked.rest.ok("GET", f"/collections?{query}", user=user)
        more = first["next_cursor"]
        rest = await names(user, f"limit=1&cursor={more}") if more else []
        return [one["slug"] for one in first["items"]] + rest

    assert (await names(None), await names(ADMIN)) == (["now"], ["now", "soon"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem", "field"),
    [
        ("POST", "", {"slug": "gifts", "name": "G"}, 409, "slug-taken", "slug"),
        ("POST", "", {"slug": "search", "name": "G"}, 422, "slug-reserved", "slug"),
        ("PUT", "/gifts", {"slug": "g", "name": "G", **by_rules(condition("tag"))}, 409, "collection-kind", "rules"),
        ("PUT", "/fresh", {"slug": "fresh", "name": "G"}, 409, "collection-kind", "rules"),
        ("PUT", "/fresh", {"slug": "gifts", "name": "G", **by_rules(condition("tag", "x"))}, 409, "slug-taken", "slug"),
        ("PUT", "/none", {"slug": "none", "name": "G"}, 404, "no-such-collection", "collection"),
        (
            "POST", "", {"slug": "x", "name": "X", **by_rules(condition("category", "no"))}, 422, "unknown-category",
            "rules.conditions[0].any_of",
        ),
        ("POST", "", {"slug": "x", "name": "X", **by_rules()}, 422, "unprocessable", "rules.conditions"),
        (
            "POST", "", {"slug": "x", "name": "X", **by_rules(condition("price"))}, 422, "bad-condition",
            "rules.conditions[0].at_least",
        ),
        ("PUT", "/fresh/products", {"products": []}, 409, "collection-by-rules", "collection"),
        ("PUT", "/gifts/products", {"products": [uuid7()]}, 422, "unknown-product", "products"),
        ("PUT", "/gifts/products", {"products": [SELLER.id, SELLER.id.upper()]}, 422, "product-twice", "products"),
        ("DELETE", "/gifts/products/01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f", None, 404, "no-such-product", "product"),
    ],
)  # fmt: skip
async def test_what_is_refused_changes_nothing(stocked, method, path, body, status, problem, field):
    await make(stocked, "gifts")
    await make(stocked, "fresh", **by_rules(condition("tag", "new")))
    before = await stocked.rest.ok("GET", "/collections", user=ADMIN), await told(stocked)
    answer = await stocked.rest.send(method, f"/collections{path}", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (status, problem, field)
    assert (await stocked.rest.ok("GET", "/collections", user=ADMIN), await told(stocked)) == before


async def test_a_collection_is_full(stocked, monkeypatch):
    monkeypatch.setattr("stoa.services.catalog.arrange_collections.MOST_BY_HAND", 1)
    mug, spade = [await stocked.rest.ok("GET", f"/products/{slug}") for slug in ("mug", "spade")]
    await make(stocked, "gifts")
    await stocked.rest.ok("PUT", f"/collections/gifts/products/{mug['id']}", {}, user=ADMIN)
    answer = await stocked.rest.send("PUT", f"/collections/gifts/products/{spade['id']}", {}, user=ADMIN)
    assert (answer.status, answer.problem) == (409, "collection-full")
    assert await listed(stocked, "gifts") == ["mug"]


@pytest.mark.parametrize(
    "query", ["category=cups", "brand=Potters", f"seller_id={SELLER.id}"], ids=["category", "brand", "seller"]
)
async def test_other_filters_go_without_a_collection(stocked, query):
    await make(stocked, "gifts")
    answer = await stocked.rest.send("GET", f"/products?collection=gifts&{query}")
    assert (answer.status, answer.problem) == (422, "collection-alone")


async def test_only_who_arranges_sees_what_else_is_in_it(stocked):
    await make(stocked, "cups", **by_rules(condition("category", "cups")))
    for user, status in ((None, 401), (CUSTOMER, 403), (SELLER, 403)):
        answer = await stocked.rest.send("GET", "/products?collection=cups&status=draft", user=user)
        assert answer.status == status
    assert await listed(stocked, "cups", "status=draft", ADMIN) == ["hidden"]


# ------------------------------------------------------------------------------------------------- statements, races


async def test_a_write_judges_in_the_same_statements_whatever_there_is(shop):
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)

    async def counted(*prices, rename=False):
        await db.taken()
        slug = f"p{uuid7()}"
        variants = [{"sku": uuid7(), "price": pounds(price)} for price in prices]
        body = {"name": "P", "slug": slug, "variants": variants}
        await rest.ok("POST", "/products", body, status=201, user=ADMIN)
        added = len(await db.taken())
        await rest.ok("PATCH", f"/products/{slug}", {"description": "x"}, user=ADMIN)
        untouched = len(await db.taken())
        await rest.ok("PATCH", f"/products/{slug}", {"brand": "B"}, user=ADMIN)
        return added, untouched, len(await db.taken())

    await counted(100)  # The brand is made.
    plain = await counted(100)
    await make(shop, "first", **by_rules(condition("brand", "B")))
    one = await counted(100)
    for at in range(19):
        await make(shop, f"c{at}", **by_rules(condition("brand", "B")))
    assert await counted(*range(20)) == one
    assert one[1] == plain[1]
    assert [more - less for more, less in zip(one, plain, strict=True)] == [1, 0, 2]
    await db.close()


async def until_done(catalog, done):
    while not done.is_set():
        await settle_collections(catalog)
        await asyncio.sleep(0.002)


async def change_products(rest, offset):
    for at in range(24):
        body = {"brand": "AB"[(at + offset) % 2], "category": ("low", None, "top")[at % 3]}
        await rest.ok("PATCH", f"/products/p{at % 6}", body, user=ADMIN)


async def add_more(rest):
    for at in range(12):
        body = {"products": [{"slug": f"m{at}-{n}", "name": "M", "brand": "AB"[n % 2]} for n in range(4)]}
        await rest.ok("POST", "/products/bulk", body, user=ADMIN)


async def change_rules(rest):
    for at in range(10):
        body = {"slug": "brand", "name": f"N{at}", **by_rules(condition("brand", "AB"[at % 2]))}
        await rest.ok("PUT", "/collections/brand", body, user=ADMIN)
        await asyncio.sleep(0.01)


async def move_category(rest):
    for at in range(6):
        body = {"slug": "low", "name": "C", "parent": (None, "top")[at % 2]}
        await rest.ok("PUT", "/categories/low", body, user=ADMIN)
        await asyncio.sleep(0.01)


async def test_products_rules_and_rounds_at_once(shop, postgres, monkeypatch):
    """Whoever is second sees the first: in the end each is where it belongs, and each change was told once."""
    monkeypatch.setattr(rounds, "ONE_ROUND", 3)
    for slug, parent in (("top", None), ("low", "top")):
        body = {"slug": slug, "name": "C", "parent": parent}
        await shop.rest.ok("POST", "/categories", body, status=201, user=ADMIN)
    for at in range(6):
        await shop.add(f"p{at}", 100, brand="A", category="low")
    await make(shop, "brand", **by_rules(condition("brand", "A")))
    await make(shop, "trees", **by_rules(condition("category", "top")))
    twin = replace(shop.catalog, db=Database("catalog", shop.db.dsn, shop.db.size))
    rest = Rest(routes.bind(twin), twin.db)
    done = asyncio.Event()
    jobs = [asyncio.create_task(until_done(each, done)) for each in (shop.catalog, twin)]
    await asyncio.gather(
        change_products(shop.rest, 0),
        change_products(rest, 1),
        add_more(rest),
        change_rules(shop.rest),
        move_category(rest),
    )
    done.set()
    await asyncio.gather(*jobs)
    await settle(shop.catalog)
    wrong = await shop.db.fetch("""
        SELECT product.slug, product.brand FROM products AS product
        WHERE (product.brand = 'B') <> EXISTS (
            SELECT FROM collection_products AS member JOIN collections ON collections.id = collection_id
            WHERE product_id = product.id AND collections.slug = 'brand'
        ) OR (product.category_id IS NOT NULL) <> EXISTS (
            SELECT FROM collection_products AS member JOIN collections ON collections.id = collection_id
            WHERE product_id = product.id AND collections.slug = 'trees'
        )
    """)
    assert [tuple(row) for row in wrong] == []
    announced = await shop.db.fetch("""
        SELECT max(aggregate_version) = max(version) AND count(DISTINCT aggregate_version) = max(version) AS all_told
        FROM event_log JOIN products ON products.id::text = subject WHERE type LIKE 'product.%' GROUP BY subject
    """)
    assert all(row["all_told"] for row in announced)
    assert await deadlocks(postgres, shop.db, twin.db) == 0


async def test_who_reads_the_rules_is_waited_for(shop):
    """A product that was judged by the old rules and is not there yet when the rounds begin would be in none."""
    await make(shop, "some", **by_rules(condition("brand", "A")))
    writer = await asyncpg.connect(shop.db.dsn)
    adding = writer.transaction()
    await adding.start()
    await writer.execute(collections_repository.HOLD_RULES)
    assert len(await writer.fetch(collections_repository.RULES)) == 1
    body = {"slug": "some", "name": "Some", **by_rules(condition("brand", "B"))}
    await shop.rest.ok("PUT", "/collections/some", body, user=ADMIN)
    settling = asyncio.create_task(settle(shop.catalog))
    while not await writer.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.005)
    await writer.execute(
        "INSERT INTO products (id, slug, name, brand, status) VALUES ($1, 'late', 'Late', 'B', 'draft')", uuid7()
    )
    await adding.commit()
    await settling
    await writer.close()
    assert await listed(shop, "some", "status=draft", ADMIN) == ["late"]


# ---------------------------------------------------------------------------------------------------------- volume


async def test_a_page_of_a_large_collection_reads_a_bounded_part(database):
    db, many = await database("catalog"), 20_000
    made = "lpad(to_hex(n), 32, '0')::uuid"
    await fill(
        db,
        "products",
        "id, slug, name, status, price_minor, price_max_minor, currency",
        f"{made}, 'p' || n, 'P' || n, CASE WHEN n % 50 = 0 THEN 'active' ELSE 'draft' END, n % 997, 1000, 'GBP'",
        many,
    )
    collection = uuid7()
    await db.execute(
        "INSERT INTO collections (id, slug, name, description, sort, published, looks_at)"
        " VALUES ($1, 'all', 'All', '', 'newest', true, '{}')",
        collection,
    )
    await fill(
        db,
        "collection_products",
        "collection_id, product_id, position, standing, price_minor, name, look_again_at",
        f"'{collection}', {made}, n, CASE WHEN n % 50 = 0 THEN 'active' ELSE 'draft' END, n % 997, 'p' || n,"
        " now() + n * interval '1 minute'",
        many,
    )
    middle = await db.fetchrow("SELECT id, name FROM products WHERE slug = 'p10000'")
    for sort in SORTS:
        for after in ((), ("id",) if sort == "newest" else ("id", "place")):
            place = {"position": 10_000, "name": middle["name"]}.get(sort, 500)
            values = [collection, *(middle["id"], place)[: len(after)]]
            sql = collection_statement(sort, ("collection", *after))
            assert (await read_by(db, sql, "active", 21, *values)).rows <= 200, (sort, after)
    for sql, arguments in (
        (collections_repository.WORK, ()),
        (collections_repository.LOCK_UNSETTLED, ()),
        (collections_repository.LOOK_AGAIN_AT, (50,)),
        (collections_repository.SEEN_AFTER, (middle["id"], 50)),
        (collections_repository.MEMBERS_AFTER, (middle["id"], 50, collection)),
        (collections_repository.COLLECTIONS_OF, ([middle["id"]],)),
    ):
        assert (await read_by(db, sql, *arguments)).rows <= 300, sql
