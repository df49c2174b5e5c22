"""What search engines are to show of a page."""

import pytest

from .conftest import ADMIN

SAID = {"title": "The mug", "description": "A mug for the fire."}


async def test_a_product_says_it_and_a_change_is_told(shop):
    made = await shop.add("mug", 500, seo=SAID)
    assert made["seo"] == (await shop.rest.ok("GET", "/products/mug"))["seo"] == SAID
    assert (await shop.rest.ok("PATCH", "/products/mug", {"name": "Mug"}, user=ADMIN))["seo"] == SAID
    changed = await shop.rest.ok("PATCH", "/products/mug", {"seo": {"title": "Mug"}}, user=ADMIN)
    assert changed["seo"] == {"title": "Mug", "description": ""}
    told = await shop.db.fetchval("SELECT data FROM event_log ORDER BY id DESC LIMIT 1")
    assert told["changed"] == ["seo"]
    whole = {"name": "Mug", "version": changed["version"]}
    assert (await shop.rest.ok("PUT", "/products/mug", whole, user=ADMIN))["seo"] == {"title": "", "description": ""}
    assert await shop.db.fetchval("SELECT seo IS NULL FROM products")


async def test_a_category_says_it(shop):
    made = await shop.rest.ok("POST", "/categories", {"slug": "cups", "name": "C", "seo": SAID}, status=201, user=ADMIN)
    assert made["seo"] == (await shop.rest.ok("GET", "/categories"))["items"][0]["seo"] == SAID
    body = {"slug": "cups", "name": "C", "seo": {"title": "Cups"}}
    changed = await shop.rest.ok("PUT", "/categories/cups", body, user=ADMIN)
    assert (changed["seo"], changed["version"]) == ({"title": "Cups", "description": ""}, 2)
    assert await shop.rest.ok("PUT", "/categories/cups", body, user=ADMIN) == changed


@pytest.mark.parametrize(
    ("seo", "said"),
    [
        ({"title": "x" * 201}, "seo.title"),
        ({"words": "x"}, "seo.words"),
        ({"description": "two\nlines"}, "seo.description"),
    ],
)
async def test_what_does_not_fit_is_refused(shop, seo, said):
    await shop.add("mug", 500)
    answer = await shop.rest.send("PATCH", "/products/mug", {"seo": seo}, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "unprocessable", said)
    assert (await shop.rest.ok("GET", "/products/mug"))["seo"] == {"title": "", "description": ""}
