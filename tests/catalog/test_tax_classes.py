"""By which rates a product is taxed: one word, `standard` where nothing is said."""

from __future__ import annotations

import pytest

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN, pounds
from .test_product_imports import bring, export

BOOK = {"slug": "book", "name": "Book", "variants": [{"sku": "BOOK", "price": pounds(500)}]}


async def class_told(shop, sku="BOOK") -> str:
    request = catalog_pb2.GetVariantsRequest(skus=[sku])
    (variant,) = (await CatalogServicer(shop.catalog).GetVariants(request, None)).variants
    return variant.tax_class


async def test_a_product_is_standard_until_something_else_is_said(shop):
    made = await shop.rest.ok("POST", "/products", BOOK, status=201, user=ADMIN)
    assert (made["tax_class"], await class_told(shop)) == ("standard", "standard")
    changed = await shop.rest.ok("PATCH", "/products/book", {"tax_class": "zero"}, user=ADMIN)
    assert (changed["tax_class"], changed["version"], await class_told(shop)) == ("zero", 2, "zero")
    told = await shop.db.fetchval("SELECT data FROM event_log WHERE type = 'product.updated'")
    assert told["changed"] == ["tax_class"]
    same = await shop.rest.ok("PATCH", "/products/book", {"name": "Book"}, user=ADMIN)
    assert (same["tax_class"], same["version"]) == ("zero", 2)
    replaced = await shop.rest.ok("PUT", "/products/book", BOOK | {"version": 2}, user=ADMIN)
    assert replaced["tax_class"] == "standard"
    new = await shop.rest.ok(
        "POST", "/products", BOOK | {"slug": "b", "tax_class": "x-1", "variants": []}, status=201, user=ADMIN
    )
    assert (await shop.rest.ok("GET", "/products/b", user=ADMIN))["tax_class"] == new["tax_class"] == "x-1"


@pytest.mark.parametrize("wrong", ["", "Zero", "zero rate", "-zero", "z" * 41, "zero\n", 20, None])
async def test_a_class_is_one_word(shop, wrong):
    answer = await shop.rest.send("POST", "/products", BOOK | {"tax_class": wrong}, user=ADMIN)
    if wrong is None:
        assert answer.body["tax_class"] == "standard", "null is as left out"
        return
    assert (answer.status, answer.body["field"]) == (422, "tax_class")
    assert await shop.db.fetchval("SELECT count(*) FROM products") == 0


async def test_a_whole_product_is_told_with_it(shop):
    await shop.rest.ok("POST", "/products", BOOK | {"tax_class": "zero"}, status=201, user=ADMIN)
    request = catalog_pb2.GetProductRequest(product="book")
    (variant,) = (await CatalogServicer(shop.catalog).GetProduct(request, None)).product.variants
    assert variant.tax_class == "zero"


async def test_files_carry_it_and_leave_it_where_they_do_not_say_it(shop):
    file = "slug,name,sku,price,tax_class\nbook,Book,BOOK,5.00,zero\nmug,Mug,MUG,9.00,\n"
    assert (await bring(shop, file))["created"] == 2
    assert (await class_told(shop), await class_told(shop, "MUG")) == ("zero", "standard")
    assert (await bring(shop, "slug,name\nbook,A book\n"))["updated"] == 1
    assert await class_told(shop) == "zero"
    written, lines = await export(shop), await export(shop, "jsonl")
    assert b"zero" in written.splitlines()[1]
    assert b'"tax_class":"zero"' in lines
    for content, written_as in ((written, "csv"), (lines, "jsonl")):
        assert (await bring(shop, content, f"format={written_as}"))["unchanged"] == 2
    refused = await bring(shop, "slug,tax_class\nbook,Zero!\n")
    assert (refused["refused"], await class_told(shop)) == (1, "zero")
