"""What other services ask of the catalog."""

from __future__ import annotations

import pytest

from stoa.contracts.catalog.v1.catalog_pb2 import (
    GetProductRequest,
    GetProductsRequest,
    GetVariantsRequest,
    ImportProductsRequest,
    ListCategoriesRequest,
    ListProductsRequest,
    PriceContext,
)
from stoa.contracts.common.v1.common_pb2 import Money
from stoa.kit.ids import uuid7
from stoa.kit.problems import Problem
from stoa.services.catalog import messages
from stoa.services.catalog.errors import NoSuchProduct
from stoa.services.catalog.rpc import CatalogServicer

from .conftest import ADMIN, SELLER, pounds

NewProduct = ImportProductsRequest.NewProduct
NewVariant = ImportProductsRequest.NewVariant


def product(slug, *skus, price=100, currency="GBP", category="gifts", **more):
    variants = [NewVariant(sku=sku, name="", price=Money(amount_minor=price, currency=currency)) for sku in skus]
    values = {"slug": slug, "name": slug.title(), "category": category, "category_name": "Gifts", "variants": variants}
    return NewProduct(**(values | more))


async def bring_in(shop, *products):
    answer = await CatalogServicer(shop.catalog).ImportProducts(ImportProductsRequest(products=products), None)
    return answer.added, answer.already_there


async def test_variants_for_sale_by_sku(shop):
    made = await shop.add("mug", 500, 700)
    await shop.add("draft", 1, status="draft")
    await shop.add("gone", 1)
    await shop.rest.ok("DELETE", "/products/gone", status=204, user=ADMIN)
    await shop.rest.ok("DELETE", "/variants/MUG-1", status=204, user=ADMIN)
    asked = GetVariantsRequest(skus=["MUG-0", "MUG-1", "DRAFT-0", "GONE-0", "NONE", "MUG-0"])
    (variant,) = (await CatalogServicer(shop.catalog).GetVariants(asked, None)).variants
    assert (variant.sku, variant.product_id, variant.product_name) == ("MUG-0", made["id"], "Mug")
    assert (variant.product_slug, variant.variant_name) == ("mug", "")
    assert (variant.price.amount_minor, variant.price.currency) == (500, "GBP")


async def test_what_is_there_already_makes_no_brand(shop):
    await bring_in(shop, product("mug", "MUG", brand="Acme"))
    assert await bring_in(shop, product("mug", "MUG", brand="Other"), product("cup", "CUP", brand="Third")) == (1, 1)
    assert [one["slug"] for one in (await shop.rest.ok("GET", "/brands", user=ADMIN))["items"]] == ["acme", "third"]


@pytest.mark.parametrize("many", [1, 20])
async def test_of_what_a_variant_is_where_that_is_asked_for(shop, many, asked):
    await bring_in(shop, *(product(f"mug-{at}", f"MUG-{at}", brand="Acme") for at in range(many)))
    above, below = uuid7(), await shop.db.fetchval("SELECT id FROM categories")
    await shop.db.execute("INSERT INTO categories (id, slug, name) VALUES ($1, 'above', 'Above')", above)
    await shop.db.execute("UPDATE categories SET parent_id = $1 WHERE id = $2", above, below)
    brand = await shop.db.fetchval("SELECT id FROM brands")
    body = {"slug": "best", "name": "Best", "published": False}
    collection = await shop.rest.ok("POST", "/collections", body, user=ADMIN, status=201)
    member = await shop.db.fetchval("SELECT product_id FROM variants WHERE sku = 'MUG-0'")
    await shop.rest.ok("PUT", f"/collections/best/products/{member}", {"position": 0}, user=ADMIN)
    skus = [f"MUG-{at}" for at in range(many)]
    asked.clear()
    request = GetVariantsRequest(skus=skus, with_groups=True)
    variant = (await CatalogServicer(shop.catalog).GetVariants(request, None)).variants[0]
    assert len(asked) == 2
    assert sorted(variant.category_ids) == sorted([above, below])
    assert (list(variant.collection_ids), variant.brand_id) == ([collection["id"]], brand)
    asked.clear()
    variant = (await CatalogServicer(shop.catalog).GetVariants(GetVariantsRequest(skus=skus), None)).variants[0]
    assert (list(variant.category_ids), list(variant.collection_ids), variant.brand_id) == ([], [], "")
    assert len(asked) == 1


@pytest.mark.parametrize(("currency", "priced"), [("", True), ("GBP", True), ("EUR", False)])
async def test_a_price_is_for_a_context(shop, currency, priced):
    await shop.add("mug", 500)
    context = PriceContext(currency=currency, country="FR", groups=["trade"], quantities={"MUG-0": 3}, at_ms=1)
    asked = GetVariantsRequest(skus=["MUG-0"], context=context)
    (variant,) = (await CatalogServicer(shop.catalog).GetVariants(asked, None)).variants
    assert (variant.sku, variant.HasField("price")) == ("MUG-0", priced)
    assert (variant.price.amount_minor, variant.price.currency) == ((500, "GBP") if priced else (0, ""))


async def test_a_product_by_its_id_or_slug_as_everybody_sees_it(shop):
    made = await shop.add("mug", 500, 700)
    await shop.rest.ok("DELETE", "/variants/MUG-1", status=204, user=ADMIN)
    await shop.add("draft", 1, status="draft")
    ask = CatalogServicer(shop.catalog).GetProduct
    product = (await ask(GetProductRequest(product="mug"), None)).product
    assert product == (await ask(GetProductRequest(product=made["id"]), None)).product
    assert (product.id, product.slug, product.name, product.category) == (made["id"], "mug", "Mug", "")
    assert product.version == (await shop.rest.ok("GET", "/products/mug"))["version"]
    (variant,) = product.variants
    assert (variant.sku, variant.product_id, variant.product_slug) == ("MUG-0", made["id"], "mug")
    assert (variant.price.amount_minor, variant.price.currency) == (500, "GBP")
    for unseen in ("draft", "none", ""):
        with pytest.raises(NoSuchProduct):
            await ask(GetProductRequest(product=unseen), None)


async def every_product(shop, limit):
    """By pages of so many."""
    rpc, found, cursor = CatalogServicer(shop.catalog), [], ""
    while True:
        page = await rpc.ListProducts(ListProductsRequest(cursor=cursor, limit=limit), None)
        found += page.products
        if not page.next_cursor:
            return found
        cursor = page.next_cursor


async def test_an_index_is_built_of_all_wherever_they_stand(shop):
    await shop.rest.ok("POST", "/categories", {"slug": "cups", "name": "Cups"}, status=201, user=ADMIN)
    body = {
        "category": "cups",
        "specifications": {"Glazed": True, "Height": 10, "Made in": "Delft"},
        "images": [{"url": "/media/1.jpg", "alt": "One"}],
        "variants": [{"sku": "RED", "price": pounds(5), "options": {"color": "red", "size": "L"}}],
    }
    made = [await shop.add("mug", user=SELLER, **body)]
    made += [await shop.add(f"p{at}", 100) for at in range(4)]
    await shop.rest.ok("DELETE", "/products/p1", status=204, user=ADMIN)
    await shop.rest.ok("POST", "/products/p2/withhold", {"reason": "Why"}, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/p3", {"status": "draft"}, user=ADMIN)
    ids = sorted(one["id"] for one in made)
    found = await every_product(shop, 2)
    assert [one.id for one in found] == ids
    assert {one.slug: (one.standing, one.version) for one in found} == {
        "mug": ("active", 1),
        "p0": ("active", 1),
        "p1": ("archived", 2),
        "p2": ("withheld", 2),
        "p3": ("draft", 2),
    }
    assert await every_product(shop, 0) == await every_product(shop, 5) == found
    (mug,) = [one for one in found if one.slug == "mug"]
    (variant,) = mug.variants
    assert (variant.variant_id, variant.sku) == (made[0]["variants"][0]["id"], "RED")
    assert [(one.name, one.value) for one in variant.options] == [("color", "red"), ("size", "L")]
    assert {one.name: getattr(one, one.WhichOneof("value")) for one in mug.specifications} == body["specifications"]
    assert [(one.url, one.alt) for one in mug.images] == [("/media/1.jpg", "One")]
    (cups,) = (await CatalogServicer(shop.catalog).ListCategories(ListCategoriesRequest(), None)).categories
    assert (mug.seller_id, mug.category, mug.category_id) == (SELLER.id, "cups", cups.id)
    rpc = CatalogServicer(shop.catalog)
    some = await rpc.GetProducts(GetProductsRequest(ids=[ids[3], ids[0].upper(), ids[0], uuid7()]), None)
    assert (list(some.products), list(some.left)) == ([found[0], found[3]], [])


@pytest.mark.parametrize("ids", [["mug"], [uuid7() for _ in range(101)]], ids=["slug", "many"])
async def test_products_are_asked_for_by_a_hundred_ids(shop, ids):
    with pytest.raises(Problem) as refused:
        await CatalogServicer(shop.catalog).GetProducts(GetProductsRequest(ids=ids), None)
    assert refused.value.status == 422
    for wrong in ({"limit": 101}, {"limit": -1}, {"cursor": "next"}):
        with pytest.raises(Problem):
            await CatalogServicer(shop.catalog).ListProducts(ListProductsRequest(**wrong), None)


async def test_what_does_not_fit_into_a_message_comes_with_the_next(shop, monkeypatch):
    monkeypatch.setattr(messages, "MOST_BYTES", 45_000)
    made = [await shop.add(f"p{at}", 100, description="x" * 20_000) for at in range(5)]
    ids = sorted(one["id"] for one in made)
    assert [one.id for one in await every_product(shop, 5)] == ids
    rpc = CatalogServicer(shop.catalog)
    some = await rpc.GetProducts(GetProductsRequest(ids=ids), None)
    assert ([one.id for one in some.products], list(some.left)) == (ids[:2], ids[2:])
    monkeypatch.setattr(messages, "MOST_BYTES", 10)
    assert [one.id for one in await every_product(shop, 5)] == ids


async def test_an_import_adds_what_is_new_and_leaves_the_rest(shop):
    await shop.add("mug", 500)
    before = await shop.rest.ok("GET", "/products/mug")
    some = [product("mug", "X"), product("cup", "C1", "C2", tags=["new"]), product("cup", "Y"), product("bare")]
    assert await bring_in(shop, *some) == (2, 2)
    assert await bring_in(shop, *some) == (0, 4)
    assert await shop.rest.ok("GET", "/products/mug") == before
    cup = await shop.rest.ok("GET", "/products/cup")
    assert ([one["sku"] for one in cup["variants"]], cup["price"], cup["tags"]) == (["C1", "C2"], pounds(100), ["new"])
    assert (cup["category"]["slug"], cup["category"]["name"]) == ("gifts", "Gifts")
    assert await shop.slugs("sort=name") == ["cup", "mug"]
    assert sorted(await shop.announced()) == [
        ("product.created", "bare", 1, []),
        ("product.created", "cup", 1, ["C1", "C2"]),
        ("product.created", "mug", 1, ["MUG-0"]),
    ]
    assert [one["slug"] for one in (await shop.rest.ok("GET", "/categories"))["items"]] == ["gifts"]


@pytest.mark.parametrize(
    ("bad", "status", "field"),
    [
        (product("cup", "MUG-0"), 409, "sku"),
        (product("cup", "A", currency="EUR"), 422, "variants[0].price.currency"),
        (product("cup", "A", "A"), 422, "variants[1].sku"),
        (product("cup", "A", price=-1), 422, "products[1].variants[0].price.amount"),
        (product("No Slug", "A"), 422, "products[1].slug"),
        (product("", "A"), 422, "products[1].slug"),
        (product("cup", "A", name=""), 422, "products[1].name"),
        (product("cup", "GOOD"), 409, "sku"),
        (product("cup", "A", category="search"), 422, "category"),
    ],
)
async def test_a_bad_import_adds_nothing(shop, bad, status, field):
    await shop.add("mug", 500)
    with pytest.raises(Problem) as refused:
        await bring_in(shop, product("good", "GOOD"), bad)
    assert (refused.value.status, refused.value.field) == (status, field)
    assert await shop.slugs("") == ["mug"]
    assert len(await shop.announced()) == 1
    assert await shop.db.fetchval("SELECT count(*) FROM categories") == 0


async def test_thousands_at_once(shop):
    assert await bring_in(shop, *(product(f"p-{at}", f"S{at}", price=at) for at in range(3000))) == (3000, 0)
    assert len(await shop.announced()) == 3000
    assert await shop.slugs("sort=price&limit=3") == ["p-0", "p-1", "p-2"]


async def test_a_variant_without_a_name_is_called_by_its_options(shop):
    options = [
        {"Color": "Navy", "Size": "M"},
        {"Size": "L", "Color": "Navy"},
        {"Size": "XL"},
        {"Color": "", "Size": ""},
    ]
    variants = [{"sku": f"J-{at}", "price": pounds(1), "options": one} for at, one in enumerate(options)]
    variants += [
        {"sku": "J-4", "price": pounds(1), "options": {"Color": "Red"}, "name": "The red one"},
        {"sku": "J-5", "price": pounds(1)},
        {"sku": "J-6", "price": pounds(1), "options": {"Color": "x" * 150, "Size": "y" * 150}},
    ]
    await shop.rest.ok("POST", "/products", {"name": "Jumper", "variants": variants}, status=201, user=ADMIN)
    names = ["Navy, M", "Navy, L", "XL", "", "The red one", "", "x" * 150 + ", " + "y" * 48]
    called = dict(zip((one["sku"] for one in variants), names, strict=True))
    servicer = CatalogServicer(shop.catalog)
    sold = (await servicer.GetVariants(GetVariantsRequest(skus=list(called)), None)).variants
    assert {one.sku: one.variant_name for one in sold} == called
    shown = (await servicer.GetProduct(GetProductRequest(product="jumper"), None)).product.variants
    assert {one.sku: one.variant_name for one in shown} == called
