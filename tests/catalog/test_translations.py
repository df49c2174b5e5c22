"""What things are called in the shop's other languages."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest
from counting import Counting

from stoa.contracts.catalog.v1.catalog_pb2 import (
    GetProductRequest,
    ImportTranslationsRequest,
    ListCategoriesRequest,
    ListProductsRequest,
)
from stoa.kit import staff_acts
from stoa.services.catalog import translations_repository
from stoa.services.catalog.images import Image
from stoa.services.catalog.lists_repository import Card
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.translations import ProductTranslation, card_in
from stoa.testing import Rest, prepare_all

from .conftest import ADMIN, CUSTOMER, OTHER_SELLER, SELLER, pounds, routes

GERMAN = {
    "name": "Tasse",
    "slug": "tasse",
    "description": "Aus Ton.",
    "seo": {"title": "Die Tasse", "description": "Aus Ton"},
    "options": {"color": {"name": "Farbe", "values": {"red": "rot"}}},
    "variants": {"MUG-B": "groß"},
    "images": {"/media/1.jpg": "Von oben"},
    "specifications": {"Clay": "Ton"},
}


@pytest.fixture
async def mug(shop):
    await shop.rest.ok("POST", "/categories", {"slug": "cups", "name": "Cups"}, status=201, user=ADMIN)
    variants = [
        {"sku": "MUG-R", "price": pounds(5), "name": "small", "options": {"color": "red"}},
        {"sku": "MUG-B", "price": pounds(6), "name": "large", "options": {"color": "blue"}},
    ]
    more = {"description": "Of clay", "images": [{"url": "/media/1.jpg", "alt": "From above"}]}
    more |= {"specifications": {"Clay": "Red clay"}}
    return await shop.add("mug", category="cups", variants=variants, user=SELLER, **more)


async def put(shop, path, body, locale="de", user=ADMIN):
    return await shop.rest.ok("PUT", f"{path}/translations/{locale}", body, user=user)


async def told(shop, thing):
    rows = await shop.db.fetch(
        "SELECT aggregate_version, data->'changed' AS changed FROM event_log WHERE subject = $1 ORDER BY id",
        thing["id"],
    )
    return [(row["aggregate_version"], row["changed"]) for row in rows]


async def test_every_statement_fits_the_schema(shop):
    assert len(await prepare_all(shop.db, translations_repository)) == 8


async def test_a_product_is_read_in_a_language(shop, mug):
    said = await put(shop, "/products/mug", GERMAN)
    assert said == GERMAN | {"locale": "de"}
    shown = await shop.rest.ok("GET", "/products/mug?locale=de")
    names = ("name", "slug", "description", "seo")
    assert {name: shown[name] for name in names} == {name: GERMAN[name] for name in names}
    assert shown["options"] == [{"name": "Farbe", "values": ["rot", "blue"]}]
    assert [(one["sku"], one["name"], one["options"]) for one in shown["variants"]] == [
        ("MUG-R", "small", {"Farbe": "rot"}),
        ("MUG-B", "groß", {"Farbe": "blue"}),
    ]
    assert await shop.rest.ok("GET", "/products/tasse?locale=de") == shown
    own = await shop.rest.ok("GET", "/products/mug")
    assert own == mug | {"version": 2, "updated_at": own["updated_at"]}
    assert await shop.rest.ok("GET", "/products/mug?locale=en") == own
    # Only what is said: the rest is in the shop's own language.
    await put(shop, "/products/mug", {"name": "Tasse"})
    shown = await shop.rest.ok("GET", "/products/mug?locale=de")
    assert (shown["name"], shown["slug"], shown["description"]) == ("Tasse", "mug", "Of clay")
    await shop.rest.ok("DELETE", "/products/mug/translations/de", status=204, user=ADMIN)
    assert (await shop.rest.ok("GET", "/products/mug?locale=de"))["name"] == "Mug"
    assert await told(shop, mug) == [(1, None), *[(at, ["translations"]) for at in (2, 3, 4)]]


async def test_what_an_image_shows_is_said_in_a_language(shop, mug):
    images = [{"url": "https://cdn.example/1.jpg", "alt": "From above"}, {"url": "/media/2.jpg", "alt": "From aside"}]
    await shop.rest.ok("PATCH", "/products/mug", {"images": images}, user=ADMIN)
    said = await put(shop, "/products/mug", {"images": {"https://cdn.example/1.jpg": "Von oben"}})
    assert said["images"] == {"https://cdn.example/1.jpg": "Von oben"}
    shown = (await shop.rest.ok("GET", "/products/mug?locale=de"))["images"]
    assert [(one["url"], one["alt"]) for one in shown] == [
        ("https://cdn.example/1.jpg", "Von oben"),
        ("/media/2.jpg", "From aside"),
    ]
    (card,) = (await shop.rest.ok("GET", "/products?locale=de"))["items"]
    assert card["image"] == shown[0]
    own = (await shop.rest.ok("GET", "/products/mug"))["images"]
    assert [one["alt"] for one in own] == ["From above", "From aside"]
    # Of an image that is decoration nothing is said, in any language.
    await put(shop, "/products/mug", {"images": {"/media/2.jpg": ""}})
    assert (await shop.rest.ok("GET", "/products/mug?locale=de"))["images"][1]["alt"] == ""
    for images in ({"": "x"}, {"/1.jpg": "x" * 10_000}, {"/1.jpg": None}, {str(at): "x" for at in range(51)}):
        refused = await shop.rest.send("PUT", "/products/mug/translations/de", {"images": images}, user=ADMIN)
        assert (refused.status, refused.problem) == (422, "unprocessable")
        assert refused.body["field"].startswith("images"), refused


def test_an_image_of_a_file_is_named_by_its_id():
    image = Image("/api/v1/media/7/1.webp", "A mug", file_id="7")
    card = Card("1", "mug", "Mug", "", "active", None, None, None, image, [])
    assert card_in(card, {"1": ProductTranslation(images={"7": "Eine Tasse"})}).image.alt == "Eine Tasse"
    assert card_in(card, {"1": ProductTranslation(images={image.url: "Eine Tasse"})}) == card


async def test_lists_and_filters_speak_it(shop, mug):
    await put(shop, "/products/mug", GERMAN)
    await put(shop, "/categories/cups", {"name": "Tassen", "slug": "tassen"})
    await shop.rest.ok("POST", "/collections", {"slug": "gifts", "name": "Gifts"}, status=201, user=ADMIN)
    await put(shop, "/collections/gifts", {"name": "Geschenke", "slug": "geschenke", "description": "Für Ada"})
    await shop.rest.ok("PUT", "/collections/gifts/products", {"products": [mug["id"]]}, user=ADMIN)
    for query in ("", "category=cups&", "category=tassen&", "collection=gifts&", "collection=geschenke&"):
        (card,) = (await shop.rest.ok("GET", f"/products?{query}locale=de"))["items"]
        assert (card["name"], card["slug"], card["category"]["name"]) == ("Tasse", "tasse", "Tassen")
    unknown = await shop.rest.send("GET", "/products?category=tassen")
    assert (unknown.status, unknown.problem, unknown.body["field"]) == (404, "no-such-category", "category")
    (tree,) = (await shop.rest.ok("GET", "/categories?locale=de"))["items"]
    assert (tree["name"], tree["slug"]) == ("Tassen", "tassen")
    alone = await shop.rest.ok("GET", "/categories/tassen?locale=de")
    assert (alone["name"], alone["version"]) == ("Tassen", 2)
    shown = await shop.rest.ok("GET", "/collections/geschenke?locale=de")
    assert (shown["name"], shown["description"], shown["version"]) == ("Geschenke", "Für Ada", 3)
    assert (await shop.rest.ok("GET", "/collections?locale=de"))["items"] == [shown]
    assert (await shop.rest.ok("GET", "/products/tasse?locale=de"))["category"]["slug"] == "tassen"
    assert await told(shop, alone) == [(1, None), (2, ["translations"])]
    # What is gone says nothing.
    await shop.rest.ok("DELETE", "/collections/gifts", status=204, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/mug", {"category": None}, user=ADMIN)
    await shop.rest.ok("DELETE", "/categories/cups", status=204, user=ADMIN)
    assert await shop.db.fetchval("SELECT array_agg(kind) FROM translations") == ["product"]


async def test_a_slug_in_a_language_leads_on_too(shop, mug):
    await put(shop, "/products/mug", {"slug": "tasse"})
    await put(shop, "/products/mug", {"slug": "becher"})
    await shop.rest.ok("PATCH", "/products/mug", {"slug": "cup"}, user=ADMIN)
    for old in ("tasse", "mug"):
        answer = await shop.rest.send("GET", f"/products/{old}?locale=de")
        assert (answer.status, answer.headers["location"]) == (301, "/api/v1/products/becher?locale=de")
        assert (await shop.rest.send("GET", f"/products/{old}")).headers["location"] == "/api/v1/products/cup"
    assert (await shop.rest.send("GET", "/products/becher")).problem == "no-such-product"
    for shown in ("cup", "becher", mug["id"]):
        assert (await shop.rest.ok("GET", f"/products/{shown}?locale=de"))["slug"] == "becher"


async def test_a_slug_is_one_things_in_each_language(shop, mug):
    await shop.add("jug", 100)
    await put(shop, "/products/mug", {"slug": "tasse"})
    before = await shop.rest.ok("GET", "/products/jug?locale=de")
    for slug in ("tasse", "mug"):
        answer = await shop.rest.send("PUT", "/products/jug/translations/de", {"slug": slug}, user=ADMIN)
        assert (answer.status, answer.problem, answer.body["field"]) == (409, "slug-taken", "slug")
    assert await shop.rest.ok("GET", "/products/jug?locale=de") == before
    # Another kind of thing may have it, and the same thing.
    await put(shop, "/categories/cups", {"slug": "tasse"})
    await put(shop, "/products/jug", {"slug": "jug"})
    await shop.rest.ok("PATCH", "/products/mug", {"slug": "tasse"}, user=ADMIN)


async def refused_slug(shop, method, path, body):
    answer = await shop.rest.send(method, path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (409, "slug-taken", "slug"), answer


async def test_what_another_has_in_a_language_is_taken_in_the_shops_own(shop, mug):
    await shop.add("jug", 100)
    await put(shop, "/products/mug", {"slug": "tasse"})
    await refused_slug(shop, "PATCH", "/products/jug", {"slug": "tasse"})
    await refused_slug(shop, "POST", "/products", {"slug": "tasse", "name": "Tasse"})
    for path, one, other in (("/categories", "tassen", "cups"), ("/collections", "geschenke", "gifts")):
        if path == "/collections":
            await shop.rest.ok("POST", path, {"slug": other, "name": "One"}, status=201, user=ADMIN)
        await shop.rest.ok("POST", path, {"slug": "others", "name": "Others"}, status=201, user=ADMIN)
        await put(shop, f"{path}/{other}", {"slug": one})
        await refused_slug(shop, "POST", path, {"slug": one, "name": "New"})
        await refused_slug(shop, "PUT", f"{path}/others", {"slug": one, "name": "Others"})
    # One that is made up is another, of a product as of a category that a file names.
    made = await shop.rest.ok("POST", "/products", {"name": "Tasse"}, status=201, user=ADMIN)
    assert made["slug"] == f"tasse-{made['id'][-8:]}"
    items = [{"slug": "tasse", "name": "Tasse"}, {"id": made["id"], "slug": "tasse"}, {"slug": "pot", "name": "Pot"}]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    told = [(one["outcome"], one.get("problem") and one["problem"]["field"]) for one in answer["items"]]
    assert told == [("refused", "products[0].slug"), ("refused", "products[1].slug"), ("created", None)]
    assert (await shop.rest.ok("GET", "/products/tasse?locale=de"))["id"] == mug["id"]


OPTIONS = [
    {"sku": "T-RS", "price": pounds(5), "options": {"Color": "Red", "Size": "S"}},
    {"sku": "T-BS", "price": pounds(5), "options": {"Color": "Blue", "Size": "S"}},
]


@pytest.mark.parametrize(
    ("said", "problem", "field"),
    [
        ({"options": {"Foo": {"name": "Bar"}}}, "not-of-the-product", "options.Foo"),
        ({"options": {"color": {"name": "Farbe"}}}, "not-of-the-product", "options.color"),
        ({"options": {"Color": {"values": {"Green": "Grün"}}}}, "not-of-the-product", "options.Color.values.Green"),
        ({"variants": {"NOPE": "X"}}, "not-of-the-product", "variants.NOPE"),
        ({"images": {"/media/9.jpg": "X"}}, "not-of-the-product", "images./media/9.jpg"),
        ({"options": {"Color": {"name": ""}}}, "word-twice", "options.Color.name"),
        ({"options": {"Color": {"values": {"Red": ""}}}}, "word-twice", "options.Color.values.Red"),
        ({"options": {"Color": {"name": "X"}, "Size": {"name": "X"}}}, "word-twice", "options.Color.name"),
        ({"options": {"Color": {"name": "Size"}}}, "word-twice", "options.Color.name"),
        ({"options": {"Color": {"values": {"Red": "X", "Blue": "X"}}}}, "word-twice", "options.Color.values.Red"),
        ({"options": {"Color": {"values": {"Red": "Blue"}}}}, "word-twice", "options.Color.values.Red"),
    ],
)
async def test_a_translation_speaks_of_what_is_there_and_tells_it_apart(shop, said, problem, field):
    await shop.add("shirt", variants=OPTIONS)
    answer = await shop.rest.send("PUT", "/products/shirt/translations/de", said, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, problem, field)
    assert (await shop.rest.ok("GET", "/products/shirt/translations", user=ADMIN))["items"] == []


async def test_words_may_change_places(shop):
    await shop.add("shirt", variants=OPTIONS)
    swapped = {"Color": {"name": "Size", "values": {"Red": "Blue", "Blue": "Red"}}, "Size": {"name": "Color"}}
    await put(shop, "/products/shirt", {"options": swapped})
    shown = await shop.rest.ok("GET", "/products/shirt?locale=de")
    assert shown["options"] == [{"name": "Size", "values": ["Blue", "Red"]}, {"name": "Color", "values": ["S"]}]


async def test_a_product_changes_whatever_is_said_of_it(shop):
    await shop.add("shirt", variants=OPTIONS)
    texts = {"Color": {"name": "Farbe", "values": {"Red": "Rot"}}, "Size": {"name": "Größe", "values": {}}}
    await put(shop, "/products/shirt", {"options": texts, "variants": {"T-BS": "blau"}})

    async def becomes(*options):
        variants = [{"sku": sku, "price": pounds(5), "options": one} for sku, one in zip("AB", options, strict=False)]
        await shop.rest.ok("PATCH", "/products/shirt", {"variants": variants}, user=ADMIN)
        shown = await shop.rest.ok("GET", "/products/shirt?locale=de")
        (said,) = (await shop.rest.ok("GET", "/products/shirt/translations", user=ADMIN))["items"]
        return [(one["name"], one["values"]) for one in shown["options"]], said["options"], said["variants"]

    # Of another name there is no text; of one that is what another is called neither is.
    assert await becomes({"Colour": "Red", "Size": "S"}) == (
        [("Colour", ["Red"]), ("Größe", ["S"])],
        {"Size": texts["Size"]},
        {},
    )
    assert await becomes({"Color": "Red", "Farbe": "Rot"}, {"Color": "Rot", "Farbe": "Rot"}) == (
        [("Color", ["Red", "Rot"]), ("Farbe", ["Rot"])],
        {},
        {},
    )
    # It is there again if that is, until something else is said.
    assert (await becomes({"Color": "Red", "Size": "S"}))[1] == texts
    version = (await shop.rest.ok("GET", "/products/shirt"))["version"]
    await put(shop, "/products/shirt", {"options": texts})
    assert (await shop.rest.ok("GET", "/products/shirt"))["version"] == version


async def test_many_are_translated_with_what_else_changes(shop, mug):
    await put(shop, "/products/mug", GERMAN)
    await shop.add("jug", 100)
    items = [
        {"slug": "mug", "name": "Cup", "translations": {"de": {"name": "Becher", "options": {}, "seo": {"title": ""}}}},
        {"slug": "jug", "translations": {"de": {"slug": "krug"}}},
        {"slug": "pot", "name": "Pot", "translations": {"de": {"slug": "topf"}}},
        {"slug": "pan", "name": "Pan", "translations": {"de": {"slug": "topf"}}},
        {"slug": "p1", "name": "Pan", "translations": {"de": {"slug": "pot"}}},
        {"slug": "krug", "name": "Krug"},
        {"slug": "p2", "name": "Pan", "translations": {"fr": {"name": "Pan"}}},
        {"slug": "p3", "name": "Pan", "translations": {"en": {"name": "Pan"}}},
        {"slug": "p4", "name": "Pan", "translations": {"de": {"options": {"Foo": {"name": "X"}}}}},
    ]
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert [(one["outcome"], one.get("problem") and one["problem"]["field"]) for one in answer["items"]] == [
        ("updated", None),
        ("updated", None),
        ("created", None),
        ("refused", "products[3].translations.de.slug"),
        ("refused", "products[4].translations.de.slug"),
        ("refused", "products[5].slug"),
        ("refused", "products[6].translations.fr"),
        ("refused", "products[7].translations.en"),
        ("refused", "products[8].translations.de.options.Foo"),
    ]
    (said,) = (await shop.rest.ok("GET", "/products/mug/translations", user=ADMIN))["items"]
    assert said == GERMAN | {"locale": "de", "name": "Becher", "options": {}, "seo": {**GERMAN["seo"], "title": ""}}
    assert await told(shop, mug) == [(1, None), (2, ["translations"]), (3, ["name", "translations"])]
    assert (await shop.rest.ok("GET", "/products/krug?locale=de"))["version"] == 2
    again = await shop.rest.ok("POST", "/products/bulk", {"products": items[:3]}, user=ADMIN)
    assert again["counts"]["unchanged"] == 3
    acts = await shop.db.fetch("SELECT subject, after FROM staff_acts WHERE act = 'product.translated' ORDER BY id")
    assert [one["after"]["changed"] for one in acts if one["subject"] == mug["id"]][-1] == ["name", "seo", "options"]
    bare = [{"slug": "jug", "translations": {"de": {"slug": None}}}]
    await shop.rest.ok("POST", "/products/bulk", {"products": bare}, user=ADMIN)
    assert (await shop.rest.ok("GET", "/products/jug/translations", user=ADMIN))["items"] == []
    assert (await shop.rest.send("GET", "/products/krug?locale=de")).status == 301


async def test_two_who_bring_many_words_for_one_another_meet_in_peace(shop):
    """Each adds products with slugs that the other would say of his, in another order."""

    def items(at, mine, theirs):
        said = [(f"{mine}{at}-{one}", f"{theirs}{at}-{one}") for one in range(20)]
        said = said[::-1] if mine == "a" else said
        return [{"slug": own, "name": "P", "translations": {"de": {"slug": other}}} for own, other in said]

    for at in range(3):
        answers = await asyncio.gather(
            *(
                shop.rest.ok("POST", "/products/bulk", {"products": items(at, *each)}, user=ADMIN)
                for each in (("a", "b"), ("b", "a"))
            )
        )
        assert sorted(one["counts"]["created"] for one in answers) == [0, 20]


@pytest.mark.parametrize("kind", ["products", "categories", "collections"])
async def test_of_a_slug_and_a_translated_one_at_once_there_is_one(shop, kind):
    for slug in ("one", "two"):
        await shop.rest.ok("POST", f"/{kind}", {"slug": slug, "name": slug}, status=201, user=ADMIN)
    for at in range(8):
        said = {"slug": f"s{at}", "name": "S"}
        answers = await asyncio.gather(
            shop.rest.send("PUT", f"/{kind}/one/translations/de", said, user=ADMIN),
            shop.rest.send("POST", f"/{kind}", said, user=ADMIN),
        )
        assert [answer.status for answer in answers] in ([200, 409], [409, 201])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "problem", "field"),
    [
        ("PUT", "/products/mug/translations/fr", {"name": "Tasse"}, 422, "unknown-locale", "locale"),
        ("PUT", "/products/mug/translations/en", {"name": "Mug"}, 422, "own-language", "locale"),
        ("PUT", "/products/mug/translations/de", {"slug": "search"}, 422, "slug-reserved", "slug"),
        ("PUT", "/products/mug/translations/de", {"name": ""}, 422, "unprocessable", "name"),
        ("PUT", "/products/none/translations/de", {"name": "X"}, 404, "no-such-product", "product"),
        ("PUT", "/categories/cups/translations/de", {"variants": {"M": "X"}}, 422, "unprocessable", "variants"),
        ("PUT", "/categories/none/translations/de", {}, 404, "no-such-category", "category"),
        ("PUT", "/collections/none/translations/de", {}, 404, "no-such-collection", "collection"),
        ("DELETE", "/products/mug/translations/de", None, 404, "no-such-translation", "locale"),
        ("GET", "/products/mug?locale=fr", None, 422, "unknown-locale", "locale"),
        ("GET", "/products?locale=fr", None, 422, "unknown-locale", "locale"),
        ("GET", "/products/mug?locale=DE", None, 422, "unknown-locale", "locale"),
        ("GET", "/products?locale=DE", None, 422, "unknown-locale", "locale"),
        ("GET", "/collections?locale=", None, 422, "unknown-locale", "locale"),
        ("GET", "/products/mug?locale=Deutsch", None, 422, "unknown-locale", "locale"),
    ],
)
async def test_what_is_refused_changes_nothing(shop, mug, method, path, body, status, problem, field):
    answer = await shop.rest.send(method, path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (status, problem, field)
    assert await shop.db.fetchval("SELECT count(*) FROM translations") == 0
    assert await told(shop, mug) == [(1, None)]


@pytest.mark.parametrize(("user", "status"), [(None, 401), (CUSTOMER, 403), (OTHER_SELLER, 403), (SELLER, 200)])
async def test_a_seller_translates_what_is_his(shop, mug, user, status):
    assert (await shop.rest.send("PUT", "/products/mug/translations/de", GERMAN, user=user)).status == status
    assert (await shop.rest.send("GET", "/products/mug/translations", user=user)).status == status
    seen = await shop.rest.ok("GET", "/products/mug/translations", user=ADMIN)
    assert [one["locale"] for one in seen["items"]] == (["de"] if status == 200 else [])


async def test_all_languages_are_listed(shop, mug):
    await put(shop, "/products/mug", {"name": "Tasse"})
    await put(shop, "/categories/cups", {"name": "Tassen"})
    await shop.rest.ok("POST", "/collections", {"slug": "gifts", "name": "Gifts"}, status=201, user=ADMIN)
    await put(shop, "/collections/gifts", {"name": "Geschenke"})
    for path, name in (("/products/mug", "Tasse"), ("/categories/cups", "Tassen"), ("/collections/gifts", "Geschenke")):
        page = await shop.rest.ok("GET", f"{path}/translations", user=ADMIN)
        assert [(one["locale"], one["name"], one["slug"]) for one in page["items"]] == [("de", name, None)]
        await shop.rest.ok("DELETE", f"{path}/translations/de", status=204, user=ADMIN)
        assert (await shop.rest.ok("GET", f"{path}/translations", user=ADMIN))["items"] == []


async def test_a_repeat_is_no_change(shop, mug):
    first = await put(shop, "/products/mug", GERMAN)
    assert await put(shop, "/products/mug", GERMAN) == first
    assert await told(shop, mug) == [(1, None), (2, ["translations"])]
    (act, *_) = await staff_acts.list_acts(shop.db, subject=mug["id"], limit=5)
    assert (act.act, act.after["locale"]) == ("product.translated", "de")


async def test_of_two_editors_the_second_is_told(shop, mug):
    async def edit(name):
        path, headers = "/products/mug/translations/de", {"if-match": '"1"'}
        return (await shop.rest.send("PUT", path, {"name": name}, user=ADMIN, headers=headers)).status

    assert sorted(await asyncio.gather(edit("Tasse"), edit("Becher"))) == [200, 412]
    assert [version for version, _ in await told(shop, mug)] == [1, 2]


async def test_two_want_one_slug(shop, mug):
    await shop.add("jug", 100)
    for at in range(5):
        statuses = await asyncio.gather(
            *(
                shop.rest.send("PUT", f"/products/{slug}/translations/de", {"slug": f"s{at}"}, user=ADMIN)
                for slug in ("mug", "jug")
            )
        )
        assert sorted(answer.status for answer in statuses) == [200, 409]


async def test_other_services_get_all_languages(shop, mug):
    await put(shop, "/products/mug", GERMAN)
    await put(shop, "/categories/cups", {"name": "Tassen"})
    rpc = CatalogServicer(shop.catalog)
    product = (await rpc.GetProduct(GetProductRequest(product="mug"), None)).product
    assert list((await rpc.ListProducts(ListProductsRequest(), None)).products) == [product]
    (said,) = product.translations
    assert (said.locale, said.slug, said.name, said.description) == ("de", "tasse", "Tasse", "Aus Ton.")
    assert (said.seo.title, product.name) == ("Die Tasse", "Mug")
    (cups,) = (await rpc.ListCategories(ListCategoriesRequest(), None)).categories
    assert [(one.locale, one.name, one.slug) for one in cups.translations] == [("de", "Tassen", "")]


async def test_texts_are_brought_in_once(shop, mug):
    rpc = CatalogServicer(shop.catalog)
    text = b'{"name": "Tasse", "slug": "tasse"}'
    one = ImportTranslationsRequest.ProductTranslation
    asked = ImportTranslationsRequest(
        translations=[
            one(product=slug, locale=locale, translation_json=text)
            for slug, locale in (("mug", "de"), ("none", "de"), ("mug", "fr"), ("mug", "en"))
        ]
    )
    assert [(await rpc.ImportTranslations(asked, None)).added for _ in range(2)] == [1, 0]
    assert (await shop.rest.ok("GET", "/products/tasse?locale=de"))["name"] == "Tasse"
    assert await told(shop, mug) == [(1, None), (2, ["translations"])]


async def test_texts_that_do_not_fit_are_refused_one_by_one(shop, mug):
    color = {"name": "color", "type": "select", "choices": [{"value": "red"}]}
    await shop.rest.ok("POST", "/attributes", color, status=201, user=ADMIN)
    for slug in ("jug", "pot"):
        await shop.add(slug, 100)
    texts = [
        ("jug", b'{"options": {"Color": {"name": "Farbe"}}}'),
        ("jug", b'{"images": {"9": "Ein Krug"}}'),
        ("jug", b'{"specifications": {"Clay": "Ton"}}'),
        ("jug", b'{"slug": "mug"}'),
        ("jug", b'{"slug": "search"}'),
        ("jug", b'{"name": "%s"}' % (b"x" * 201)),
        ("jug", b'{"title": "Krug"}'),
        ("jug", b"Krug"),
        ("jug", b'{"name": "a\\u0000"}'),
        ("No slug", b"{}"),
        ("mug", msgspec.json.encode(GERMAN)),
        ("pot", b'{"name": "Topf"}'),
    ]
    of_attributes = [("color", b'{"choices": {"blue": "Blau"}}'), ("none", b"{}"), ("color", b'{"label": "Farbe"}')]
    of_product = ImportTranslationsRequest.ProductTranslation
    of_attribute = ImportTranslationsRequest.AttributeTranslation
    asked = ImportTranslationsRequest(
        translations=[of_product(product=slug, locale="de", translation_json=said) for slug, said in texts],
        attributes=[of_attribute(attribute=name, locale="de", translation_json=said) for name, said in of_attributes],
    )
    answer = await CatalogServicer(shop.catalog).ImportTranslations(asked, None)
    problems = [msgspec.json.decode(one.document) for one in answer.refused]
    assert [(one["type"].removeprefix("/problems/"), one["field"]) for one in problems] == [
        ("not-of-the-product", "translations[0].options.Color"),
        ("not-of-the-product", "translations[1].images.9"),
        ("not-of-the-product", "translations[2].specifications.Clay"),
        ("slug-taken", "translations[3].slug"),
        ("slug-reserved", "translations[4].slug"),
        ("unprocessable", "translations[5].name"),
        ("unprocessable", "translations[6].title"),
        ("malformed-body", "translations[7]"),
        ("unprocessable", "translations[8].name"),
        ("unprocessable", "translations[9].product"),
        ("wrong-attribute", "attributes[0].choices.blue"),
        ("no-such-attribute", "attributes[1].attribute"),
    ]
    assert answer.added == 3
    (said,) = (await shop.rest.ok("GET", "/products/mug/translations", user=ADMIN))["items"]
    assert said == GERMAN | {"locale": "de"}
    assert await shop.db.fetchval("SELECT count(*) FROM translations") == 2


@pytest.mark.parametrize("many", [1, 20])
async def test_a_language_is_one_statement_more(shop, mug, many):
    for at in range(many):
        await shop.add(f"p{at}", 100)
        await put(shop, f"/products/p{at}", {"name": f"Produkt {at}", "slug": f"produkt-{at}"})
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)

    async def statements(path):
        await rest.ok("GET", path)
        return len(await db.taken())

    for own, other in (
        ("/products/p0", "/products/produkt-0?locale=de"),
        ("/products?limit=100", "/products?limit=100&locale=de"),
        ("/categories", "/categories?locale=de"),
    ):
        plain = await statements(own)
        assert plain <= 2, own
        assert await statements(f"{own}{'&' if '?' in own else '?'}locale=en") == plain, own
        assert await statements(other) == plain + 1, other
    await db.close()
