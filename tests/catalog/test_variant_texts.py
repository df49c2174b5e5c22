"""What a CSV file says in other languages of a product's variants, their options, and its images."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.kit.money import Money
from stoa.services.catalog.edit_product import blank
from stoa.services.catalog.export_products import item_of
from stoa.services.catalog.fitting_translations import fitting, parts_of
from stoa.services.catalog.images import Image
from stoa.services.catalog.import_row import completed, row_of
from stoa.services.catalog.plan_translations import Said, said_of
from stoa.services.catalog.product import Product, Variant
from stoa.services.catalog.product_files.own_columns import header_of, rows_of
from stoa.services.catalog.product_files.reading import read_products
from stoa.services.catalog.product_files.refused import lines_of
from stoa.services.catalog.translations import NOTHING_SAID, OptionTexts, ProductTranslation

from .conftest import ADMIN, Shop, pounds
from .test_product_imports import bring, counts

LOCALES = ("en", "de")
FILE_ID = "018f0000-0000-7000-8000-0000abcdef01"
IMAGES = [Image("https://img.example.com/a;b.jpg", "A"), Image("/media/b.jpg", ""), Image("/c.webp", file_id=FILE_ID)]
PLACES = [image.file_id or image.url or "" for image in IMAGES]
WORDS = ["Color", "Size", "a=b", "x;y", " S", "\\", "'", "Größe"]
TEXTS = st.text(alphabet=st.sampled_from(list("ab;=\\ >'\"{-1é")), max_size=5)
FILLED = TEXTS.filter(str.strip)

OPTIONS = st.dictionaries(st.sampled_from(WORDS[:4]), st.sampled_from(WORDS), max_size=3)


@st.composite
def products(draw: st.DrawFn) -> Product:
    variants = [
        Variant(f"{at}", f"SKU-{at}", "", Money(100, "GBP"), at, options)
        for at, options in enumerate(draw(st.lists(OPTIONS, max_size=4)))
    ]
    images = draw(st.lists(st.sampled_from(IMAGES), unique_by=id))
    return replace(blank("1", None), slug="shirt", name="Shirt", variants=variants, images=images)


def translations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[ProductTranslation]:
    words = st.dictionaries(st.sampled_from(WORDS), texts, max_size=4)
    return st.builds(
        ProductTranslation,
        name=st.none() | FILLED,
        description=st.none() | texts,
        options=st.dictionaries(st.sampled_from(WORDS[:4]), st.builds(OptionTexts, st.none() | texts, words)),
        variants=st.dictionaries(st.sampled_from([f"SKU-{at}" for at in range(4)]), texts),
        images=st.dictionaries(st.sampled_from(PLACES), TEXTS),
        specifications=st.just({"Cloth": "Baumwolle"}),
    )


def read_again(product: Product, said: ProductTranslation, known: dict[str, ProductTranslation]) -> list[Said]:
    """What a file of it changes of what is known."""
    header = header_of(
        locales=LOCALES[1:],
        specifications=product.specifications,
        custom=[],
        metadata=[],
        variant_custom=[],
        variant_metadata=[],
    )
    content = lines_of([header, *rows_of(item_of(product, {}, {"de": said}), header)])
    (entry,) = read_products(io.BytesIO(content), "csv", "stoa", {}, "GBP", locales=LOCALES[1:]).entries
    assert not entry.faults, entry.faults
    return said_of(completed(row_of(entry.item), product), parts_of(product), known, LOCALES)


@given(products(), translations(TEXTS))
def test_what_is_exported_changes_nothing(product, said):
    product = replace(product, specifications={"Cloth": "Cotton"})
    assert read_again(product, said, {"de": said}) == []


@given(products(), translations(FILLED))
def test_what_is_exported_fills_a_shop_that_has_nothing(product, said):
    told = [one.after for one in read_again(product, said, {})]
    left = fitting(parts_of(product), said)
    assert told == ([left] if left != NOTHING_SAID else [])


@pytest.fixture
async def shirt(shop: Shop) -> Any:
    variants = [
        {"sku": f"T-{color[0]}{size}", "price": pounds(5), "options": {"Color": color, "Size": size}}
        for color in ("Red", "Blue")
        for size in "SL"
    ]
    return await shop.add("shirt", variants=variants, images=[{"url": "/media/1.jpg", "alt": "A shirt"}])


async def said(shop: Shop) -> Any:
    (one,) = (await shop.rest.ok("GET", "/products/shirt/translations", user=ADMIN))["items"]
    return {name: one[name] for name in ("options", "variants", "images")}


COLORS = {"Color": {"name": "Farbe", "values": {"Red": "Rot", "Blue": "Blau"}}}


async def test_rows_say_together_what_options_are_called_and_leave_alone_what_they_do_not_name(shop, shirt):
    await shop.rest.ok(
        "PUT",
        "/products/shirt/translations/de",
        {"options": {"Size": {"name": "Größe", "values": {"L": "groß"}}}, "variants": {"T-BL": "Blau, groß"}},
        user=ADMIN,
    )
    # A list of SKUs names no product: what is said of one is gathered from all its rows.
    text = "sku,options,options.de,variant_name.de\nT-RS,Color=Red,Farbe=Rot,Rot\nT-BS,Color=Blue,=Blau,\n"
    text = text.replace("Color=Red,", "Color=Red; Size=S,").replace("Farbe=Rot,", "Farbe=Rot; Größe=,")
    text = text.replace("Color=Blue,=Blau", "Color=Blue; Size=S,=Blau; =")
    assert counts(await bring(shop, text)) == ("done", 0, 2, 0, 0)
    options = COLORS | {"Size": {"name": "Größe", "values": {"L": "groß"}}}
    assert await said(shop) == {"options": options, "variants": {"T-RS": "Rot", "T-BL": "Blau, groß"}, "images": {}}
    assert counts(await bring(shop, text)) == ("done", 0, 0, 2, 0)
    # An empty cell is as in the shop's own language.
    text = 'slug,sku,options,options.de,images.de\nshirt,T-RS,Color=Red; Size=S,"",/media/1.jpg Ein Hemd\n'
    assert counts(await bring(shop, text)) == ("done", 0, 1, 0, 0)
    left = {"Color": {"name": None, "values": {"Blue": "Blau"}}, "Size": {"name": None, "values": {"L": "groß"}}}
    assert await said(shop) == {
        "options": left,
        "variants": {"T-RS": "Rot", "T-BL": "Blau, groß"},
        "images": {"/media/1.jpg": "Ein Hemd"},
    }
    assert counts(await bring(shop, "slug,images.de\nshirt,\n")) == ("done", 0, 1, 0, 0)
    assert (await said(shop))["images"] == {}


async def test_what_only_json_lines_have_stays_where_a_csv_file_is_read(shop, shirt):
    await shop.rest.ok("PATCH", "/products/shirt", {"specifications": {"Cloth": "Cotton"}}, user=ADMIN)
    german = {"options": COLORS, "specifications": {"Cloth": "Baumwolle"}}
    await shop.rest.ok("PUT", "/products/shirt/translations/de", german, user=ADMIN)
    text = "slug,name.de,sku,variant_name.de\nshirt,Hemd,T-RS,Rot\n"
    assert counts(await bring(shop, text)) == ("done", 0, 1, 0, 0)
    (one,) = (await shop.rest.ok("GET", "/products/shirt/translations", user=ADMIN))["items"]
    assert {name: one[name] for name in german} == german
    assert (one["name"], one["variants"]) == ("Hemd", {"T-RS": "Rot"})


@pytest.mark.parametrize(
    ("text", "problem", "column"),
    [
        ("T-RS,Color=Red; Size=S,Farbe=Rot,,\n", "unprocessable", "options.de"),
        ("T-RS,Color=Red; Size=S,Farbe; Größe,,\n", "unprocessable", "options.de"),
        ("T-RS,Color=Red; Size=S,Size=Rot; =,,\n", "word-twice", "options.de"),
        ("T-RS,Color=Red; Size=S,=Blue; =,,\n", "word-twice", "options.de"),
        (
            "T-RS,Color=Red; Size=S,Farbe=Rot; =,,\nshirt,T-BS,Color=Blue; Size=S,Farben=Blau; =,,\n",
            "called-otherwise",
            "options.de",
        ),
        (f"T-RS,Color=Red; Size=S,,{'x' * 201},\n", "unprocessable", "variant_name.de"),
        ("T-RS,Color=Red; Size=S,,,/media/9.jpg Ein Hemd\n", "not-of-the-product", "images.de"),
        (f"T-RS,Color=Red; Size=S,,,/media/1.jpg {'x' * 201}\n", "unprocessable", "images.de"),
    ],
)
async def test_what_is_wrong_is_said_of_its_column_and_changes_nothing(shop, shirt, text, problem, column):
    header = "slug,sku,options,options.de,variant_name.de,images.de\n"
    done = await bring(shop, f"{header}shirt,{text}")
    assert counts(done) == ("done", 0, 0, 0, 1)
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    (one,) = [each["problem"] for each in page["items"]]
    assert (one["type"], one["field"]) == (f"/problems/{problem}", column)
    assert (await shop.rest.ok("GET", "/products/shirt/translations", user=ADMIN))["items"] == []


async def test_what_options_are_called_is_read_beside_them(shop, shirt):
    done = await bring(shop, "sku,options.de\nT-RS,Farbe=Rot\n")
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    (one,) = [each["problem"] for each in page["items"]]
    assert (one["field"], one["detail"]) == (
        "options.de",
        "It is read beside the column options, which the file does not have.",
    )
