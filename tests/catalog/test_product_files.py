"""Products as files: what is written reads back, and two other shops' exports are read as they are."""

from __future__ import annotations

import io
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.kit.money import amount_of
from stoa.services.catalog.product_files import cells, own_columns
from stoa.services.catalog.product_files.articles import grams_of
from stoa.services.catalog.product_files.dialect import OURS, Dialect, dialect_of, lines_of
from stoa.services.catalog.product_files.numbers import number_of
from stoa.services.catalog.product_files.plain_text import plain_text
from stoa.services.catalog.product_files.prices import price_of
from stoa.services.catalog.product_files.reading import read_products
from stoa.services.catalog.product_files.refused import refused_header, refused_lines
from stoa.services.catalog.product_files.remarks import MOST_EXAMPLES, Remark, Said, gathered
from stoa.services.catalog.product_files.stock import left_of, oversold, stock_of
from stoa.services.catalog.product_files.table import UnreadableFile
from stoa.services.catalog.product_files.variations import Variation, settled
from stoa.services.catalog.words import LONGEST_SKU, sku_for, sku_of

LETTERS = st.text(alphabet=st.sampled_from(list("ab;=\\ >'\"{[-1.e5t\n,é")), max_size=8)
FILLED = LETTERS.filter(bool)


@given(LETTERS)
def test_a_text_reads_back_as_the_text(text):
    assert cells.read(cells.written(text)) == text
    assert cells.unguarded(cells.guarded(text)) == text


@given(st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e15, 1e15), st.lists(LETTERS, max_size=3)))
def test_what_is_no_text_reads_back_as_what_it_is(value):
    back = cells.read(cells.written(value))
    assert back == value
    assert isinstance(back, bool) == isinstance(value, bool)


@given(st.lists(FILLED, max_size=4), st.dictionaries(FILLED, LETTERS, max_size=4))
def test_parts_of_a_cell_read_back(parts, pairs):
    # Spaces around a separator say nothing: earlier files have `Kitchen> Mugs`.
    for between in ("; ", " > ", "> ", ">"):
        assert cells.split(cells.joined(parts, between), between.strip()) == parts
    back = cells.split_pairs(cells.joined_pairs(pairs))
    assert list(back.items()) == list(pairs.items())


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [("19.99", "GBP", 1999), ("19.9", "GBP", 1990), ("19", "GBP", 1900), ("1200", "JPY", 1200), ("1.234", "KWD", 1234)],
)
def test_a_price_is_read_in_the_units_of_people(text, currency, amount):
    assert price_of(text, currency) == {"amount": amount, "currency": currency}
    assert price_of(amount_of(amount, currency, grouped=False), currency)["amount"] == amount


@pytest.mark.parametrize(("text", "pieces"), [("0", 0), ("12", 12), ("12.00", 12), ("-0.0", 0)])
def test_what_there_is_is_a_number_of_pieces(text, pieces):
    assert (stock_of(text), left_of(text), oversold("A", text)) == (pieces, pieces, [])


def test_of_what_another_shop_oversold_there_is_none():
    assert (left_of("-3.00"), oversold("A", "-3.00")) == (0, [Said("stock-oversold", "A: -3.00")])
    with pytest.raises(ValueError, match="'-3' is less than nothing: write 0 where there is none"):
        stock_of("-3")


def test_shopify_says_nothing_of_what_it_does_not_track():
    text = "Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n"
    rows = "mug,Mug,A,shopify,-2,1\nmug,,B,,0,1\nmug,,C,shopify,x,1\n"
    said = [next(iter(entries(text + row, "shopify"))) for row in rows.splitlines(keepends=True)]
    assert [one.item["variants"][0].get("stock") for one in said[:2]] == [0, None]
    assert [one.remarks for one in said[:2]] == [
        [Said("stock-oversold", "A: -2")],
        [Said("stock-not-counted", "B")],
    ]
    assert said[2].faults == [("Variant Inventory Qty", "'x' is no number of pieces: write it as 12")]


@pytest.mark.parametrize("text", ["", "-1", "1,234.50", "1.234,50", "1'234", "free", "1e3", "1234.999", "£5", "1.5.5"])
@pytest.mark.parametrize("comma", [False, True])
def test_what_is_no_price_is_refused(text, comma):
    with pytest.raises(ValueError, match=r"no price|has more than the 2 decimals of GBP"):
        price_of(text, "GBP", comma=comma)


@pytest.mark.parametrize(
    ("text", "currency", "meant"),
    [
        ("1.290", "GBP", "1290, or 1.29"),
        ("1,290", "GBP", "1290, or 1.29"),
        ("19.999", "GBP", "19999, or 19.99"),
        ("999.000", "GBP", "999000, or 999.00"),
        ("1.000", "JPY", "1000, or 1"),
    ],
)
@pytest.mark.parametrize("comma", [False, True])
def test_what_may_be_a_thousand_or_a_fraction_is_refused(text, currency, meant, comma):
    with pytest.raises(ValueError, match=f"'{text}' may be a thousand or a fraction: write {meant}$"):
        price_of(text, currency, comma=comma)


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("0.990", "GBP", 99),
        ("1290.500", "GBP", 129_050),
        ("1.2900", "GBP", 129),
        ("19,90", "GBP", 1990),
        ("5.00", "JPY", 5),
        ("1,290", "KWD", 1290),
    ],
)
def test_what_can_only_be_a_fraction_is_one(text, currency, amount):
    assert price_of(text, currency, comma=True)["amount"] == amount


@pytest.mark.parametrize(
    ("text", "currency", "most"),
    [("99999999999999", "GBP", "1000000000.00"), ("1000000000.01", "GBP", "1000000000.00"), ("9" * 30, "KWD", "")],
)
def test_a_price_that_is_too_much_is_told_as_that(text, currency, most):
    with pytest.raises(ValueError, match=f"'{text}' is too much: a price is at most {most}"):
        price_of(text, currency)


SEO = {"title": "Ein Becher", "description": None}


BARE: dict[str, Any] = {"sku": "MUG-BLUE", "options": {"color": "blue"}, "position": 4}
BARE |= {"barcode": "", "weight": None, "image": None}


def item(**more: Any) -> dict[str, Any]:
    variant = {
        "sku": "MUG-RED",
        "name": "red",
        "price": {"amount": 995, "currency": "GBP"},
        "options": {"color": "red", "size; or": "a=b"},
        "position": 3,
        "barcode": "0012345678905",
        "weight": 350,
        "image": "https://img.example.com/a;b.jpg",
        "custom_fields": {"kiln": 4},
        "metadata": {"erp": "=1+1"},
    }
    return {
        "slug": "mug",
        "name": "=Mug, enamel",
        "description": 'Two lines\nand a "quote"',
        "brand": "Hearth & Field",
        "category": "mugs",
        "category_path": ["Kitchen > more", "Mugs"],
        "product_type": "vessel",
        "status": "active",
        "tax_class": "reduced",
        "publish_at": "2026-01-01T00:00:00+00:00",
        "unpublish_at": None,
        "tags": ["a;b", "camping"],
        "specifications": {"Volume": 350, "Dishwasher": True, "Grade": "5", "Uses": ["tea", "soup"]},
        "images": [{"url": "https://img.example.com/a;b.jpg", "alt": "A mug"}, {"url": "/media/b.jpg", "alt": ""}],
        "seo": {"title": "Mug", "description": ""},
        "custom_fields": {"origin": "Portugal", "care": ["hot", "cold"]},
        "metadata": {"erp": "7"},
        "translations": {
            "de": {
                "name": "=Becher",
                "slug": "becher",
                "description": "Zwei\nZeilen",
                "seo": SEO,
                "images": {"/media/b.jpg": "Von oben"},
            }
        },
        "variants": [variant, variant | BARE],
    } | more


def test_a_product_reads_back_from_its_lines():
    one = item()
    header = own_columns.header_of(
        locales=["de", "fr"],
        specifications=["Dishwasher", "Grade", "Volume", "Uses", "Other"],
        custom=["care", "origin"],
        metadata=["erp"],
        variant_custom=["kiln"],
        variant_metadata=["erp"],
    )
    size = {"name": None, "values": {"a=b": "c=d; e"}}
    german = {"seo": SEO | {"description": ""}, "variants": {"MUG-RED": "=rot"}}
    german |= {"options": {"color": {"name": "Farbe", "values": {"red": "rot"}}, "size; or": size}}
    written = {**one, "translations": {"de": one["translations"]["de"] | german}}
    content = lines_of([header, *own_columns.rows_of(written, header)])
    assert b"'=Mug" in content
    assert rb"Kitchen \> more > Mugs" in content
    read = read_products(io.BytesIO(content), "csv", "stoa", {}, "GBP", locales=["de", "fr"])
    assert read.left_out == []
    (entry,) = read.entries
    assert entry.faults == []
    # What it does not have is said to be gone, which changes nothing of it.
    nothing = {"name": None, "slug": None, "description": None, "seo": {"title": None, "description": None}}

    def called(name: str | None = None, **options: tuple[str | None, str | None]) -> dict[str, Any]:
        pairs = {option.replace("_", "; "): {"name": a, "value": b} for option, (a, b) in options.items()}
        return {"name": name, "options": pairs}

    red, blue = one["variants"]
    in_red = {"de": called("=rot", color=("Farbe", "rot"), size_or=(None, "c=d; e"))}
    in_red["fr"] = called(color=(None, None), size_or=(None, None))
    in_blue = {"de": called(color=("Farbe", None)), "fr": called(color=(None, None))}
    expected = one | {
        "specifications": one["specifications"] | {"Other": None},
        "translations": one["translations"] | {"fr": nothing | {"images": {}}},
        "variants": [red | {"translations": in_red}, blue | {"translations": in_blue}],
    }
    assert entry.item == {name: said for name, said in expected.items() if name != "seo"} | {
        "seo_title": "Mug",
        "seo_description": "",
    }


def test_what_no_column_has_is_an_error():
    header = own_columns.header_of(
        specifications=["Volume"], custom=[], metadata=[], variant_custom=[], variant_metadata=[]
    )
    plain = item(specifications={"Volume": 1}, custom_fields={}, metadata={}, translations={}, variants=[])
    assert len(own_columns.rows_of(plain, header)) == 1
    with pytest.raises(own_columns.NoColumn, match=r"^spec\.Grade$"):
        own_columns.rows_of(plain | {"specifications": {"Grade": 0}}, header)


@pytest.mark.parametrize(
    ("text", "comma", "number"),
    [("350", False, 350), ("-0.25", False, -0.25), (".5", False, 0.5), ("1e3", False, 1000), ("12,5", True, 12.5)],
)
def test_a_number_is_one_as_people_write_it(text, comma, number):
    assert number_of(text, comma=comma) == number


@pytest.mark.parametrize("text", ["", ".", "12,5", "1,234.5", "1 kg", "NaN", "9" * 17, "1e999"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(ValueError, match=r"is no number|is too much"):
        number_of(text)


def entries(text: str, source: str = "stoa", **columns: str) -> list[Any]:
    content = io.BytesIO(text.encode())
    return list(read_products(content, "csv", source, columns, "GBP").entries)  # type: ignore[arg-type]


def test_columns_may_have_other_names_and_prices_a_comma():
    columns = {"Titel": "name", "Preis": "price", "Kurs": "currency"}
    (entry,) = entries("Titel;Handle;SKU;Preis;Kurs\nBecher;becher;B-1;9,95;eur\n", **columns)
    assert entry.item == {
        "name": "Becher",
        "slug": "becher",
        "variants": [{"sku": "B-1", "price": {"amount": 995, "currency": "EUR"}}],
    }
    assert entry.column_of("variants[0].price.amount") == "Preis"
    assert entry.column_of("variants[0].price.currency") == "Kurs"
    assert entry.column_of("name") == "Titel"


@pytest.mark.parametrize(
    "text",
    [
        "sku,slug,name,\nB-1,jug,Jug,\n",
        "sku,slug,name\nB-1,jug,Jug,,\n",
        "sku,slug,name,brand\nB-1,jug,Jug\n",
        "\ufeffsku;slug;name;;\nB-1;jug;Jug;;\n",
    ],
)
def test_a_row_may_be_shorter_and_have_empty_cells_behind_it(text: str):
    (entry,) = entries(text)
    assert (entry.item["slug"], entry.item["name"], entry.faults) == ("jug", "Jug", [])


def test_a_row_may_end_before_its_slug():
    first, second = entries("sku,price,slug,name\nB-1,1.00\nB-2,2.00,jug,Jug\n")
    assert ("slug" in first.item, second.item["slug"]) == (False, "jug")


@pytest.mark.parametrize("position", ["first", "1.5", "1_0", "\u0663"])
def test_a_position_is_a_number_from_0(position: str):
    (entry,) = entries(f"sku,position\nB-1,{position}\n")
    assert entry.faults == [("position", f"{position!r} is no position: write it as 0")]


def test_what_stands_behind_the_last_name_is_refused():
    (entry,) = entries("sku,slug,name,\nB-1,jug,Jug,Mug\n")
    assert entry.faults == [("", "Line 2 has something behind the last column that the first line names.")]


def test_rows_of_one_slug_are_one_product_and_what_differs_is_named():
    text = "slug,name,sku,price\nmug,Mug,A,1\n,,B,2\nmug,,C,3\ncup,Cup,D,4\nmug,Other,E,5\nmug,Mug,F,6\n"
    found = entries(text)
    skus = [[variant["sku"] for variant in one.item.get("variants", [])] for one in found]
    assert skus == [["A", "B", "C"], ["D"], ["E", "F"]]
    assert found[2].faults == [("name", "Line 7: 'Mug' is not what the first line of the product says.")]
    assert found[2].line == 6


def test_a_barcode_may_have_the_apostrophe_of_a_spreadsheet():
    (mug,) = entries("slug,name,sku,price,barcode\nmug,Mug,A,1,'9783161484100\n")
    assert (list(mug.faults), mug.item["variants"][0]["barcode"]) == ([], "9783161484100")


def test_all_that_is_wrong_with_a_product_is_told():
    text = "slug,name,sku,price,stock,options,spec.a\nmug,Mug,A,free,x,L,[\n,,B,1,2,size=S,\n,Cup,C,,-,,\n"
    (mug,) = entries(text)
    assert mug.faults == [
        ("spec.a", "is no JSON, although it begins with a quote or a bracket"),
        ("price", "Line 2: 'free' is no price: write it as 19.99, without a sign or marks between thousands"),
        ("options", "Line 2: has 'L', where name=value belongs"),
        ("stock", "Line 2: 'x' is no number of pieces: write it as 12"),
        ("name", "Line 4: 'Cup' is not what the first line of the product says."),
        ("stock", "Line 4: '-' is no number of pieces: write it as 12"),
    ]
    assert [sorted(variant) for variant in mug.item["variants"]] == [
        ["sku"],
        ["options", "price", "sku", "stock"],
        ["options", "sku"],
    ]


@pytest.mark.parametrize(
    ("cell", "tags"),
    [("wine,white", ["wine", "white"]), ("wine; white", ["wine", "white"]), (r"a\, b; c\;d", ["a, b", "c;d"])],
)
def test_tags_stand_apart_by_either(cell, tags):
    (one,) = entries(f"slug\ttags\nmug\t{cell}\n")
    assert one.item["tags"] == tags
    assert cells.split(cells.joined(tags, separators=cells.LISTED), cells.LISTED) == tags


def test_metadata_is_text_and_a_spreadsheet_may_shout():
    (one,) = entries('slug,meta.a,meta.b,meta.c,spec.x,spec.y\nmug,7,"""8""","""x",TRUE,FALSE\n')
    assert one.item["metadata"] == {"a": "7", "b": "8", "c": '"x'}
    assert one.item["specifications"] == {"x": True, "y": False}


def test_a_price_list_names_only_skus():
    found = entries("sku,price\nA,1.50\nB,nothing\n")
    assert found[0].item == {"variants": [{"sku": "A", "price": {"amount": 150, "currency": "GBP"}}]}
    assert [column for column, _ in found[1].faults] == ["price"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "The file is empty."),
        ("name,price\nMug,1\n", r"No column slug or sku says which product is meant\. .* --column 'Their name=sku'"),
        ("slug,name,name\nmug,Mug,Mug\n", "The column 'name' stands twice"),
        ("slug,name\0\nmug,Mug\n", "The file is no text"),
        ('{"slug": "mug"}\n', "The file is JSON lines: call it .jsonl"),
        ("slug,handle\nmug,mug\n", "Two columns of the file are slug"),
        ('slug,name\nmug,"Mug\n', "The row that begins in line 2 cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(text, wrong):
    with pytest.raises(UnreadableFile, match=wrong):
        entries(text)


def test_a_file_in_another_encoding_is_refused_and_one_with_a_mark_is_read():
    with pytest.raises(UnreadableFile, match="no text in UTF-8"):
        list(read_products(io.BytesIO("slug,name\nmug,Bücher\n".encode("latin-1")), "csv", "stoa", {}, "GBP").entries)
    for encoding in ("utf-8-sig", "utf-16"):
        content = io.BytesIO("slug,name\nmug,Bücher\n".encode(encoding))
        (entry,) = read_products(content, "csv", "stoa", {}, "GBP").entries
        assert entry.item == {"slug": "mug", "name": "Bücher"}


def test_json_lines_may_begin_with_a_mark_of_their_encoding():
    for encoding in ("utf-8", "utf-8-sig"):
        content = io.BytesIO('{"slug": "mug"}\n{"slug": "cup"}\n'.encode(encoding))
        found = list(read_products(content, "jsonl", "stoa", {}, "GBP").entries)
        assert [(one.line, one.item) for one in found] == [(1, {"slug": "mug"}), (2, {"slug": "cup"})]
    with pytest.raises(UnreadableFile, match="save it in UTF-8"):
        list(read_products(io.BytesIO('{"slug": "mug"}'.encode("utf-16")), "jsonl", "stoa", {}, "GBP").entries)


def test_a_line_of_json_that_is_none_is_one_entry_with_a_fault():
    content = io.BytesIO(b'{"slug": "mug"}\n[1]\n{"slug"\n\n{"slug": "cup", "_error": {}}\n')
    found = list(read_products(content, "jsonl", "stoa", {}, "GBP").entries)
    assert [(one.line, one.item, not one.faults) for one in found] == [
        (1, {"slug": "mug"}, True),
        (2, {}, False),
        (3, {}, False),
        (5, {"slug": "cup"}, True),
    ]


@pytest.mark.parametrize(
    "line", ["[" * 100_000, '{"metadata": ' + '{"a":' * 30 + "1" + "}" * 31, '{"slug": ' + "[" * 30 + "]" * 30 + "}"]
)
def test_a_line_of_json_that_is_too_deep_is_one_entry_with_a_fault(line):
    bad, good = read_products(io.BytesIO(f'{line}\n{{"slug": "cup"}}\n'.encode()), "jsonl", "stoa", {}, "GBP").entries
    assert (not bad.faults, good.item) == (False, {"slug": "cup"})
    assert b'"_error"' in refused_lines([], OURS, 1, bad.raw, {"type": "/problems/x", "detail": "Too deep."})


def test_a_description_may_have_pictures_in_it_and_what_is_longer_cannot_be_read():
    (entry,) = entries(f"slug,description\nmug,{'x' * 1_000_000}\n")
    assert len(entry.item["description"]) == 1_000_000
    with pytest.raises(UnreadableFile, match="row that begins in line 2 cannot be read"):
        entries(f"slug,description\nmug,{'x' * 5_000_000}\n")


def test_what_was_refused_is_a_file_of_the_same_kind():
    header = ["slug", "name", "error", "sku"]
    problem = {"type": "/problems/x", "detail": "Too long.", "field": "name"}
    raw = [["mug", "Mug", "old error", "A"], ["", "", "", "B"]]
    content = refused_header(header, OURS) + refused_lines(header, OURS, 5, raw, problem)
    assert content.decode().splitlines() == [
        "slug,name,sku,error,error_column,error_line",
        "mug,Mug,A,Too long.,name,5",
        ",,B,,,",
    ]
    read = read_products(io.BytesIO(content), "csv", "stoa", {}, "GBP")
    assert (read.left_out, [one.item["name"] for one in read.entries]) == ([], ["Mug"])


WRITTEN = [
    Dialect(),
    Dialect(separator=";", marked=True),
    Dialect(separator="\t", encoding="utf-16-le", marked=True),
    Dialect(separator=";", encoding="utf-16-be", marked=True, says_separator=True),
    Dialect(separator="|", says_separator=True),
]


@pytest.mark.parametrize("dialect", WRITTEN)
def test_what_was_refused_is_written_as_the_file_was(dialect):
    price = "7,90" if dialect.has_decimal_comma else "7.90"
    rows = [["slug", "name", "sku", "price"], ["mug", "Bücher; Tee, |\t", "A", price], ["cup", "Cup", "B", "free"]]
    content = dialect.start + lines_of(rows, dialect)
    assert dialect_of(content) == dialect
    read = read_products(io.BytesIO(content), "csv", "stoa", {}, "GBP")
    mug, cup = read.entries
    assert mug.item["variants"][0]["price"]["amount"] == 790
    assert (cup.line, read.dialect) == (4 if dialect.says_separator else 3, dialect)
    problem = {"type": "/problems/x", "detail": "No.", "field": "price"}
    refused = refused_header(read.header, dialect) + refused_lines(read.header, dialect, mug.line, mug.raw, problem)
    assert refused.startswith(dialect.start)
    again = read_products(io.BytesIO(refused), "csv", "stoa", {}, "GBP")
    assert (again.dialect, [one.item for one in again.entries]) == (dialect, [mug.item])


def test_a_separator_that_is_said_is_that_whatever_else_stands_there():
    for line_end in ("\n", "\r\n"):
        text = line_end.join(["sep=;", "slug;name,tags", "mug;a,b,c", ""])
        read = read_products(io.BytesIO(text.encode()), "csv", "stoa", {"name,tags": "name"}, "GBP")
        assert [(one.line, one.item) for one in read.entries] == [(3, {"slug": "mug", "name": "a,b,c"})]
    with pytest.raises(UnreadableFile, match=r"^The file is empty\.$"):
        entries("sep=;\n")


SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Barcode,Image Src,\
Image Alt Text,Variant Image,Status
linen-shirt,Linen shirt,"<p>Cool &amp; light.</p><ul><li>Linen</li><li>Made well</li></ul>",Fennimore,\
Apparel & Accessories > Clothing,Shirts,"summer, linen",true,Size,S,Color,White,LS S/W,200,5,49.00,'5012345678900,\
https://cdn.example.com/a.jpg?v=1,Front,https://cdn.example.com/b.jpg,active
linen-shirt,,,,,,,,,M,,White,,210.6,,49.00,0-306-40615-2,https://cdn.example.com/b.jpg,,https://cdn.example.com/m.jpg,
linen-shirt,,,,,,,,,,,,,,,,,https://cdn.example.com/c.jpg,,,
gift-card,Gift card,,Fennimore,,Gift cards,,false,Title,Default Title,,,,0,,10.00,CARD-1,,,,draft
"""


def test_an_export_of_shopify_is_read_as_it_is():
    read = read_products(io.BytesIO(SHOPIFY.encode()), "csv", "shopify", {}, "GBP")
    assert (read.left_out, read.stock) == ([], ["Variant Inventory Qty"])
    shirt, card = read.entries
    assert shirt.item == {
        "slug": "linen-shirt",
        "name": "Linen shirt",
        "description": "Cool & light.\n\n- Linen\n- Made well",
        "brand": "Fennimore",
        "tags": ["summer", "linen"],
        "status": "active",
        "category_path": ["Apparel & Accessories", "Clothing"],
        "images": [
            {"url": "https://cdn.example.com/a.jpg?v=1", "alt": "Front"},
            {"url": "https://cdn.example.com/b.jpg", "alt": ""},
            {"url": "https://cdn.example.com/c.jpg", "alt": ""},
            {"url": "https://cdn.example.com/m.jpg", "alt": ""},
        ],
        "variants": [
            {
                "sku": "LS-S-W",
                "name": "S, White",
                "price": {"amount": 4900, "currency": "GBP"},
                "options": {"Size": "S", "Color": "White"},
                "position": 0,
                "barcode": "5012345678900",
                "weight": 200,
                "image": "https://cdn.example.com/b.jpg",
                "metadata": {"sku": "LS S/W"},
                "stock": 5,
            },
            {
                "sku": "linen-shirt-m-white",
                "name": "M, White",
                "price": {"amount": 4900, "currency": "GBP"},
                "options": {"Size": "M", "Color": "White"},
                "position": 1,
                "barcode": "9780306406157",
                "weight": 211,
                "image": "https://cdn.example.com/m.jpg",
                "metadata": {},
            },
        ],
    }
    assert shirt.remarks == [Said("sku-renamed", "LS S/W: LS-S-W")]
    assert (card.item["status"], card.item["category_path"], card.item["variants"][0]["options"]) == (
        "draft",
        ["Gift cards"],
        {},
    )
    (sold,) = card.item["variants"]
    assert (sold["sku"], sold["weight"], sold["metadata"]) == ("gift-card", None, {"barcode": "CARD-1"})
    assert card.remarks == [Said("barcode-noted", "Gift card: CARD-1")]


def test_a_file_of_shopify_that_was_sorted_loses_nothing():
    text = "Handle;Title;Variant SKU;Variant Price\nmug;Mug;A;1,50\ncup;Cup;B;1.50\nmug;Mug;C;1\n"
    mug, cup, more = entries(text, "shopify")
    assert [one.item["variants"][0]["price"]["amount"] for one in (mug, cup)] == [150, 150]
    assert more.faults == [("Handle", "Line 2 begins the same product: put all its rows there, one behind the other.")]
    assert [mug.column_of(place) for place in ("sku", "variants", "variants[0].sku")] == [
        "Variant SKU",
        "Variant Price",
        "Variant SKU",
    ]


WOO = """\
ID,Type,SKU,Name,Published,Short description,Description,Weight (kg),Regular price,Categories,Tags,Images,Parent,\
Attribute 1 name,Attribute 1 value(s),Attribute 2 name,Attribute 2 value(s),Stock,"GTIN, UPC, EAN, or ISBN"
45,variation,woo-hoodie-red,Hoodie - Red,1,,,"0,75",45,,,https://shop.example.com/red.jpg,woo-hoodie,Color,Red,,,3,\
5012345678900
44,variable,woo-hoodie,Hoodie,1,Warm.,"Very\\n warm.",1.5,,"Clothing, Clothing > Hoodies",winter,\
"https://shop.example.com/a.jpg, https://shop.example.com/b.jpg",,Color,"Blue, Red",Fabric,Wool,,
46,variation,,Hoodie - Blue,1,,,,"42,50",,,,id:44,Color,Blue,,,,5012345678901
47,simple,,Hoodie,0,,,,18,,,,,,,,,,
48,grouped,logo-set,Logo set,1,,,,,,,,,,,,,,
49,variation,lost,Lost,1,,,,5,,,,nobody,,,,,,
"""


def test_an_export_of_woocommerce_is_read_as_it_is():
    read = read_products(io.BytesIO(WOO.encode()), "csv", "woocommerce", {}, "GBP")
    assert (read.left_out, read.stock) == ([], ["Stock"])
    simple, grouped, hoodie, lost = read.entries
    assert (simple.item["slug"], simple.item["status"], simple.item["variants"][0]["sku"]) == (
        "hoodie",
        "draft",
        "hoodie",
    )
    assert grouped.faults == [("Type", "A product of type 'grouped' has nothing to sell itself.")]
    assert lost.faults == [("Parent", "The file has no product 'nobody'.")]
    assert hoodie.item == {
        "slug": "hoodie-44",
        "name": "Hoodie",
        "description": "Warm.\n\nVery\n warm.",
        "brand": "",
        "tags": ["winter"],
        "images": [{"url": f"https://shop.example.com/{each}.jpg"} for each in ("a", "b", "red")],
        "status": "active",
        "specifications": {"Fabric": "Wool"},
        "category_path": ["Clothing", "Hoodies"],
        "variants": [
            {
                "position": 0,
                "sku": "woo-hoodie-red",
                "name": "Red",
                "price": {"amount": 4500, "currency": "GBP"},
                "options": {"Color": "Red"},
                "barcode": "5012345678900",
                "weight": 750,
                "image": "https://shop.example.com/red.jpg",
                "metadata": {},
                "stock": 3,
            },
            {
                "position": 1,
                "sku": "hoodie-44-blue",
                "name": "Blue",
                "price": {"amount": 4250, "currency": "GBP"},
                "options": {"Color": "Blue"},
                "weight": 1500,
                "metadata": {"gtin": "5012345678901"},
            },
        ],
    }
    assert hoodie.remarks == [Said("barcode-noted", "Hoodie: 5012345678901")]


ANY = """\
ID,Type,SKU,Name,Regular price,Parent,Stock,In stock?,Attribute 1 name,Attribute 1 value(s),Attribute 2 name,\
Attribute 2 value(s),Attribute 3 name,Attribute 3 value(s)
44,variable,woo-vneck-tee,V-Neck T-Shirt,,,,1,Color,"Blue, Green, Red",Size,"Large, Medium, Small",Fabric,Wool
76,variation,woo-vneck-tee-red,V-Neck T-Shirt - Red,20,woo-vneck-tee,12,1,Color,Red,Size,,Fabric,
77,variation,,V-Neck T-Shirt - Green,20,woo-vneck-tee,0,0,Color,Green,Size,,Fabric,
78,variation,woo-vneck-tee-red-s,V-Neck T-Shirt - Red,15,woo-vneck-tee,4,1,Color,Red,Size,Small,Fabric,
"""


def test_a_variation_of_woocommerce_of_any_value_is_a_variant_for_each():
    (tee,) = entries(ANY, "woocommerce")
    assert tee.item["specifications"] == {"Fabric": "Wool"}
    sold = [
        (one["position"], one["sku"], one["price"]["amount"], one.get("stock"), one["metadata"])
        for one in tee.item["variants"]
    ]
    assert sold == [
        (0, "woo-vneck-tee-red-large", 2000, None, {"sku": "woo-vneck-tee-red"}),
        (1, "woo-vneck-tee-red-medium", 2000, None, {"sku": "woo-vneck-tee-red"}),
        (2, "v-neck-t-shirt-green-large", 2000, 0, {}),
        (3, "v-neck-t-shirt-green-medium", 2000, 0, {}),
        (4, "v-neck-t-shirt-green-small", 2000, 0, {}),
        (5, "woo-vneck-tee-red-s", 1500, 4, {}),
    ]
    assert [one["options"]["Size"] for one in tee.item["variants"]] == [
        *("Large", "Medium", "Large", "Medium", "Small", "Small")
    ]
    assert tee.item["variants"][0]["name"] == "Red, Large"
    assert tee.remarks == [
        Said("sku-renamed", "woo-vneck-tee-red: woo-vneck-tee-red-large"),
        Said("sku-renamed", "woo-vneck-tee-red: woo-vneck-tee-red-medium"),
        Said("variation-of-any", "woo-vneck-tee-red: any Size, 2 variants"),
        Said("stock-shared", "woo-vneck-tee-red: 12"),
        Said("variation-of-any", "V-Neck T-Shirt: any Size, 3 variants"),
    ]


def test_what_a_variation_leaves_open_is_open_whether_it_names_it_or_not():
    values = {"Color": ["Blue", "Red"], "Logo": ["Yes", "No"], "Fabric": ["Wool"]}
    said = [{"Color": "Blue", "Logo": "Yes"}, {"Color": "Red"}, {"Color": "", "Logo": "Yes"}, {"Color": "Blue"}]
    assert [one.options for one in settled(said, values)] == [
        [{"Color": "Blue", "Logo": "Yes"}],
        [{"Color": "Red", "Logo": "Yes"}, {"Color": "Red", "Logo": "No"}],
        [],
        [{"Color": "Blue", "Logo": "No"}],
    ]
    assert [one.open for one in settled(said, values)] == [[], ["Logo"], ["Color"], ["Logo"]]
    # Of what its product has no value is none.
    assert settled([{"Color": "Red", "Size": "S"}, {"Color": "Red"}], {}) == [
        Variation([{"Color": "Red", "Size": "S"}], []),
        Variation([{"Color": "Red"}], []),
    ]


def test_a_variation_of_too_many_values_is_refused():
    values = ", ".join(map(str, range(40)))
    header = "Type,SKU,Name,Regular price,Parent,Attribute 1 name,Attribute 1 value(s),Attribute 2 name,"
    rows = f'variable,T,T,,,A,"{values}",B,"{values}"\nvariation,T-1,T,1,T,A,,B,\n'
    (tee,) = entries(f"{header}Attribute 2 value(s)\n{rows}", "woocommerce")
    ((column, detail),) = tee.faults
    assert (column, detail[:41]) == ("Attribute 1 value(s)", "A product has at most 1000 variants, and ")


def test_woocommerce_writes_names_as_a_page_has_them_and_counts_variations_together():
    read = read_products(io.BytesIO(WOO_ODD.encode()), "csv", "woocommerce", {}, "GBP")
    mill, tee = read.entries
    assert (mill.item["slug"], mill.item["name"]) == ("salt-pepper-s", "Salt & pepper's")
    assert mill.item["category_path"] == ["Home & Garden", "A, B", "3 > 2"]
    assert (mill.item["tags"], mill.item["specifications"]) == (["R&D"], {"Made of": "Oak, oiled, Steel & more"})
    assert mill.item["images"] == [{"url": "https://shop.example.com/b.jpg"}]
    assert mill.remarks == [Said("picture-left-out", "Salt & pepper's: http://shop.example.com/a.jpg")]
    assert [one["options"] for one in tee.item["variants"]] == [{"Size": "S, slim"}, {"Size": "M"}]
    assert [one.get("stock") for one in tee.item["variants"]] == [None, 4]
    assert (list(tee.faults), tee.remarks) == ([], [Said("stock-shared", "Tee")])


WOO_ODD = """\
ID,Type,SKU,Name,Published,Regular price,Categories,Tags,Images,Parent,Stock,Attribute 1 name,Attribute 1 value(s)
1,simple,mill,Salt &amp; pepper&#039;s,1,5,"Home &amp; Garden > A\\, B > 3 &gt; 2",R&amp;D,\
"http://shop.example.com/a.jpg, https://shop.example.com/b.jpg",,,Made of,"Oak\\, oiled, Steel &amp; more"
2,variable,tee,Tee,1,,,,,,9,Size,"S\\, slim, M"
3,variation,tee-s,Tee - S,1,5,,,,tee,parent,Size,"S\\, slim"
4,variation,tee-m,Tee - M,1,5,,,,tee,4,Size,M
"""


def test_what_woocommerce_sells_and_does_not_count_is_told():
    header = "Type,SKU,Name,Regular price,In stock?,Stock,Parent,Attribute 1 name,Attribute 1 value(s)\n"
    rows = "simple,A,A,1,1,,,,\nsimple,B,B,1,1,3,,,\nsimple,C,C,1,0,,,,\nsimple,D,D,1,backorder,,,,\n"
    rows += "simple,E,E,1,backorder,-4,,,\n"
    rows += 'variable,T,T,,1,,,Size,"S, M"\nvariation,T-S,T,1,1,parent,T,Size,S\nvariation,T-M,T,1,1,,T,Size,M\n'
    read = read_products(io.BytesIO((header + rows).encode()), "csv", "woocommerce", {}, "GBP")
    assert read.left_out == []
    assert {one.item["name"]: one.remarks for one in read.entries} == {
        "A": [Said("stock-not-counted", "A")],
        "B": [],
        "C": [],
        "D": [Said("stock-not-counted", "D")],
        "E": [Said("stock-oversold", "E: -4")],
        "T": [Said("stock-shared", "T"), Said("stock-not-counted", "T-M")],
    }


_OF_STOCK = ("Inventory Tracker", "Inventory Qty", "Inventory Policy")


def test_what_another_shop_sells_when_none_is_left_is_told():
    header = "Type,SKU,Name,Regular price,Stock,Backorders allowed?,Parent,Attribute 1 name,Attribute 1 value(s)\n"
    rows = "simple,A,A,1,3,1,,,\nsimple,B,B,1,-1,notify,,,\nsimple,C,C,1,0,0,,,\nsimple,D,D,1,,1,,,\n"
    rows += 'variable,T,T,,9,1,,Size,"S, M"\nvariation,T-S,T,1,parent,notify,T,Size,S\nvariation,T-M,T,1,5,0,T,Size,M\n'
    read = read_products(io.BytesIO((header + rows).encode()), "csv", "woocommerce", {}, "GBP")
    assert read.left_out == []
    assert [one.remarks for one in read.entries] == [
        [Said("backorder-left-out", "A")],
        [Said("stock-oversold", "B: -1"), Said("backorder-left-out", "B")],
        [],
        [],
        [Said("stock-shared", "T"), Said("backorder-left-out", "T-S")],
    ]
    older = "Handle,Title," + ",".join(f"Variant {name}" for name in ("SKU", "Price", *_OF_STOCK))
    newer = "URL handle,Title,SKU,Price,Inventory tracker,Inventory quantity,Continue selling when out of stock"
    for head, yes, no in ((older, "continue", "deny"), (newer, "TRUE", "FALSE")):
        rows = f"a,A,A,1,shopify,3,{yes}\nb,B,B,1,shopify,3,{no}\nc,C,C,1,,0,{yes}\n"
        read = read_products(io.BytesIO(f"{head}\n{rows}".encode()), "csv", "shopify", {}, "GBP")
        assert read.left_out == []
        assert [one.remarks for one in read.entries] == [
            [Said("backorder-left-out", "A")],
            [],
            [Said("stock-not-counted", "C")],
        ]


def test_handles_of_other_alphabets_stay_apart():
    head = "Handle,Title,SEO Title,Variant SKU,Variant Price\n"
    rows = "mug-マグ,A,,A,1\nmug-カップ,B,,B,1\nマグ,C,,C,1\ncafé_mug,D,,D,1\n"
    found = entries(head + rows, "shopify")
    slugs = [one.item["slug"] for one in found]
    assert slugs[3] == "cafe-mug"
    assert len(set(slugs)) == 4
    assert all(re.fullmatch(r"(mug-)?[0-9a-f]{8}", slug) for slug in slugs[:3])
    assert found[0].column_of("seo_title") == "SEO Title"


def test_a_file_of_another_shop_is_no_export_of_this_one():
    missing = "no product export of shopify: it has no column 'Handle', 'Title'.*--column 'Their name=Handle'"
    with pytest.raises(UnreadableFile, match=missing):
        entries("slug,name\nmug,Mug\n", "shopify")
    missing = "no product export of woocommerce: it has no column 'SKU', 'Name', 'Regular price'"
    with pytest.raises(UnreadableFile, match=missing):
        entries(SHOPIFY, "woocommerce")


@pytest.mark.parametrize(
    ("header", "shop", "said"),
    [
        ("Handle,Title,Variant SKU", "shopify", {"Variant SKU": "sku"}),
        ("Handle,Title,Variant Price", "shopify", {"Variant Price": "price"}),
        ("Handle,Title,Description,Product category,SKU,Price", "shopify", {"SKU": "sku"}),
        ("Title,URL handle,Description,SKU", "shopify", {"SKU": "sku"}),
        ("Title,URL handle,Price", "shopify", {"Price": "price"}),
        ("Title,URL handle,Description,Product category,Status", "shopify", {"Title": "name"}),
        ("ID,Type,SKU,Name,Regular price", "woocommerce", {"Regular price": "price"}),
    ],
)
def test_an_export_of_another_shop_is_known_by_its_columns(header, shop, said):
    with pytest.raises(UnreadableFile, match=f"looks like an export of {shop}: .* --from {shop}, or source in the API"):
        entries(f"{header}\n")
    # Who says what its columns mean is believed.
    assert entries(f"{header}\n", **said) == []


GERMAN = {"Typ": "Type", "Artikelnummer": "SKU", "Regulärer Preis": "Regular price", "Kategorien": "Categories"}


def test_an_export_in_another_language_comes_in_by_the_names_of_its_columns():
    text = "Typ,Artikelnummer,Name,Regulärer Preis,Kategorien,Angebotspreis\n"
    rows = 'simple,K-1,Kerze,"4,50",Haus > Licht,\nsimple,K-2,Kerze rot,1.290,,\nsimple,K-2,Docht,1,,\n'
    read = read_products(io.BytesIO((text + rows).encode()), "csv", "woocommerce", GERMAN, "EUR")
    candle, red, wick = read.entries
    assert read.left_out == ["Angebotspreis"]
    assert candle.item["category_path"] == ["Haus", "Licht"]
    assert candle.item["variants"][0]["price"] == {"amount": 450, "currency": "EUR"}
    assert red.faults == [("Regulärer Preis", "'1.290' may be a thousand or a fraction: write 1290, or 1.29")]
    assert wick.column_of("variants[3].sku") == "Artikelnummer"
    with pytest.raises(UnreadableFile, match="Two columns of the file are 'SKU'"):
        entries("Type,SKU,Nr,Name,Regular price\n", "woocommerce", Nr="SKU")
    with pytest.raises(UnreadableFile, match="The file has no column 'Typ'"):
        entries(WOO, "woocommerce", Typ="Type")


def test_what_woocommerce_hides_is_a_draft_and_what_stands_in_several_categories_in_one():
    text = "Type,SKU,Name,Published,Visibility in catalog,Regular price,Categories\n"
    rows = 'simple,A,Lamp,1,hidden,1,"Küche, Haus > Bad, Haus"\nsimple,B,Bulb,1,search,1,Küche\n'
    rows += "simple,C,Cord,0,hidden,1,\n"
    lamp, bulb, cord = entries(text + rows, "woocommerce")
    assert [one.item["status"] for one in (lamp, bulb, cord)] == ["draft", "active", "draft"]
    assert lamp.item["category_path"] == ["Haus", "Bad"]
    assert [one.remarks for one in (lamp, bulb, cord)] == [
        [Said("hidden-as-draft", "Lamp"), Said("category-left-out", "Lamp: Küche")],
        [],
        [],
    ]


def test_measures_of_woocommerce_are_numbers_as_it_writes_them():
    text = (
        'Type,SKU,Name,Regular price,Weight (kg),Length (cm),Width (cm),Height (cm)\nsimple,A,Lamp,1,.5,"24,5",flat,\n'
    )
    (lamp,) = entries(text, "woocommerce")
    assert (lamp.item["variants"][0]["weight"], lamp.item["specifications"]) == (500, {"Length (cm)": 24.5})
    assert lamp.remarks == [Said("measure-left-out", "Lamp: Width (cm) flat")]


@pytest.mark.parametrize(
    ("text", "unit", "grams"),
    [("1.5", "kg", 1500), ("0,29", "kg", 290), ("2", "lbs", 907), ("1", "oz", 28), ("200.4", "g", 200), (".2", "g", 1)],
)
def test_a_weight_is_whole_grams_in_whatever_unit_it_stands(text, unit, grams):
    assert grams_of(text, unit, comma=True) == grams


def test_what_nobody_has_weighed_weighs_nothing_in_other_shops():
    assert [grams_of(text) for text in ("0", "0.0", "-1")] == [None] * 3
    text = "Type,SKU,Name,Regular price,Weight (lbs)\nsimple,A,Lamp,1,heavy\nsimple,B,Anvil,1,1000000\n"
    lamp, anvil = entries(text, "woocommerce")
    assert [one.remarks for one in (lamp, anvil)] == [
        [Said("measure-left-out", "Lamp: heavy lbs")],
        [Said("measure-left-out", "Anvil: 1000000 lbs")],
    ]
    assert not any("weight" in one.item["variants"][0] for one in (lamp, anvil))


def test_skus_of_shopify_stay_apart_and_keep_what_they_were():
    text = (
        "Handle,Title,Variant SKU,Option1 Name,Option1 Value,Variant Price,Gift Card\n"
        "stift,Stift,STIFT-GRÜN,Farbe,Grün,1,false\nstift,,STIFT-GR,,Grau,1,\nstift,,STIFT-Ö,,Öl,1,\n"
        "kir,Кружка,КРУЖКА,,,1,true\nblau,Blau,,Farbe,Синий,1,\n"
    )
    pen, cup, blue = entries(text, "shopify")
    skus = [variant["sku"] for one in (pen, cup, blue) for variant in one.item["variants"]]
    marked = ["STIFT-GRUN-[A-Z2-7]{8}", "STIFT-GR", "STIFT-O-[A-Z2-7]{8}", "[A-Z2-7]{8}", "blau-[A-Z2-7]{8}"]
    assert [re.fullmatch(pattern, sku) is not None for pattern, sku in zip(marked, skus, strict=True)] == [True] * 5
    assert [variant["metadata"].get("sku") for variant in pen.item["variants"]] == ["STIFT-GRÜN", None, "STIFT-Ö"]
    assert pen.remarks == [
        Said("sku-renamed", f"STIFT-GRÜN: {skus[0]}"),
        Said("sku-renamed", f"STIFT-Ö: {skus[2]}"),
    ]
    assert cup.remarks == [Said("sku-renamed", f"КРУЖКА: {skus[3]}"), Said("gift-card-as-goods", "Кружка")]
    assert blue.remarks == []
    assert [pen.column_of(place) for place in ("variants[2].sku", "variants[1].metadata.sku")] == ["Variant SKU"] * 2


def test_a_variant_of_shopify_without_a_price_is_one_and_a_picture_is_none():
    text = "Handle,Title,Variant SKU,Variant Price,Image Src,Status\n"
    rows = "mug,Mug,A,,,active\nmug,,,,https://cdn.example.com/c.jpg,\ncup,Cup,,,,active\njug,Jug,,,,draft\n"
    mug, cup, jug = entries(text + rows, "shopify")
    assert [(one["sku"], "price" in one) for one in mug.item["variants"]] == [("A", False)]
    assert cup.faults == [("Variant Price", "There is no price, and an active product has one.")]
    assert jug.item["variants"] == []


@pytest.mark.parametrize(("theirs", "ours"), [("A 1", "A-1"), (" A / 1", "A-1"), ("A.1_b-", "A.1_b-"), ("", "")])
def test_spaces_and_slashes_in_a_sku_are_hyphens(theirs, ours):
    assert sku_of(theirs) == ours


@given(st.text(max_size=70), st.text(max_size=70))
def test_skus_that_were_two_stay_two(one, other):
    meant = [unicodedata.normalize("NFC", re.sub(r"[\s/]+", "-", text.strip())) for text in (one, other)]
    ours = [sku_of(text) for text in (one, other)]
    assert (meant[0] == meant[1]) == (ours[0] == ours[1])
    for said, sku in zip(meant, ours, strict=True):
        assert re.fullmatch("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", sku) or not said


@pytest.mark.parametrize(
    "values", [["Öl"], ["Al"], ["S+"], ["x" * LONGEST_SKU], ["x" * LONGEST_SKU, "y"], ["Red", "1.5 l"]]
)
def test_a_sku_is_made_of_what_a_variant_differs_in(values):
    made = sku_for("mug", values)
    assert len(made) <= LONGEST_SKU
    assert made != sku_for("mug", [*values[:-1], values[-1].replace("Ö", "O").replace("+", "") + "z"])
    assert sku_for("mug", ["Red", "1.5 l"]) == "mug-red-1-5-l"


def test_what_is_said_often_is_told_once():
    said = [Said("sku-renamed", f"Ö{at}: O{at}") for at in range(MOST_EXAMPLES + 5)]
    before = gathered([], said[:3])
    (once, hidden) = gathered(before, [*said[3:], Said("hidden-as-draft", "x" * 1000)])
    assert once == Remark("sku-renamed", MOST_EXAMPLES + 5, [each.example for each in said[:MOST_EXAMPLES]])
    assert (hidden.count, len(hidden.examples[0])) == (1, 300)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("no markup < here", "no markup < here"),
        ("<p>One</p><p>Two<br>three</p>", "One\n\nTwo\nthree"),
        ("a<script>alert(1)</script>b", "ab"),
        ("<b>Fast</b> &amp; <i>light</i>&nbsp;!", "Fast & light !"),
        ("<ul><li>x<li>y</ul>", "- x\n- y"),
    ],
)
def test_html_becomes_text(html, text):
    assert plain_text(html) == text
