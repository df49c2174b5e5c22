"""What the shop's own fields say of products, variants and categories: everybody sees what is public."""

import msgspec
import pytest

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest, ImportProductsRequest
from stoa.kit.problems import Unprocessable
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN, pounds

COLOR = {"name": "color", "type": "choice", "choices": ["red", "blue"], "public": True, "filterable": True}


@pytest.fixture
async def fields(shop):
    for path, said in (
        ("product", COLOR),
        ("product", {"name": "margin", "type": "integer", "min": 0, "filterable": True}),
        ("variant", {"name": "grams", "type": "integer", "min": 1, "public": True}),
        ("category", {"name": "aisle", "type": "text"}),
    ):
        await shop.rest.ok("POST", f"/custom-fields/{path}", said, status=201, user=ADMIN)


async def test_everybody_sees_what_is_public_and_editors_all(shop, fields):
    variant = {"sku": "M", "price": pounds(1), "custom_fields": {"grams": 300}, "metadata": {"bin": "7"}}
    noted = {"custom_fields": {"color": "red", "margin": 40}, "metadata": {"erp": "A"}}
    made = await shop.add("mug", variants=[variant], **noted)
    assert {name: made[name] for name in noted} == noted
    assert (made["variants"][0]["custom_fields"], made["variants"][0]["metadata"]) == ({"grams": 300}, {"bin": "7"})
    assert await shop.rest.ok("GET", "/products/mug", user=ADMIN) == made
    shown = await shop.rest.ok("GET", "/products/mug")
    assert (shown["custom_fields"], shown["metadata"]) == ({"color": "red"}, {})
    assert (shown["variants"][0]["custom_fields"], shown["variants"][0]["metadata"]) == ({"grams": 300}, {})
    told = (await CatalogServicer(shop.catalog).GetProduct(GetProductRequest(product="mug"), None)).product
    assert (told.custom_fields_json, told.private_fields_json) == (b'{"color":"red"}', b'{"margin":40}')
    assert (told.variants[0].custom_fields_json, dict(told.metadata)) == (b'{"grams":300}', {"erp": "A"})


async def test_a_change_is_told_and_what_is_not_named_stays(shop, fields):
    noted = {"custom_fields": {"color": "red", "margin": 40}, "metadata": {"erp": "A"}}
    variant = {"sku": "M", "price": pounds(1), "custom_fields": {"grams": 300}}
    await shop.add("mug", variants=[variant], **noted)
    changed = await shop.rest.ok("PATCH", "/products/mug", {"custom_fields": {"color": "blue"}}, user=ADMIN)
    assert (changed["custom_fields"], changed["version"]) == ({"color": "blue", "margin": 40}, 2)
    told = await shop.db.fetchval("SELECT data FROM event_log ORDER BY id DESC LIMIT 1")
    assert (told["changed"], told["skus"]) == (["custom_fields"], [])
    assert await shop.rest.ok("PATCH", "/products/mug", {"custom_fields": {"color": "blue"}}, user=ADMIN) == changed
    whole = {"name": "Mug", "version": 2, "variants": [{"sku": "M", "price": pounds(2)}], "metadata": {"erp": None}}
    replaced = await shop.rest.ok("PUT", "/products/mug", whole, user=ADMIN)
    assert (replaced["custom_fields"], replaced["metadata"]) == ({"color": "blue", "margin": 40}, {})
    assert replaced["variants"][0]["custom_fields"] == {"grams": 300}
    heavier = {"price": pounds(2), "custom_fields": {"grams": 301}}
    assert (await shop.rest.ok("PUT", "/variants/M", heavier, user=ADMIN))["variants"][0]["custom_fields"] == {
        "grams": 301
    }


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        ({"custom_fields": {"colour": "red"}}, "unknown-custom-field", "custom_fields.colour"),
        ({"custom_fields": {"color": "green"}}, "custom-field-value", "custom_fields.color"),
        (
            {
                "variants": [
                    {"sku": "A", "price": pounds(1)},
                    {"sku": "B", "price": pounds(1), "custom_fields": {"x": 1}},
                ]
            },
            "unknown-custom-field",
            "variants[1].custom_fields.x",
        ),
    ],
)
async def test_what_does_not_fit_changes_nothing(shop, fields, body, problem, field):
    before = await shop.add("mug", 5)
    refused = await shop.rest.send("PATCH", "/products/mug", {"name": "Cup"} | body, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)
    assert await shop.rest.ok("GET", "/products/mug", user=ADMIN) == before


async def test_many_at_once_and_an_import(shop, fields):
    items = [{"slug": "mug", "name": "Mug", "custom_fields": {"color": "red"}}]
    items += [{"slug": "cup", "name": "Cup", "custom_fields": {"color": "green"}}]
    bulk = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert bulk["items"][0]["outcome"] == "created"
    assert bulk["items"][1]["problem"]["field"] == "products[1].custom_fields.color"
    bowl = {"slug": "bowl", "name": "Bowl", "custom_fields_json": msgspec.json.encode({"color": "blue"})}
    bowl |= {"metadata": {"erp": "B"}}
    await CatalogServicer(shop.catalog).ImportProducts(ImportProductsRequest(products=[bowl]), None)
    for slug, color, metadata in (("mug", "red", {}), ("bowl", "blue", {"erp": "B"})):
        shown = await shop.rest.ok("GET", f"/products/{slug}", user=ADMIN)
        assert (shown["custom_fields"], shown["metadata"]) == ({"color": color}, metadata)


async def test_an_import_brings_the_fields_that_its_products_have(shop):
    mug = {"slug": "mug", "name": "Mug", "custom_fields_json": b'{"color":"red"}'}
    cup = {"slug": "cup", "name": "Cup", "custom_fields_json": b'{"color":"blue"}'}
    catalog = CatalogServicer(shop.catalog)
    brought = [msgspec.json.encode(COLOR)]
    await catalog.ImportProducts(ImportProductsRequest(products=[mug], product_fields_json=brought), None)
    (made,) = (await shop.rest.ok("GET", "/custom-fields/product"))["items"]
    other = [msgspec.json.encode(COLOR | {"choices": ["green"]})]
    await catalog.ImportProducts(ImportProductsRequest(products=[mug, cup], product_fields_json=other), None)
    assert (await shop.rest.ok("GET", "/custom-fields/product"))["items"] == [made]
    for slug, color in (("mug", "red"), ("cup", "blue")):
        assert (await shop.rest.ok("GET", f"/products/{slug}", user=ADMIN))["custom_fields"] == {"color": color}
    for wrong in (COLOR | {"type": "colour"}, COLOR | {"name": "hue", "choices": []}):
        with pytest.raises(Unprocessable):
            bowl = ImportProductsRequest(
                products=[{"slug": "bowl", "name": "Bowl"}], product_fields_json=[msgspec.json.encode(wrong)]
            )
            await catalog.ImportProducts(bowl, None)
    assert (await shop.rest.send("GET", "/products/bowl", user=ADMIN)).status == 404


async def test_products_are_found_by_a_value(shop, fields):
    for slug, color in (("mug", "red"), ("cup", "blue"), ("bowl", "red")):
        await shop.add(slug, 5, custom_fields={"color": color, "margin": 7})
    assert await shop.slugs("custom.color=red") == ["bowl", "mug"]
    assert await shop.slugs("custom%5Bcolor%5D=red") == ["bowl", "mug"]  # as generated clients write it
    page = await shop.rest.ok("GET", "/products?custom.color=red&limit=1")
    assert await shop.slugs(f"custom.color=red&cursor={page['next_cursor']}") == ["mug"]
    assert await shop.slugs("custom.margin=7", ADMIN) == ["bowl", "cup", "mug"]
    await shop.rest.ok("DELETE", "/products/bowl", status=204, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/cup", {"custom_fields": {"color": "red"}}, user=ADMIN)
    assert await shop.slugs("custom.color=red") == ["cup", "mug"]
    assert await shop.slugs("custom.color=red&status=archived", ADMIN) == ["bowl"]
    assert await shop.slugs("custom.color=blue") == []
    for query, problem, field in (
        ("custom.color=red&custom[color]=red", "unprocessable", "custom.color"),
        ("custom=red&custom.color=red", "unprocessable", "custom"),
        ("custom.margin=7", "custom-field-not-filterable", "custom.margin"),
        ("custom.color=green", "custom-field-value", "custom.color"),
        ("custom.color=red&brand=x", "custom-filter-alone", "custom.color"),
        ("custom.color=red&sort=price", "custom-filter-alone", "custom.color"),
    ):
        refused = await shop.rest.send("GET", f"/products?{query}")
        assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field), query


async def test_a_field_that_is_gone_is_seen_by_nobody(shop, fields):
    await shop.add("mug", 5, custom_fields={"color": "red"})
    await shop.rest.ok("DELETE", "/custom-fields/product/color", status=204, user=ADMIN)
    await shop.rest.ok("POST", "/custom-fields/product", COLOR, status=201, user=ADMIN)
    assert (await shop.rest.ok("GET", "/products/mug", user=ADMIN))["custom_fields"] == {}
    assert await shop.slugs("custom.color=red") == []


async def test_categories(shop, fields):
    body = {"name": "Mugs", "slug": "mugs", "custom_fields": {"aisle": "7"}, "metadata": {"erp": "C"}}
    made = await shop.rest.ok("POST", "/categories", body, status=201, user=ADMIN)
    assert (made["custom_fields"], made["metadata"]) == ({"aisle": "7"}, {"erp": "C"})
    (shown,) = (await shop.rest.ok("GET", "/categories"))["items"]
    assert (shown["custom_fields"], shown["metadata"]) == ({}, {})
    named = {"name": "Cups", "slug": "mugs"}
    changed = await shop.rest.ok("PUT", "/categories/mugs", named, user=ADMIN)
    assert (changed["custom_fields"], changed["metadata"]) == ({"aisle": "7"}, {"erp": "C"})
    wrong = named | {"custom_fields": {"color": "red"}}
    refused = await shop.rest.send("PUT", "/categories/mugs", wrong, user=ADMIN)
    assert (refused.status, refused.body["field"]) == (422, "custom_fields.color")
