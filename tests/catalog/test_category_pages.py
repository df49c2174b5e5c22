"""What a category says and shows on its page, in every language of the shop."""

from __future__ import annotations

import pytest

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN

BANNER = {"url": "https://img.example.com/cups.jpg", "alt": "Cups"}
CUPS = {"slug": "cups", "name": "Cups", "description": "For tea.\nAnd more.", "image": BANNER}
PAGE = ("description", "image")
GERMAN = {"name": "Tassen", "description": "Für Tee.", "images": {BANNER["url"]: "Tassen"}}


async def add(shop):
    return await shop.rest.ok("POST", "/categories", CUPS, status=201, user=ADMIN)


def page(category):
    return {name: category[name] for name in PAGE}


async def told(shop):
    rows = await shop.db.fetch("SELECT data FROM event_log WHERE type = 'category.updated' ORDER BY id")
    return [row["data"]["changed"] for row in rows]


async def test_a_category_is_described_and_shown(shop):
    made = await add(shop)
    (in_tree,) = (await shop.rest.ok("GET", "/categories"))["items"]
    alone = await shop.rest.ok("GET", "/categories/cups")
    assert page(made) == page(in_tree) == page(alone) == {name: CUPS[name] for name in PAGE}
    same = await shop.rest.ok("PUT", "/categories/cups", CUPS, user=ADMIN)
    assert same["version"] == 1
    changed = await shop.rest.ok("PUT", "/categories/cups", {"slug": "cups", "name": "Cups"}, user=ADMIN)
    assert (page(changed), changed["version"]) == ({"description": "", "image": None}, 2)
    assert await told(shop) == [["description", "image"]]


async def test_a_page_speaks_other_languages(shop):
    await add(shop)
    path = "/categories/cups/translations"
    said = await shop.rest.ok("PUT", f"{path}/de", GERMAN, user=ADMIN)
    assert {name: said[name] for name in GERMAN} == GERMAN
    german = {"description": "Für Tee.", "image": BANNER | {"alt": "Tassen"}}
    assert page(await shop.rest.ok("GET", "/categories/cups?locale=de")) == german
    assert page((await shop.rest.ok("GET", "/categories?locale=de"))["items"][0]) == german
    assert page(await shop.rest.ok("GET", "/categories/cups")) == {name: CUPS[name] for name in PAGE}
    # With another image the text of the old one is nobody's.
    other = {"url": "/media/other.jpg", "alt": "Other"}
    await shop.rest.ok("PUT", "/categories/cups", CUPS | {"image": other}, user=ADMIN)
    assert (await shop.rest.ok("GET", "/categories/cups?locale=de"))["image"] == other
    assert (await shop.rest.ok("GET", path, user=ADMIN))["items"][0]["images"] == {}
    # Others hear of the tree, of which what only a page says is no part.
    listed = await CatalogServicer(shop.catalog).ListCategories(catalog_pb2.ListCategoriesRequest(), None)
    (translation,) = listed.categories[0].translations
    assert (translation.name, translation.description, dict(translation.images)) == ("Tassen", "", {})


@pytest.mark.parametrize(
    ("method", "path", "body", "problem", "field"),
    [
        ("PUT", "/categories/cups", CUPS | {"image": {"url": "javascript:1"}}, "unprocessable", "image.url"),
        ("PUT", "/categories/cups", CUPS | {"image": {"alt": "Cups"}}, "unprocessable", "image.url"),
        ("PUT", "/categories/cups", CUPS | {"description": "x" * 20_001}, "unprocessable", "description"),
        (
            "PUT",
            "/categories/cups/translations/de",
            {"images": {"/media/b.jpg": "Oben"}},
            "not-of-the-product",
            "images./media/b.jpg",
        ),
    ],
)
async def test_what_is_wrong_is_refused(shop, method, path, body, problem, field):
    await add(shop)
    answer = await shop.rest.send(method, path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, problem, field)
    assert (await shop.rest.ok("GET", "/categories/cups"))["version"] == 1
