"""What texts among a product's specifications say in the shop's other languages."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from counting import Counting
from hypothesis import given
from hypothesis import strategies as st

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest
from stoa.kit.text import in_nfc
from stoa.services.catalog.edit_product import blank
from stoa.services.catalog.export_products import item_of
from stoa.services.catalog.fitting_translations import fitting, parts_of
from stoa.services.catalog.import_row import completed, row_of
from stoa.services.catalog.plan_translations import said_of
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.translations import ProductTranslation
from stoa.testing import Rest

from .conftest import ADMIN, routes

CARE = {"name": "care", "type": "text", "label": "Care", "max_length": 40}
COLOR = {"name": "color", "type": "select", "choices": [{"value": "red"}]}
SINCE = {"name": "since", "type": "date"}
SAYS = {"care": "Wash by hand", "color": "red", "since": "2026-01-31"}
UNTYPED = {"Cloth": "Cotton", "Grams": 350, "Washable": True, "Sizes": ["S", "M"], "Note": ""}
PATH = "/products/mug/translations/de"


@pytest.fixture
async def mug(shop):
    for attribute in (CARE, COLOR, SINCE):
        await shop.rest.ok("POST", "/attributes", attribute, status=201, user=ADMIN)
    goods = {"slug": "goods", "name": "Goods", "attributes": [{"attribute": name} for name in SAYS]}
    await shop.rest.ok("POST", "/product-types", goods, status=201, user=ADMIN)
    return await shop.add("mug", 500, product_type="goods", specifications=SAYS)


async def say(shop, specifications, path=PATH):
    return (await shop.rest.ok("PUT", path, {"specifications": specifications}, user=ADMIN))["specifications"]


async def said(shop):
    return [one["specifications"] for one in (await shop.rest.ok("GET", PATH[:-3], user=ADMIN))["items"]]


async def test_a_text_is_read_in_a_language_and_what_is_none_is_as_it_is(shop, mug):
    assert await say(shop, {"care": "Von Hand waschen"}) == {"care": "Von Hand waschen"}
    shown = await shop.rest.ok("GET", "/products/mug?locale=de")
    assert shown["specifications"] == SAYS | {"care": "Von Hand waschen"}
    assert [one["value"] for one in shown["attributes"]] == ["Von Hand waschen", "red", "2026-01-31"]
    own = await shop.rest.ok("GET", "/products/mug")
    assert own == mug | {"version": 2, "updated_at": own["updated_at"]}
    await say(shop, {})
    shown = await shop.rest.ok("GET", "/products/mug?locale=de")
    assert (shown["specifications"], shown["attributes"]) == (SAYS, mug["attributes"])


async def test_without_a_type_what_is_a_text_is_said(shop):
    await shop.add("shirt", 500, specifications=UNTYPED)
    path = "/products/shirt/translations/de"
    texts = {"Cloth": "Baumwolle", "Note": "Läuft ein"}
    assert await say(shop, texts, path) == texts
    assert (await shop.rest.ok("GET", "/products/shirt?locale=de"))["specifications"] == UNTYPED | texts
    for name in ("Grams", "Washable", "Sizes"):
        refused = await shop.rest.send("PUT", path, {"specifications": {name: "X"}}, user=ADMIN)
        assert (refused.status, refused.problem, refused.body["field"]) == (422, "not-a-text", f"specifications.{name}")


@pytest.mark.parametrize(
    ("specifications", "problem"),
    [
        ({"color": "Rot"}, "not-a-text"),
        ({"since": "Januar"}, "not-a-text"),
        ({"cloth": "Baumwolle"}, "not-of-the-product"),
        ({"care": "x" * 41}, "wrong-specification"),
        ({"care": ""}, "unprocessable"),
        ({"care": "x" * 1001}, "unprocessable"),
        ({"care": 5}, "unprocessable"),
        ({"care": "a\u2028b"}, "unprocessable"),
    ],
)
async def test_what_is_refused_changes_nothing(shop, mug, specifications, problem):
    refused = await shop.rest.send("PUT", PATH, {"specifications": specifications}, user=ADMIN)
    assert (refused.status, refused.problem) == (422, problem)
    assert refused.body["field"].startswith("specifications"), refused
    assert (await said(shop), (await shop.rest.ok("GET", "/products/mug"))["version"]) == ([], 1)


async def test_a_text_stays_while_the_product_has_what_it_is_of(shop, mug):
    german = {"care": "Von Hand waschen"}
    await say(shop, german)

    async def becomes(**patch):
        await shop.rest.ok("PATCH", "/products/mug", patch, user=ADMIN)
        return (await shop.rest.ok("GET", "/products/mug?locale=de"))["specifications"].get("care"), *await said(shop)

    assert await becomes(specifications={"care": "Wash by hand, and dry"}) == ("Von Hand waschen", german)
    assert await becomes(specifications={"color": "red"}) == (None, {})
    assert await becomes(specifications=SAYS) == ("Von Hand waschen", german)
    # What is no text has none, whatever it was.
    assert await becomes(product_type=None, specifications={"care": 5}) == (5, {})
    assert await becomes(specifications={"care": "Wash"}) == ("Von Hand waschen", german)


async def test_what_was_said_is_not_too_long_later(shop, mug):
    german = {"care": "Von Hand waschen und abtrocknen"}
    await say(shop, german)
    shorter = {name: value for name, value in CARE.items() if name != "name"} | {"max_length": 12}
    await shop.rest.ok("PUT", "/attributes/care", shorter, user=ADMIN)
    assert await say(shop, german) == german
    items = [{"slug": "mug", "translations": {"de": {"name": "Becher"}}}]
    assert (await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN))["counts"]["updated"] == 1
    assert await said(shop) == [german]
    refused = await shop.rest.send("PUT", PATH, {"specifications": {"care": "Nur von Hand waschen"}}, user=ADMIN)
    assert refused.problem == "wrong-specification"


async def test_of_many_each_is_said_with_what_it_is_to_be(shop, mug):
    def item(slug: str, texts: Any, **more: Any) -> Any:
        return {"slug": slug, "name": slug, "translations": {"de": {"specifications": texts}}} | more

    typed = {"product_type": "goods", "specifications": SAYS}
    items = [
        item("cup", {"care": "Von Hand"}, **typed),
        item("jug", {"color": "Rot"}, **typed),
        item("pot", {"color": "Rot"}, specifications={"color": "red"}),
        item("pan", {"care": "x" * 41}, **typed),
        item("mug", {"color": "Rot"}, product_type=None, specifications={"color": "red"}),
        item("lid", {"care": "Von Hand"}),
    ]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    told = [(one["outcome"], one.get("problem") and one["problem"]["field"]) for one in answer["items"]]
    assert told == [
        ("created", None),
        ("refused", "products[1].translations.de.specifications.color"),
        ("created", None),
        ("refused", "products[3].translations.de.specifications.care"),
        ("updated", None),
        ("refused", "products[5].translations.de.specifications.care"),
    ]
    assert await said(shop) == [{"color": "Rot"}]
    again = [items[at] for at in (0, 2, 4)]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": again}, user=ADMIN)
    assert answer["counts"]["unchanged"] == 3


async def test_other_services_get_what_fits(shop, mug):
    await say(shop, {"care": "Von Hand waschen"})
    await shop.db.execute("""UPDATE translations SET specifications = specifications || '{"color": "Rot"}'""")
    product = (await CatalogServicer(shop.catalog).GetProduct(GetProductRequest(product="mug"), None)).product
    assert [dict(one.specifications) for one in product.translations] == [{"care": "Von Hand waschen"}]


@pytest.mark.parametrize("many", [1, 20, 100])
async def test_a_hundred_texts_take_as_many_statements_as_one(shop, many):
    texts = {f"text {at}": "X" for at in range(many)}
    await shop.add("mug", 500, specifications=texts)
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)
    # With the first the driver asks about types.
    await rest.ok("PUT", PATH, {"name": "Becher"}, user=ADMIN)
    await db.taken()
    await rest.ok("PUT", PATH, {"specifications": texts}, user=ADMIN)
    assert len(await db.taken()) <= 9
    await rest.ok("GET", "/products/mug?locale=de")
    assert len(await db.taken()) <= 3
    await db.close()


NAMES = st.sampled_from(["Cloth", "Grams", "Care", "Über"])
TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=8).map(in_nfc)
VALUES = TEXTS | st.integers(-9, 9) | st.booleans() | st.lists(TEXTS, max_size=2)


@given(st.dictionaries(NAMES, VALUES), st.dictionaries(NAMES, TEXTS), st.none() | TEXTS)
def test_what_is_exported_says_the_same_when_it_is_read_in(specifications, texts, description):
    product = msgspec.structs.replace(blank("1", None), slug="shirt", name="Shirt", specifications=specifications)
    translation = ProductTranslation(specifications=texts, description=description)
    line = json.loads(msgspec.json.encode(item_of(product, {}, {"de": translation})))
    item = completed(row_of(line), product)
    parts = parts_of(product)
    assert said_of(item, parts, {"de": translation}, ("en", "de")) == []
    # In a shop that has the product, and nothing said of it.
    told = [one.after for one in said_of(item, parts, {}, ("en", "de"))]
    left = fitting(parts, translation)
    assert told == ([left] if left != ProductTranslation() else [])
