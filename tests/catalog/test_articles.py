"""What a variant is as an article: its barcode, its weight and the image that shows it."""

from __future__ import annotations

import pytest

from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN, pounds

FRONT, BACK = "https://img.example.com/front.jpg", "/media/back.jpg"
RED = {
    "sku": "RED",
    "price": pounds(500),
    "options": {"color": "red"},
    "barcode": "978-0-306-40615-7",
    "weight": 350,
    "image": BACK,
}
BLUE = {"sku": "BLUE", "price": pounds(600), "options": {"color": "blue"}}
MUG = {"slug": "mug", "name": "Mug", "images": [{"url": FRONT}, {"url": BACK}], "variants": [RED, BLUE]}


async def add(shop):
    return await shop.rest.ok("POST", "/products", MUG, status=201, user=ADMIN)


def articles(product):
    return {one["sku"]: (one["barcode"], one["weight"], one["image"]) for one in product["variants"]}


async def test_everybody_sees_what_a_variant_is(shop):
    made = await add(shop)
    assert articles(made) == {"RED": ("9780306406157", 350, BACK), "BLUE": ("", None, None)}
    assert await shop.rest.ok("GET", "/products/mug") == made
    assert await shop.rest.ok("GET", "/products/mug?locale=de") == made
    # What was shown is put back, and is no change.
    body = {"variants": made["variants"], "images": made["images"]}
    assert (await shop.rest.ok("PATCH", "/products/mug", body, user=ADMIN))["version"] == 1


async def test_a_variant_is_replaced_with_what_it_is(shop):
    await add(shop)
    new = {"sku": "GREEN", "price": pounds(1), "barcode": "96385074", "weight": 1, "image": FRONT}
    added = await shop.rest.ok("POST", "/products/mug/variants", new, status=201, user=ADMIN)
    assert articles(added)["GREEN"] == ("96385074", 1, FRONT)
    blue = {"price": pounds(600), "barcode": "9780306406157", "weight": 360, "image": FRONT}
    changed = await shop.rest.ok("PUT", "/variants/BLUE", blue, user=ADMIN)
    # A bundle, or what was used before, has the barcode of the same article.
    assert articles(changed)["BLUE"] == ("9780306406157", 360, FRONT)
    assert articles(changed)["RED"] == ("9780306406157", 350, BACK)
    plain = await shop.rest.ok("PUT", "/variants/BLUE", {"price": pounds(600)}, user=ADMIN)
    assert articles(plain)["BLUE"] == ("", None, None)


async def test_an_image_that_its_product_has_no_more_shows_no_variant(shop):
    await add(shop)
    left = await shop.rest.ok("PATCH", "/products/mug", {"images": [{"url": FRONT}]}, user=ADMIN)
    assert articles(left)["RED"] == ("9780306406157", 350, None)
    told = await shop.db.fetchval("SELECT data FROM event_log WHERE type = 'product.updated'")
    assert (told["changed"], told["skus"]) == (["images", "variants"], ["RED"])
    # Sent along as it was shown, it is gone as well.
    await shop.rest.ok("PATCH", "/products/mug", {"images": MUG["images"], "variants": [RED, BLUE]}, user=ADMIN)
    body = {"images": [{"url": FRONT}], "variants": [RED, BLUE]}
    assert articles(await shop.rest.ok("PATCH", "/products/mug", body, user=ADMIN))["RED"][2] is None


@pytest.mark.parametrize(
    ("wrong", "problem", "field"),
    [
        ({"barcode": "4006381333932"}, "wrong-barcode", "barcode"),
        ({"barcode": "12345"}, "wrong-barcode", "barcode"),
        ({"barcode": "MUG"}, "unprocessable", "barcode"),
        ({"weight": 0}, "unprocessable", "weight"),
        ({"weight": 1.5}, "unprocessable", "weight"),
        ({"weight": 100_000_001}, "unprocessable", "weight"),
        ({"image": "https://img.example.com/other.jpg"}, "not-its-image", "image"),
        ({"image": ""}, "unprocessable", "image"),
    ],
)
async def test_what_is_wrong_is_refused_where_it_stands(shop, wrong, problem, field):
    await add(shop)
    # It is named by the place that it was sent in, wherever it is to stand.
    variants = [RED | {"position": 5}, BLUE | wrong | {"position": 0}]
    bulk = {"products": [{"slug": "mug", "variants": variants}]}
    for method, path, body, place in (
        ("PATCH", "/products/mug", {"variants": variants}, "variants[1]."),
        ("POST", "/products", MUG | {"slug": "cup", "variants": variants}, "variants[1]."),
        ("PUT", "/variants/BLUE", {"price": pounds(600)} | wrong, ""),
        ("POST", "/products/mug/variants", {"sku": "GREEN", "price": pounds(1)} | wrong, ""),
        ("POST", "/products/bulk", bulk, "products[0].variants[1]."),
    ):
        answer = await shop.rest.send(method, path, body, user=ADMIN)
        told = answer.body
        if path.endswith("bulk") and answer.status == 200:
            told = answer.body["items"][0]["problem"]
        assert (told["type"], told["field"]) == (f"/problems/{problem}", f"{place}{field}")
    assert (await shop.rest.ok("GET", "/products/mug"))["version"] == 1
    assert await shop.db.fetchval("SELECT count(*) FROM products") == 1


async def test_others_are_told_and_tell(shop):
    servicer = CatalogServicer(shop.catalog)
    new = catalog_pb2.ImportProductsRequest.NewVariant(
        sku="RED", barcode="0-306-40615-2", weight_grams=350, image=FRONT
    )
    new.price.amount_minor, new.price.currency = 500, "GBP"
    mug = catalog_pb2.ImportProductsRequest.NewProduct(
        slug="mug", name="Mug", variants=[new], images=[catalog_pb2.Image(url=FRONT)]
    )
    await servicer.ImportProducts(catalog_pb2.ImportProductsRequest(products=[mug]), None)
    whole = (await servicer.GetProduct(catalog_pb2.GetProductRequest(product="mug"), None)).product.variants[0]
    assert (whole.barcode, whole.weight_grams, whole.image) == ("9780306406157", 350, FRONT)
    sold = (await servicer.GetVariants(catalog_pb2.GetVariantsRequest(skus=["RED"]), None)).variants[0]
    assert (sold.barcode, sold.weight_grams) == ("9780306406157", 350)
