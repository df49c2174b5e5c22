"""What brands and product types say in the shop's other languages."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from counting import Counting

from stoa.testing import Rest

from .conftest import ADMIN, CUSTOMER, SELLER, routes

MUGS = {"slug": "mugs", "name": "Mugs", "attributes": []}
ACME = {"name": "Acme", "description": "Made in York", "seo": {"title": "Acme", "description": "Of York"}}
BRAND = {"description": "Aus York", "seo": {"title": "Von Acme", "description": "Aus York"}}
TYPE = {"name": "Becher"}
EACH = [("/brands/acme", BRAND), ("/product-types/mugs", TYPE)]


@pytest.fixture
async def mug(shop):
    await shop.rest.ok("POST", "/brands", ACME, status=201, user=ADMIN)
    await shop.rest.ok("POST", "/product-types", MUGS, status=201, user=ADMIN)
    return await shop.add("mug", 500, brand="Acme", product_type="mugs")


async def put(shop, path, body):
    return await shop.rest.ok("PUT", f"{path}/translations/de", body, user=ADMIN)


async def told(shop, kind):
    rows = await shop.db.fetch(
        "SELECT type, aggregate_version, data->'changed' AS changed FROM event_log WHERE type LIKE $1 ORDER BY id",
        f"{kind}.%",
    )
    return [(row["type"].partition(".")[2], row["aggregate_version"], row["changed"]) for row in rows]


async def test_a_brand_describes_itself_and_keeps_its_name(shop, mug):
    own = await shop.rest.ok("GET", "/brands/acme")
    said = await put(shop, "/brands/acme", BRAND)
    assert {name: said[name] for name in BRAND} == BRAND
    shown = await shop.rest.ok("GET", "/brands/acme?locale=de")
    assert shown == own | BRAND | {"version": 2, "updated_at": shown["updated_at"]}
    assert (await shop.rest.ok("GET", "/brands?locale=de"))["items"] == [shown]
    for query in ("", "?locale=en"):
        assert (await shop.rest.ok("GET", f"/brands/acme{query}"))["description"] == "Made in York"
    # Nothing said of it is not the same as said of it that it is nothing.
    await put(shop, "/brands/acme", {"description": ""})
    shown = await shop.rest.ok("GET", "/brands/acme?locale=de")
    assert (shown["description"], shown["seo"]) == ("", ACME["seo"])
    assert await told(shop, "brand") == [("created", 1, None), *[("updated", at, ["translations"]) for at in (2, 3)]]


async def test_a_type_is_called_something_wherever_it_is_shown(shop, mug):
    await put(shop, "/product-types/mugs", TYPE)
    shown = await shop.rest.ok("GET", "/product-types/mugs?locale=de")
    assert (shown["name"], shown["slug"], shown["version"]) == ("Becher", "mugs", 2)
    assert (await shop.rest.ok("GET", "/product-types?locale=de"))["items"] == [shown]
    product = await shop.rest.ok("GET", "/products/mug?locale=de")
    assert product["product_type"] == {"id": shown["id"], "slug": "mugs", "name": "Becher"}
    own = await shop.rest.ok("GET", "/products/mug")
    assert own == mug, "no product has changed"
    assert (await shop.rest.ok("GET", "/product-types/mugs"))["name"] == "Mugs"
    assert await told(shop, "product_type") == [("created", 1, None), ("updated", 2, ["translations"])]


async def test_the_image_of_a_collection_shows_something_in_a_language(shop):
    image = {"url": "/media/gifts.jpg", "alt": "A parcel"}
    gifts = {"slug": "gifts", "name": "Gifts", "image": image}
    await shop.rest.ok("POST", "/collections", gifts, status=201, user=ADMIN)
    said = await put(shop, "/collections/gifts", {"images": {"/media/gifts.jpg": "Ein Paket"}})
    assert said["images"] == {"/media/gifts.jpg": "Ein Paket"}
    assert (await shop.rest.ok("GET", "/collections/gifts?locale=de"))["image"] == image | {"alt": "Ein Paket"}
    assert (await shop.rest.ok("GET", "/collections/gifts"))["image"] == image
    wrong = {"images": {"/media/else.jpg": "Ein Paket"}}
    refused = await shop.rest.send("PUT", "/collections/gifts/translations/de", wrong, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (
        422,
        "not-of-the-product",
        "images./media/else.jpg",
    )
    # Of another image it says nothing.
    other = gifts | {"image": {"url": "/media/2.jpg", "alt": "Two"}}
    await shop.rest.ok("PUT", "/collections/gifts", other, user=ADMIN)
    assert (await shop.rest.ok("GET", "/collections/gifts?locale=de"))["image"]["alt"] == "Two"
    listed = await shop.rest.ok("GET", "/collections/gifts/translations", user=ADMIN)
    assert listed["items"] == [said | {"images": {}}]


@pytest.mark.parametrize(("path", "body"), EACH)
async def test_it_is_listed_repeated_and_taken_away(shop, mug, path, body):
    first = await put(shop, path, body)
    assert await put(shop, path, body) == first
    assert (await shop.rest.ok("GET", path))["version"] == 2
    assert (await shop.rest.ok("GET", f"{path}/translations", user=ADMIN))["items"] == [first]
    await shop.rest.ok("DELETE", f"{path}/translations/de", status=204, user=ADMIN)
    assert (await shop.rest.send("DELETE", f"{path}/translations/de", user=ADMIN)).problem == "no-such-translation"
    own, shown = [await shop.rest.ok("GET", each) for each in (path, f"{path}?locale=de")]
    assert (shown, own["version"]) == (own, 3)


@pytest.mark.parametrize(
    ("path", "body", "status", "problem", "field"),
    [
        ("/brands/acme/translations/de", {"name": "Spitze"}, 422, "unprocessable", "name"),
        ("/brands/acme/translations/de", {"slug": "spitze"}, 422, "unprocessable", "slug"),
        ("/brands/acme/translations/fr", BRAND, 422, "unknown-locale", "locale"),
        ("/brands/acme/translations/en", BRAND, 422, "own-language", "locale"),
        ("/brands/none/translations/de", BRAND, 404, "no-such-brand", "brand"),
        ("/product-types/mugs/translations/de", {"name": ""}, 422, "unprocessable", "name"),
        ("/product-types/mugs/translations/de", {"slug": "becher"}, 422, "unprocessable", "slug"),
        ("/product-types/none/translations/de", TYPE, 404, "no-such-product-type", "product_type"),
    ],
)
async def test_what_is_refused_changes_nothing(shop, mug, path, body, status, problem, field):
    answer = await shop.rest.send("PUT", path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (status, problem, field)
    assert await shop.db.fetchval("SELECT count(*) FROM translations") == 0
    assert [len(await told(shop, kind)) for kind in ("brand", "product_type")] == [1, 1]


@pytest.mark.parametrize(("path", "body"), EACH)
@pytest.mark.parametrize(("user", "status"), [(None, 401), (CUSTOMER, 403), (SELLER, 403)])
async def test_staff_alone_say_it(shop, mug, path, body, user, status):
    assert (await shop.rest.send("PUT", f"{path}/translations/de", body, user=user)).status == status
    assert (await shop.rest.send("GET", f"{path}/translations", user=user)).status == status
    assert (await shop.rest.ok("GET", f"{path}/translations", user=ADMIN))["items"] == []


@pytest.mark.parametrize(("path", "body"), EACH)
async def test_of_two_editors_the_second_is_told(shop, mug, path, body):
    async def edit():
        headers = {"if-match": '"1"'}
        return (await shop.rest.send("PUT", f"{path}/translations/de", body, user=ADMIN, headers=headers)).status

    # The same twice is no change: the second's is of a version that is gone.
    assert sorted(await asyncio.gather(edit(), edit())) == [200, 412]


async def test_what_is_gone_says_nothing(shop, mug):
    for name in ("Acme", "Other", "Third"):
        if name != "Acme":
            await shop.rest.ok("POST", "/brands", {"name": name}, status=201, user=ADMIN)
        await put(shop, f"/brands/{name.lower()}", BRAND)
    await shop.rest.ok("POST", "/brands/acme/merge", {"into": "other"}, user=ADMIN)
    await shop.rest.ok("DELETE", "/brands/third", status=204, user=ADMIN)
    await put(shop, "/product-types/mugs", TYPE)
    await shop.rest.ok("PATCH", "/products/mug", {"product_type": None}, user=ADMIN)
    await shop.rest.ok("DELETE", "/product-types/mugs", status=204, user=ADMIN)
    other = await shop.rest.ok("GET", "/brands/other", user=ADMIN)
    assert await shop.db.fetchval("SELECT array_agg(thing_id) FROM translations") == [other["id"]]


@pytest.mark.parametrize("many", [1, 20])
async def test_a_language_is_one_statement_more(shop, mug, many):
    for at in range(many):
        await shop.rest.ok("POST", "/brands", {"name": f"Brand {at}"}, status=201, user=ADMIN)
        await put(shop, f"/brands/brand-{at}", BRAND)
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)
    statements = []
    for path in ("/brands?limit=100", "/brands?limit=100&locale=de", "/products/mug", "/products/mug?locale=de"):
        await rest.ok("GET", path, user=ADMIN)
        statements.append(len(await db.taken()))
    await db.close()
    assert statements == [1, 2, 2, 3]
