"""What attributes of products and their choices are called in the shop's other languages."""

from __future__ import annotations

import pytest
from editors import one_of_two

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductsRequest, ListAttributesRequest
from stoa.services.catalog import attribute_texts_repository
from stoa.services.catalog.rpc import CatalogServicer
from stoa.testing import prepare_all

from .conftest import ADMIN, CUSTOMER, SELLER

COLOR = {
    "name": "color",
    "type": "color",
    "label": "Color",
    "choices": [{"value": "red", "label": "Signal red", "hex": "#c0392b"}, {"value": "blue", "hex": "#2980b9"}],
}
LENGTH = {"name": "length", "type": "number", "unit": "in"}
GERMAN = {"label": "Farbe", "unit": None, "choices": {"red": "Signalrot", "blue": "Blau"}}
PATH = "/attributes/color/translations/de"


@pytest.fixture
async def mug(shop):
    for attribute in (COLOR, LENGTH):
        await shop.rest.ok("POST", "/attributes", attribute, status=201, user=ADMIN)
    uses = [{"attribute": "color"}, {"attribute": "length"}]
    mugs = {"slug": "mugs", "name": "Mugs", "attributes": uses}
    await shop.rest.ok("POST", "/product-types", mugs, status=201, user=ADMIN)
    return await shop.add("mug", 500, product_type="mugs", specifications={"color": "red", "length": 4})


async def told(shop):
    rows = await shop.db.fetch(
        "SELECT type, data->'changed' AS changed FROM event_log WHERE data->>'name' = 'color' ORDER BY id"
    )
    return [(row["type"], row["changed"]) for row in rows]


async def test_every_statement_fits_the_schema(shop):
    assert len(await prepare_all(shop.db, attribute_texts_repository)) == 5


async def test_wherever_it_is_shown_it_is_called_so(shop, mug):
    assert await shop.rest.ok("PUT", PATH, GERMAN, user=ADMIN) == GERMAN | {"locale": "de"}
    await shop.rest.ok("PUT", "/attributes/length/translations/de", {"unit": "Zoll"}, user=ADMIN)
    shown = {one["name"]: one for one in (await shop.rest.ok("GET", "/products/mug?locale=de"))["attributes"]}
    assert (shown["color"]["label"], shown["color"]["value"]) == ("Farbe", "red")
    assert [choice["label"] for choice in shown["color"]["chosen"]] == ["Signalrot"]
    assert (shown["length"]["label"], shown["length"]["unit"], shown["length"]["value"]) == ("", "Zoll", 4)
    color = await shop.rest.ok("GET", "/attributes/color?locale=de")
    assert (color["label"], [choice["label"] for choice in color["choices"]]) == ("Farbe", ["Signalrot", "Blau"])
    listed = (await shop.rest.ok("GET", "/attributes?locale=de&limit=1"))["items"]
    assert listed == [color]
    of_type = await shop.rest.ok("GET", "/product-types/mugs?locale=de")
    assert of_type["attributes"][0]["attribute"] == color
    assert (await shop.rest.ok("GET", "/product-types?locale=de"))["items"] == [of_type]
    own = await shop.rest.ok("GET", "/products/mug")
    assert own == mug, "no product has changed"
    assert (await shop.rest.ok("GET", "/attributes/color"))["label"] == "Color"
    listing = await shop.rest.ok("GET", "/attributes/color/translations", user=ADMIN)
    assert listing["items"] == [GERMAN | {"locale": "de"}]


async def test_each_change_is_told_and_a_repeat_is_none(shop, mug):
    for _ in range(2):
        await shop.rest.ok("PUT", PATH, GERMAN, user=ADMIN)
    await shop.rest.ok("DELETE", PATH, status=204, user=ADMIN)
    assert (await shop.rest.send("DELETE", PATH, user=ADMIN)).problem == "no-such-translation"
    assert await told(shop) == [("attribute.created", None), *[("attribute.updated", ["translations"])] * 2]
    assert (await shop.rest.ok("GET", "/attributes/color?locale=de"))["version"] == 3
    assert (await shop.rest.ok("GET", "/products/mug?locale=de"))["attributes"] == mug["attributes"]


async def test_a_choice_that_is_gone_is_not_shown_and_has_its_text_when_it_is_back(shop, mug):
    await shop.rest.ok("PUT", PATH, GERMAN, user=ADMIN)
    body = {name: value for name, value in COLOR.items() if name != "name"}
    await shop.rest.ok("PUT", "/attributes/color", body | {"choices": COLOR["choices"][:1]}, user=ADMIN)
    [shown] = (await shop.rest.ok("GET", "/attributes/color/translations", user=ADMIN))["items"]
    assert shown["choices"] == {"red": "Signalrot"}
    assert [one["label"] for one in (await shop.rest.ok("GET", "/attributes/color?locale=de"))["choices"]] == [
        "Signalrot"
    ]
    await shop.rest.ok("PUT", "/attributes/color", body, user=ADMIN)
    assert [one["label"] for one in (await shop.rest.ok("GET", "/attributes/color?locale=de"))["choices"]] == [
        "Signalrot",
        "Blau",
    ]


@pytest.mark.parametrize(
    ("path", "body", "refusal"),
    [
        (PATH, {"choices": {"green": "Grün"}}, (422, "wrong-attribute", "choices.green")),
        (PATH, {"unit": "cm"}, (422, "wrong-attribute", "unit")),
        (PATH, {"choices": {"red": ""}}, (422, "unprocessable", "choices.red")),
        (PATH, {"name": "Farbe"}, (422, "unprocessable", "name")),
        ("/attributes/color/translations/en", {}, (422, "own-language", "locale")),
        ("/attributes/color/translations/xx", {}, (422, "unknown-locale", "locale")),
        ("/attributes/nothing/translations/de", {}, (404, "no-such-attribute", "attribute")),
    ],
)
async def test_what_cannot_be_said_is_refused(shop, mug, path, body, refusal):
    answer = await shop.rest.send("PUT", path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body.get("field")) == refusal
    assert await shop.db.fetchval("SELECT count(*) FROM attribute_translations") == 0
    assert await told(shop) == [("attribute.created", None)]


async def test_who_may_not_define_it_may_not_translate_it(shop, mug):
    for user in (SELLER, CUSTOMER):
        assert (await shop.rest.send("PUT", PATH, GERMAN, user=user)).status == 403
    assert (await shop.rest.send("GET", "/attributes/color?locale=xx")).problem == "unknown-locale"


async def test_of_two_editors_one_is_told(shop, mug):
    await one_of_two(
        shop.rest, "PUT", PATH, ({"label": "Farbe"}, {"label": "Farbton"}), read="/attributes/color", user=ADMIN
    )


async def test_one_that_is_made_again_says_nothing_of_before(shop):
    await shop.rest.ok("POST", "/attributes", COLOR, status=201, user=ADMIN)
    await shop.rest.ok("PUT", PATH, GERMAN, user=ADMIN)
    await shop.rest.ok("DELETE", "/attributes/color", status=204, user=ADMIN)
    await shop.rest.ok("POST", "/attributes", COLOR, status=201, user=ADMIN)
    assert (await shop.rest.ok("GET", "/attributes/color?locale=de"))["label"] == "Color"


async def test_other_services_are_told_in_all_languages(shop, mug):
    await shop.rest.ok("PUT", PATH, GERMAN, user=ADMIN)
    await shop.rest.ok("PUT", "/attributes/length/translations/de", {"unit": "Zoll"}, user=ADMIN)
    servicer = CatalogServicer(shop.catalog)
    [product] = (await servicer.GetProducts(GetProductsRequest(ids=[mug["id"]]), None)).products
    color, length = product.specifications
    assert (dict(color.labels), dict(color.chosen[0].labels)) == ({"de": "Farbe"}, {"de": "Signalrot"})
    assert (dict(length.labels), dict(length.units)) == ({}, {"de": "Zoll"})
    [attribute, measure] = (await servicer.ListAttributes(ListAttributesRequest(), None)).attributes
    assert (dict(attribute.labels), dict(measure.units)) == ({"de": "Farbe"}, {"de": "Zoll"})
    assert [dict(choice.labels) for choice in attribute.choices] == [{"de": "Signalrot"}, {"de": "Blau"}]
