"""A file of products comes in, each product standing for itself, and goes out again as it came."""

from __future__ import annotations

import asyncio
import contextvars
import csv
import io
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from counting import Counting
from holding import waits

from stoa.services.catalog import product_imports_repository, run_import, write_products
from stoa.services.catalog.export_products import Wanted, export_page, header_for
from stoa.services.catalog.import_batch import import_batch, read_batch
from stoa.services.catalog.import_errors import ColumnMissing
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.product_files.dialect import lines_of
from stoa.services.catalog.product_files.reading import read_products
from stoa.services.catalog.product_files_rpc import AN_OPERATOR
from stoa.services.catalog.product_imports import forget_imports
from stoa.services.catalog.routes import routes
from stoa.services.catalog.run_import import import_next
from stoa.testing import Rest

from .conftest import ADMIN, CUSTOMER, OTHER_SELLER, SELLER, Shop, pounds


async def bring(shop: Shop, content: str | bytes, query: str = "", user: Any = ADMIN) -> Any:
    """The import when it has ended."""
    raw = content.encode() if isinstance(content, str) else content
    answer = await shop.rest.send("POST", f"/product-imports?{query}", raw=raw, user=user)
    assert answer.status == 202, answer
    assert answer.body["state"] == "waiting"
    assert await import_next(shop.catalog)
    return await shop.rest.ok("GET", f"/product-imports/{answer.body['id']}", user=user)


def counts(done: Any) -> tuple[str, int, int, int, int]:
    return (done["state"], done["created"], done["updated"], done["unchanged"], done["refused"])


async def export(shop: Shop, written_as: str = "csv", user: Any = ADMIN) -> bytes:
    answer = await shop.rest.send("GET", f"/products/export?format={written_as}", user=user)
    assert answer.status == 200, answer
    assert answer.headers["content-disposition"] == f'attachment; filename="products.{written_as}"'
    return answer.body


@pytest.fixture
def few(monkeypatch):
    """Two products in a transaction."""
    monkeypatch.setattr(run_import, "ONE_BATCH", 2)


GERMAN = {
    "name": "=Becher",
    "slug": "becher",
    "description": "Zwei\nZeilen; 'so'",
    "seo": {"title": "Becher", "description": ""},
    "options": {"color": {"name": "Farbe", "values": {"=red": "rot"}}, "size": {"name": None, "values": {"L": "groß"}}},
    "variants": {"M-2": "Der große"},
    "images": {"/media/b.jpg": "Von oben"},
    "specifications": {"Grade": "Güteklasse\n5"},
}


async def translate(shop: Shop, slug: str, said: Any) -> None:
    await shop.rest.ok("PUT", f"/products/{slug}/translations/de", said, user=ADMIN)


ATTRIBUTES: list[Any] = [
    {"name": "weight", "type": "number", "unit": "g"},
    {"name": "made_of", "type": "text"},
    {"name": "washable", "type": "boolean"},
    {"name": "since", "type": "date"},
    {"name": "fits", "type": "multi_select", "choices": [{"value": "hob; gas"}, {"value": "[oven"}]},
]


async def define(shop: Shop, attributes: list[Any]) -> None:
    """What a file does not bring along: what products can say of themselves."""
    for kind, field in (
        ("product", {"name": "origin", "type": "choice", "choices": ["Japan", "Portugal"], "public": True}),
        ("variant", {"name": "grams", "type": "integer"}),
    ):
        await shop.rest.ok("POST", f"/custom-fields/{kind}", field, status=201, user=ADMIN)
    for attribute in attributes:
        await shop.rest.ok("POST", "/attributes", attribute, status=201, user=ADMIN)
    uses = [{"attribute": one["name"]} for one in ATTRIBUTES]
    pans = {"slug": "pans", "name": "Pans", "attributes": uses}
    await shop.rest.ok("POST", "/product-types", pans, status=201, user=ADMIN)


async def fill(shop: Shop) -> None:
    """Products with everything that a product may have."""
    await define(shop, ATTRIBUTES)
    await shop.rest.ok("POST", "/categories", {"slug": "kitchen", "name": "Kitchen > all"}, status=201, user=ADMIN)
    cups = {"slug": "cups", "name": "Cups; & mugs", "parent": "kitchen"}
    await shop.rest.ok("POST", "/categories", cups, status=201, user=ADMIN)
    variants = [
        {
            "sku": "M-2",
            "price": pounds(995),
            "options": {"size": "L", "color": "=red"},
            "custom_fields": {"grams": 350},
            "barcode": "0012345678905",
            "weight": 350,
            "image": "/media/b.jpg",
        },
        {
            "sku": "M-1",
            "barcode": "0012345678905",
            "price": pounds(1),
            "options": {"size": "S; flat", "color": "blue"},
            "metadata": {"erp": "007"},
        },
    ]
    body = {
        "slug": "mug",
        "name": "+Mug",
        "description": 'Two\nlines, "quoted"',
        "brand": "Hearth",
        "category": "cups",
        "tags": ["a;b", "gift"],
        "specifications": {"Volume": 350, "Weight": 0.25, "Dishwasher": True, "Grade": "5", "Empty": ""},
        "images": [{"url": "https://img.example.com/a.jpg", "alt": "-A mug"}, {"url": "/media/b.jpg"}],
        "custom_fields": {"origin": "Japan"},
        "metadata": {"erp": "true"},
        "variants": variants,
    }
    await shop.rest.ok("POST", "/products", body, status=201, user=ADMIN)
    await translate(shop, "mug", GERMAN)
    await shop.rest.ok("POST", "/products", {"slug": "draft", "name": "Draft"}, status=201, user=ADMIN)
    await translate(shop, "draft", {"slug": "entwurf", "description": "", "seo": {}})
    await shop.add("bowl", 300, category="kitchen", specifications={"Volume": -5})
    said = {"weight": 1.5, "made_of": "18", "washable": False, "since": "2020-02-29", "fits": ["[oven", "hob; gas"]}
    await shop.add("pan", 300, product_type="pans", specifications=said)
    await shop.add("gone", 300)
    await shop.rest.ok("DELETE", "/products/gone", status=204, user=ADMIN)


OF_ONE_SHOP = {"id", "version", "created_at", "updated_at", "standing_at"}


def anywhere(said: Any) -> Any:
    """Without what is another in each shop."""
    if isinstance(said, dict):
        return {name: anywhere(value) for name, value in said.items() if name not in OF_ONE_SHOP}
    return [anywhere(one) for one in said] if isinstance(said, list) else said


async def products_in(shop: Shop) -> list[Any]:
    """All that they are, as the API shows them: a file and a file may both have lost the same."""
    slugs = ["bowl", "draft", "mug", "pan"]
    return [anywhere(await shop.rest.ok("GET", f"/products/{slug}", user=ADMIN)) for slug in slugs]


@pytest.mark.parametrize("written_as", ["csv", "jsonl"])
async def test_what_is_exported_changes_nothing_and_fills_an_empty_shop(shop, database, few, written_as):
    await fill(shop)
    announced = await shop.announced()
    content = await export(shop, written_as)
    assert counts(await bring(shop, content, f"format={written_as}")) == ("done", 0, 0, 4, 0)
    assert await shop.announced() == announced
    assert await export(shop, written_as) == content

    catalog = replace(shop.catalog, db=await database("catalog"))
    empty = Shop(catalog, Rest(routes.bind(catalog), catalog.db))
    # There its attributes have other numbers.
    await define(empty, ATTRIBUTES[::-1])
    assert counts(await bring(empty, content, f"format={written_as}")) == ("done", 4, 0, 0, 0)
    assert await export(empty, written_as) == content
    assert await products_in(empty) == await products_in(shop)
    mug, draft = [
        (await empty.rest.ok("GET", f"/products/{slug}/translations", user=ADMIN))["items"][0]
        for slug in ("mug", "draft")
    ]
    # A specification may be called `Care.de`: no column says that it is another's in German.
    of_texts = {} if written_as == "jsonl" else {"specifications": {}}
    assert mug == GERMAN | of_texts | {"locale": "de"}
    assert draft["slug"] == "entwurf"
    if written_as == "jsonl":
        assert (draft["description"], draft["seo"]) == ("", {"title": "", "description": ""})
    (kitchen,) = (await empty.rest.ok("GET", "/categories"))["items"]
    assert (kitchen["name"], kitchen["children"][0]["slug"]) == ("Kitchen > all", "cups")


async def test_what_a_file_that_was_begun_has_no_column_for_is_not_lost(shop):
    await shop.add("mug", 500)
    wanted = Wanted(["active"], None)
    header = await header_for(shop.catalog, "csv", wanted)
    mug = {"metadata": {"erp": "7"}}
    await shop.rest.ok("PATCH", "/products/mug", mug, user=ADMIN)
    with pytest.raises(ColumnMissing) as refused:
        await export_page(shop.catalog, header, wanted, "")
    assert refused.value.detail == "mug has meta.erp since the file was begun: export it again."


async def test_each_stands_for_itself_and_what_is_refused_comes_back_to_be_mended(shop, few):
    await shop.add("mug", 500, tags=["old"], specifications={"Volume": 1, "Glazed": True})
    text = (
        "slug,name,tags,spec.Volume,sku,price,category\n"
        "mug,Enamel mug,new; gift,350,MUG-0,6.00,\n"
        ",,,,MUG-9,7.00,\n"
        "bowl,Bowl,,,BOWL,free,\n"
        "cup,,,,CUP,5.00,\n"
        "jug,Jug,,,MUG-0,5.00,\n"
        "plate,Plate,,,PLATE,,\n"
        "pot,Pot,,,POT,5.00,nowhere\n"
        "pan,Pan,,,PAN,5.00,\n"
    )
    done = await bring(shop, text)
    assert counts(done) == ("done", 1, 1, 0, 5)
    mug = await shop.rest.ok("GET", "/products/mug")
    assert (mug["name"], mug["tags"], mug["specifications"]) == (
        "Enamel mug",
        ["new", "gift"],
        {"Volume": 350, "Glazed": True},
    )
    assert [(one["sku"], one["price"]["amount"]) for one in mug["variants"]] == [("MUG-0", 600), ("MUG-9", 700)]
    refused = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals?limit=3", user=ADMIN)
    more = await shop.rest.ok(
        "GET", f"/product-imports/{done['id']}/refusals?cursor={refused['next_cursor']}", user=ADMIN
    )
    told = [(one["line"], one["problem"]["type"], one["problem"]["field"]) for one in refused["items"] + more["items"]]
    assert told == [
        (4, "/problems/unprocessable", "price"),
        (5, "/problems/unprocessable", "name"),
        (6, "/problems/sku-taken", "sku"),
        (7, "/problems/price-missing", "price"),
        (8, "/problems/unknown-category", "category"),
    ]
    answer = await shop.rest.send("GET", f"/product-imports/{done['id']}/refused", user=ADMIN)
    rows = list(csv.reader(io.StringIO(answer.body.decode())))
    assert rows[0][-3:] == ["error", "error_column", "error_line"]
    assert [row[0] for row in rows[1:]] == ["bowl", "cup", "jug", "plate", "pot"]
    mended = [rows[0], [*rows[1][:5], "3.00", *rows[1][6:]]]
    assert counts(await bring(shop, lines_of(mended))) == ("done", 1, 0, 0, 0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
async def test_what_is_refused_of_a_german_file_is_mended_and_sent_again_until_all_is_in(shop, encoding):
    text = "sep=;\nslug;name;tags;sku;price\nbecher;Bücher;;B-1;7,90\nteller;Teller;;T-1;x\nb;Bücher;;B-1;7,90\n"
    done = await bring(shop, text.encode(encoding))
    assert counts(done) == ("done", 1, 0, 0, 2)
    refused = (await shop.rest.send("GET", f"/product-imports/{done['id']}/refused", user=ADMIN)).body
    told = refused.decode("utf-16" if encoding == "utf-16" else encoding)
    assert told.startswith("sep=;\r\nslug;name;tags;sku;price;error;error_column;error_line\r\nteller;Teller;;T-1;x;")
    assert refused[:2] == text.encode(encoding)[:2]
    done = await bring(shop, told.replace("b;Bücher;;B-1", "b;Bücher;;B-2").encode(encoding))
    assert counts(done) == ("done", 1, 0, 0, 1)
    refused = (await shop.rest.send("GET", f"/product-imports/{done['id']}/refused", user=ADMIN)).body
    told = refused.decode("utf-16" if encoding == "utf-16" else encoding)
    done = await bring(shop, told.replace(";x;", ";1.290,00;").encode(encoding))
    assert counts(done) == ("done", 0, 0, 0, 1)
    assert counts(await bring(shop, told.replace(";x;", ";12,90;").encode(encoding))) == ("done", 1, 0, 0, 0)


async def test_a_spreadsheet_says_what_a_type_asks_for_and_hears_of_all_that_is_wrong_at_once(shop):
    attributes: list[Any] = [
        {"name": "organic", "type": "boolean"},
        {"name": "alcohol", "type": "number"},
        {"name": "picked", "type": "date"},
        {"name": "color", "type": "select", "choices": [{"value": "red", "label": "Red wine"}, {"value": "white"}]},
        {"name": "grapes", "type": "multi_select", "choices": [{"value": "riesling"}, {"value": "pinot"}]},
    ]
    for one in attributes:
        await shop.rest.ok("POST", "/attributes", one, status=201, user=ADMIN)
    uses = [{"attribute": one["name"], "required": one["name"] in {"organic", "picked"}} for one in attributes]
    wine = {"slug": "wine", "name": "Wine", "attributes": uses}
    await shop.rest.ok("POST", "/product-types", wine, status=201, user=ADMIN)
    text = (
        "slug;name;product_type;tags;spec.organic;spec.alcohol;spec.picked;spec.color;spec.grapes;sku;price\n"
        "a;A;wine;red,dry;TRUE;12,5;01.03.2025;Red wine;Riesling, pinot;A;7,90\n"
        f"b;{'x' * 201};wine;;perhaps;strong;;blue;riesling; B;free\n"
        "c;C;wine;;;;;WHITE;pinot;C;8\n"
    )
    done = await bring(shop, text)
    assert counts(done) == ("done", 1, 0, 0, 2)
    made = await shop.rest.ok("GET", "/products/a")
    assert made["tags"] == ["red", "dry"]
    assert {one["name"]: one["value"] for one in made["attributes"]} == {
        "organic": True,
        "alcohol": 12.5,
        "picked": "2025-03-01",
        "color": "red",
        "grapes": ["riesling", "pinot"],
    }
    b, c = [
        one["problem"]
        for one in (await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN))["items"]
    ]
    assert [(one["field"], one["detail"]) for one in b["errors"]] == [
        ("price", "'free' is no price: write it as 19.99, without a sign or marks between thousands"),
        ("name", "It has more than 200 characters."),
        ("spec.organic", "'perhaps' is neither true nor false: write one of these, or yes or no"),
        ("spec.alcohol", "'strong' is no number: write it as 24.5"),
        ("spec.color", "'blue' is none of red, white"),
        ("spec.picked", "An active product of type wine has picked: add what is missing, or make it a draft."),
    ]
    assert (b["type"], b["field"]) == ("/problems/several-wrong", "price")
    assert b["detail"].startswith("price: 'free' is no price")
    assert "; name: It has more than 200 characters; spec.organic: 'perhaps' is" in b["detail"]
    assert b["detail"].endswith("has picked: add what is missing, or make it a draft.")
    assert (c["field"], c["missing"]) == ("spec.organic", ["organic", "picked"])
    refused = (await shop.rest.send("GET", f"/product-imports/{done['id']}/refused", user=ADMIN)).body.decode()
    assert '"price; name; spec.organic; spec.alcohol; spec.color; spec.picked";3\r\n' in refused
    # What comes out goes in again, and is as it was.
    assert counts(await bring(shop, await export(shop))) == ("done", 0, 0, 1, 0)
    assert counts(await bring(shop, text.splitlines()[0] + "\n" + text.splitlines()[1])) == ("done", 0, 0, 1, 0)


async def test_what_a_type_asks_for_is_told_beside_what_else_is_wrong_where_it_is_asked(shop):
    for name in ("net", "organic"):
        attribute = {"name": name, "type": "number" if name == "net" else "boolean"}
        await shop.rest.ok("POST", "/attributes", attribute, status=201, user=ADMIN)
    uses = [{"attribute": "net", "required": True}, {"attribute": "organic"}]
    await shop.rest.ok(
        "POST", "/product-types", {"slug": "food", "name": "F", "attributes": uses}, status=201, user=ADMIN
    )
    text = "slug,name,product_type,status,spec.organic,sku,price\nj,J,food,,,J,x\nk,K,food,draft,,,\n"
    assert counts(await bring(shop, text)) == ("done", 1, 0, 0, 1)
    done = await bring(
        shop,
        "slug,name,product_type,status,spec.organic,sku,price\n"
        "a,A,food,,maybe,A,x\n"
        "k,K,food,draft,maybe,,\n"
        "b,B,food,draft,maybe,B,x\n"
        "k,K,food,active,,K,x\n",
    )
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    told = [[each["field"] for each in one["problem"].get("errors", [one["problem"]])] for one in page["items"]]
    missing = "specifications.net"
    assert told == [["price", "spec.organic", missing], ["spec.organic"], ["price", "spec.organic"], ["price", missing]]
    # What is there already has it, whether it is named by a slug or by a SKU.
    made = "slug,name,product_type,spec.net,sku,price\nd,D,food,5,D,1\n"
    assert counts(await bring(shop, made)) == ("done", 1, 0, 0, 0)
    done = await bring(shop, "sku,product_type,spec.organic,price\nD,food,maybe,x\nE,food,maybe,x\n")
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    told = [[each["field"] for each in one["problem"]["errors"]] for one in page["items"]]
    assert told == [["price", "spec.organic"], ["price", "spec.organic", missing]]
    lines = '{"slug": "c", "name": "C", "product_type": "food", "specifications": {"net": {}}, "variants": 1}\n'
    done = await bring(shop, lines, "format=jsonl")
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    told = [[each["field"] for each in one["problem"]["errors"]] for one in page["items"]]
    assert told == [["variants", "specifications.net"]]


async def test_a_new_product_without_a_slug_gets_one_of_its_name_and_is_found_by_its_sku_again(shop, few):
    await shop.add("mug", 500)
    await translate(shop, "mug", {"name": "Becher", "slug": "becher"})
    text = "name,sku,price\nMug,A,1\nCup,B,2\nCup,C,3\nBecher,D,4\n,E,5\nMug,MUG-0,6\n"
    done = await bring(shop, text)
    assert counts(done) == ("done", 4, 1, 0, 1)
    found = {one["sku"]: one["slug"] for one in [await product_of(shop, sku) for sku in ("A", "B", "C", "D")]}
    assert found["B"] == "cup"
    for sku, words in (("A", "mug"), ("C", "cup"), ("D", "becher")):
        assert re.fullmatch(f"{words}-[0-9a-f]{{8}}", found[sku])
    assert (await shop.rest.ok("GET", "/products/mug"))["price"]["amount"] == 600
    announced = await shop.announced()
    assert counts(await bring(shop, text)) == ("done", 0, 0, 5, 1)
    assert await shop.announced() == announced


async def product_of(shop: Shop, sku: str) -> dict[str, str]:
    row = await shop.db.fetchrow(
        "SELECT sku, slug FROM variants JOIN products ON products.id = product_id WHERE sku = $1", sku
    )
    return dict(row)


async def test_why_many_are_refused_is_told_once(shop):
    text = "slug,name,product_type\n" + "".join(f"w{at},W,wine\n" for at in range(3)) + "x,,\n"
    done = await bring(shop, text)
    assert counts(done) == ("done", 0, 0, 0, 4)
    told = {"There is no product type wine: define it first, with its attributes.": 3}
    assert await product_imports_repository.reasons(shop.catalog.db, done["id"], 5) == told


async def test_what_is_wrong_is_said_in_words_and_what_cannot_be_kept_is_replaced(shop):
    done = await bring(
        shop,
        "slug,name,tags,images,position,sku,price\n"
        "a,Nul\0,,,0,NUL,1\n"
        "b,,,,0,B,1\n"
        f"c,{'x' * 201},,,0,C,1\n"
        f"d,D,{';'.join(map(str, range(51)))},,0,D,1\n"
        "e,E,,ftp://img.example.com/a.jpg,0,E,1\n"
        "f,F,,,-1,F,1\n"
        "G g,G,,,0,G,1\n"
        "h,H,,,0,H h,1\n"
        "i,I,,,1000001,I,1\n",
    )
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    told = [(one["problem"]["field"], one["problem"]["detail"]) for one in page["items"]]
    assert told == [
        ("name", "A text may not contain the NUL character."),
        ("name", "It is empty."),
        ("name", "It has more than 200 characters."),
        ("tags", "It has more than 50 parts."),
        ("images", "Expected https://… with a host's name, or a file of the shop's own: /media/…."),
        ("position", "It is less than 0."),
        ("slug", "Expected small letters and digits, with a hyphen between words."),
        ("sku", "Expected letters, digits, dots, hyphens and underscores, beginning with a letter or digit."),
        ("position", "It is more than 1000000."),
    ]
    answer = await shop.rest.send("GET", f"/product-imports/{done['id']}/refused", user=ADMIN)
    assert "a,Nul\ufffd," in answer.body.decode()


async def test_what_products_are_called_comes_in_and_stays_where_a_file_says_nothing(shop, few):
    for slug in ("mug", "cup", "jug", "pot", "pan"):
        await shop.add(slug, 500)
    await translate(shop, "mug", {"name": "Becher", "slug": "becher", "variants": {"MUG-0": "klein"}})
    announced = len(await shop.announced())
    text = (
        "slug,name.de,slug.de,seo_title.de,name.fr\n"
        "mug,Tasse,tasse,,Tasse\n"
        "cup,Kännchen,,Ein Kännchen,\n"
        f"jug,{'x' * 201},,,\n"
        "mug,Tasse,tasse,,\n"
        "jug,Krug,tasse,,\n"
        "pot,Topf,mug,,\n"
        "pan,Pfanne,search,,\n"
        "tasse,,,,\n"
    )
    tried = await bring(shop, text, "dry_run=true")
    # Of a dry run each batch begins anew: nobody has `tasse` in the second.
    assert (counts(tried), tried["left_out"]) == (("done", 0, 4, 0, 4), ["name.fr"])
    assert len(await shop.announced()) == announced
    done = await bring(shop, text)
    assert counts(done) == ("done", 0, 2, 1, 5)
    refused = (await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN))["items"]
    assert [(one["line"], one["problem"]["type"], one["problem"]["field"]) for one in refused] == [
        (4, "/problems/unprocessable", "name.de"),
        (6, "/problems/slug-taken", "slug.de"),
        (7, "/problems/slug-taken", "slug.de"),
        (8, "/problems/slug-reserved", "slug.de"),
        (9, "/problems/product-unnamed", "name"),
    ]
    (said,) = (await shop.rest.ok("GET", "/products/mug/translations", user=ADMIN))["items"]
    assert (said["name"], said["slug"], said["variants"]) == ("Tasse", "tasse", {"MUG-0": "klein"})
    assert (await shop.rest.send("GET", "/products/becher?locale=de")).headers["location"].endswith("tasse?locale=de")
    assert counts(await bring(shop, "slug,name\nmug,New\n")) == ("done", 0, 1, 0, 0)
    assert (await shop.rest.ok("GET", "/products/tasse?locale=de"))["name"] == "Tasse"
    # Nothing said of anything is no translation.
    assert counts(await bring(shop, "slug,name.de,seo_title.de\ncup,,\n")) == ("done", 0, 1, 0, 0)
    assert (await shop.rest.ok("GET", "/products/cup/translations", user=ADMIN))["items"] == []


async def test_what_is_refused_makes_no_brand(shop):
    text = "slug,name,brand,sku,price\ncup,Cup,Acme,CUP,1\njug,,Lost,JUG,1\npot,Pot,Gone,CUP,1\n"
    assert counts(await bring(shop, text)) == ("done", 1, 0, 0, 2)
    assert [one["name"] for one in (await shop.rest.ok("GET", "/brands"))["items"]] == ["Acme"]


async def test_what_is_refused_makes_no_category(shop):
    ways = {"P-1": "F", "P-2": "A > C"}
    refused = {"a": "A > B", "b": "D", "c": "D > E", "d": "G"}
    lines = [f"{sku.lower()},P,{sku},1,{way}\n" for sku, way in ways.items()]
    lines += [f"{slug},P,P-1,1,{way}\n" for slug, way in refused.items()] + ["nameless,,N,1,H\n"]
    done = await bring(shop, "slug,name,sku,price,category_path\n" + "".join(lines))
    assert counts(done) == ("done", 2, 0, 0, 5)
    tree = (await shop.rest.ok("GET", "/categories"))["items"]
    assert [(one["name"], [child["name"] for child in one["children"]]) for one in tree] == [("A", ["C"]), ("F", [])]
    told = await shop.db.fetch("SELECT subject FROM event_log WHERE type = 'category.created'")
    assert len(told) == await shop.db.fetchval("SELECT count(*) FROM staff_acts WHERE act = 'category.added'") == 3


async def test_what_is_refused_takes_no_slug_of_a_category(shop):
    await shop.add("mug", 500)
    text = (
        "slug,name,sku,price,category_path\n"
        "a,A,MUG-0,1,Men > Shirts\nb,B,B,1,Women > Shirts\nc,C,C,1,Men > Shirts\nd,D,MUG-0,1,Men > Shirts > Linen\n"
    )
    assert counts(await bring(shop, text)) == ("done", 2, 0, 0, 2)
    tree = (await shop.rest.ok("GET", "/categories"))["items"]
    shelves = {one["slug"]: [(each["slug"], each["children"]) for each in one["children"]] for one in tree}
    assert shelves == {"men": [("men-shirts", [])], "women": [("shirts", [])]}
    assert (await shop.rest.ok("GET", "/products/c"))["category"]["slug"] == "men-shirts"


async def test_a_line_without_a_category_leaves_it_alone_whatever_stands_beside_it(shop):
    await shop.rest.ok("POST", "/categories", {"slug": "mugs", "name": "Mugs"}, status=201, user=ADMIN)
    await shop.add("mug", 500, category="mugs")
    lines = '{"slug": "mug", "name": "Enamel mug"}\n{"slug": "cup", "name": "Cup", "category_path": ["Cups"]}\n'
    assert counts(await bring(shop, lines, "format=jsonl")) == ("done", 1, 1, 0, 0)
    assert (await shop.rest.ok("GET", "/products/mug"))["category"]["slug"] == "mugs"


async def test_skus_in_other_letters_are_found_again_and_told_once(shop):
    text = (
        "Handle,Title,Variant SKU,Option1 Name,Option1 Value,Variant Price,Status\n"
        "kerze,Kerze,KERZE-Ö,Farbe,Öl,1,active\nkerze,,KERZE-Ä,,Ähre,2,\nkerze,,KERZE-O,,O,3,\n"
        "lampe,Lampe,L/1,,,1,active\nlicht,Licht,L 1,,,1,active\n"
        "laterne,Laterne,L-2,Art,A,1,active\nlaterne,,L 2,,B,1,\n"
        "leuchte,Leuchte,X-Ü,,,,active\n"
    )
    done = await bring(shop, text, "source=shopify")
    assert counts(done) == ("done", 2, 0, 0, 3)
    candle = await shop.rest.ok("GET", "/products/kerze")
    skus = {one["sku"].rpartition("-")[0]: one["price"]["amount"] for one in candle["variants"]}
    assert sorted(skus.values()) == [100, 200, 300]
    (remark,) = done["remarks"]
    assert (remark["what"], remark["count"]) == ("sku-renamed", 3)
    assert [each.partition(":")[0] for each in remark["examples"]] == ["KERZE-Ö", "KERZE-Ä", "L/1"]
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    told = [(one["problem"]["field"], one["problem"]["detail"]) for one in page["items"]]
    assert told[:2] == [
        ("Variant SKU", "Taken already: L-1. L-1 is what 'L 1' of the file is called here."),
        ("Variant SKU", "The SKU L-2 stands more than once. L-2 is what 'L 2' of the file is called here."),
    ]
    assert told[2][0] == "Variant Price"
    assert re.fullmatch(
        r"No product has (X-U-\w+) yet, so it needs a price\. \1 is what 'X-Ü' of .* here\.", told[2][1]
    )
    again = await bring(shop, text, "source=shopify")
    assert counts(again) == ("done", 0, 0, 2, 3)
    assert again["remarks"] == done["remarks"]


async def test_a_list_of_prices_names_skus_alone_and_changes_each_product_once(shop):
    await shop.add("mug", 500, 600)
    await shop.add("cup", 500)
    done = await bring(shop, "sku,price\nMUG-0,4.50\nCUP-0,5.00\nMUG-1,5.50\nNONE,1\n")
    assert counts(done) == ("done", 0, 2, 1, 1)
    (none,) = (await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN))["items"]
    assert (none["line"], none["problem"]["type"], none["problem"]["field"], none["problem"]["detail"]) == (
        *(5, "/problems/no-product-of-sku", "sku"),
        "No product has the SKU NONE: a new product needs a name.",
    )
    mug = await shop.rest.ok("GET", "/products/mug")
    assert ([one["price"]["amount"] for one in mug["variants"]], mug["version"]) == ([450, 550], 2)


async def test_a_line_that_names_no_product_is_told_by_what_one_is_named(shop):
    done = await bring(shop, "slug,name,sku,price\n,Mug,,1\n")
    (none,) = (await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN))["items"]
    assert (none["problem"]["type"], none["problem"]["field"], none["problem"]["detail"]) == (
        *("/problems/product-unnamed", "slug"),
        "There is neither slug nor sku: a product is found by its slug or sku, and added with a name.",
    )
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": [{"name": "Mug"}]}, user=ADMIN)
    (item,) = answer["items"]
    assert item["problem"]["detail"] == (
        "There is neither id nor slug: a product is found by its id or slug, and added with a name."
    )


async def refused_of(shop: Shop, done: Any) -> list[tuple[int, str | None, str]]:
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    return [(one["line"], one["problem"]["field"], one["problem"]["detail"]) for one in page["items"]]


@pytest.mark.parametrize("between", [0, 1, 5])
async def test_a_sku_that_stands_twice_is_told_at_any_distance(shop, few, between):
    others = "".join(f"O{at},Other,1\n" for at in range(between))
    text = f"sku,name,price\nA,Mug,5\n{others}A,Cup,7\nB,Jug,x\nB,Jug,1\n"
    for outcome in ((1 + between, 0, 0, 3), (0, 0, 1 + between, 3)):
        done = await bring(shop, text)
        assert counts(done) == ("done", *outcome)
        again, _, lost = await refused_of(shop, done)
        assert again == (3 + between, "sku", "Line 2 has the SKU A already: one of them is wrong.")
        assert lost == (5 + between, "sku", f"Line {4 + between} has the SKU B already: one of them is wrong.")
    assert (await shop.rest.ok("GET", "/products/mug"))["price"]["amount"] == 500
    done = await bring(shop, f"sku,price\nA,6\n{others.replace(',Other', '')}A,7\n", "dry_run=true")
    assert counts(done) == ("done", 0, 1, between, 1)
    lines = ['{"variants": [{"sku": "A", "price": {"amount": 6, "currency": "GBP"}}]}'] * 2
    done = await bring(shop, "\n".join(lines), "format=jsonl")
    assert await refused_of(shop, done) == [
        (2, "variants[0].sku", "Line 1 has the SKU A already: one of them is wrong.")
    ]


async def test_a_sku_that_stands_twice_is_told_where_the_file_was_cut_short(shop, few, monkeypatch):
    answer = await shop.rest.send("POST", "/product-imports", raw=b"sku,name,price\nA,A,1\nB,B,2\nA,A,3\n", user=ADMIN)
    write, times = write_products.write_plans, 0

    async def die_at_the_second(tx, catalog, plans):
        nonlocal times
        times += 1
        if times == 2:
            raise asyncio.CancelledError
        return await write(tx, catalog, plans)

    monkeypatch.setattr("stoa.services.catalog.import_batch.write_plans", die_at_the_second)
    with pytest.raises(asyncio.CancelledError):
        await import_next(shop.catalog)
    assert await import_next(shop.catalog)
    done = await shop.rest.ok("GET", f"/product-imports/{answer.body['id']}", user=ADMIN)
    assert (counts(done), (await refused_of(shop, done))[0][0]) == (("done", 2, 0, 0, 1), 4)


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(shop, few):
    await shop.add("mug", 500)
    text = "slug,name,sku,price,category_path\nmug,Mug,MUG-0,6,\ncup,Cup,CUP,1,A > B\njug,,JUG,1,\n"
    done = await bring(shop, text, "dry_run=true")
    assert counts(done) == ("done", 1, 1, 0, 1)
    assert await shop.slugs("") == ["mug"]
    assert (await shop.rest.ok("GET", "/categories"))["items"] == []
    assert len(await shop.announced()) == 1
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    assert [one["line"] for one in page["items"]] == [4]


async def test_ways_to_categories_are_made_once_and_a_name_may_stand_in_two_places(shop, few):
    ways = ["Men > Shirts", "Women > Shirts", "men > shirts", "Café", "Search", "家"]
    text = "slug,name,category_path\n" + "".join(f"{slug},P,{way}\n" for slug, way in zip("abcdef", ways, strict=True))
    assert counts(await bring(shop, text)) == ("done", 6, 0, 0, 0)
    found = {}
    for slug in "abcdef":
        product = await shop.rest.ok("GET", f"/products/{slug}", user=ADMIN)
        found[slug] = product["category"]["slug"]
    assert found["a"] == found["c"] == "shirts"
    assert found["b"] == "women-shirts"
    assert found["d"] == "cafe"
    # A path of the shop's own is nobody's slug, and a name without a Latin letter has none of its own.
    assert found["e"].startswith("search-")
    assert found["f"].startswith("category-")
    assert len((await shop.rest.ok("GET", "/categories"))["items"]) == 5


async def test_a_seller_brings_only_what_is_his_own_and_makes_no_category(shop):
    await shop.add("theirs", 500, user=OTHER_SELLER)
    text = "slug,name,sku,price,category_path\nown,Mine,MINE,1,\ntheirs,Mine,THEIRS-0,1,\nnew,New,NEW,1,Shelf\n"
    done = await bring(shop, text, user=SELLER)
    assert counts(done) == ("done", 1, 0, 0, 2)
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=SELLER)
    assert [one["problem"]["type"] for one in page["items"]] == [
        "/problems/not-your-product",
        "/problems/unknown-category",
    ]
    rows = list(csv.reader(io.StringIO((await export(shop, user=SELLER)).decode())))
    assert [row[0] for row in rows[1:]] == ["own"]
    for user, status in ((OTHER_SELLER, 404), (ADMIN, 200), (CUSTOMER, 403)):
        answer = await shop.rest.send("GET", f"/product-imports/{done['id']}", user=user)
        assert answer.status == status
    assert (await shop.rest.ok("GET", "/product-imports", user=OTHER_SELLER))["items"] == []
    assert [one["id"] for one in (await shop.rest.ok("GET", "/product-imports", user=ADMIN))["items"]] == [done["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [("format=xls", "format"), ("source=magento", "source"), ("columns=[1]", "columns"), ("columns={", "columns")],
)
async def test_what_is_no_question_is_refused(shop, query, field):
    answer = await shop.rest.send("POST", f"/product-imports?{query}", raw=b"slug\nmug\n", user=ADMIN)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert (await shop.rest.ok("GET", "/product-imports", user=ADMIN))["items"] == []


async def test_a_file_that_cannot_be_read_fails_and_what_was_read_stays(shop, few):
    text = "slug,name\na,A\nb,B\nc,C\n" + 'd,"D\n'
    done = await bring(shop, text)
    assert done["state"] == "failed"
    assert done["failure"].startswith("The row that begins in line 5 cannot be read")
    assert (done["created"], await shop.db.fetchval("SELECT count(*) FROM product_import_pieces")) == (2, 0)
    assert (await bring(shop, "name\nMug\n"))["failure"].startswith("No column slug or sku says")


async def test_what_is_cut_short_goes_on_where_it_was_noted(shop, few, monkeypatch):
    text = "slug,name\n" + "".join(f"p{at},P{at}\n" for at in range(6))
    answer = await shop.rest.send("POST", "/product-imports", raw=text.encode(), user=ADMIN)
    write, times = write_products.write_plans, 0

    async def die_at_the_second(tx, catalog, plans):
        nonlocal times
        times += 1
        if times == 2:
            await write(tx, catalog, plans)
            raise asyncio.CancelledError
        return await write(tx, catalog, plans)

    monkeypatch.setattr("stoa.services.catalog.import_batch.write_plans", die_at_the_second)
    with pytest.raises(asyncio.CancelledError):
        await import_next(shop.catalog)
    half = await shop.rest.ok("GET", f"/product-imports/{answer.body['id']}", user=ADMIN)
    assert counts(half) == ("running", 2, 0, 0, 0)
    assert await import_next(shop.catalog)
    whole = await shop.rest.ok("GET", f"/product-imports/{answer.body['id']}", user=ADMIN)
    assert counts(whole) == ("done", 6, 0, 0, 0)
    assert sorted(await shop.announced()) == [("product.created", f"p{at}", 1, []) for at in range(6)]


async def brought(shop: Shop, *slugs: str, text: str = "") -> str:
    """The id of an import that waits."""
    text = text or "slug,name\n" + "".join(f"{slug},P\n" for slug in slugs)
    answer = await shop.rest.send("POST", "/product-imports", raw=text.encode(), user=ADMIN)
    return answer.body["id"]


async def when_due(shop: Shop) -> bool:
    """What was left is taken up again."""
    await shop.db.execute("UPDATE product_imports SET due_at = now()")
    return await import_next(shop.catalog)


async def test_small_files_do_not_wait_for_a_pause_between_them(shop):
    for at in range(3):
        await brought(shop, f"p{at}")
    (job,) = [one for one in jobs(shop.catalog) if one.name == "import-products"]
    assert await job.run() is None
    assert await shop.db.fetchval("SELECT count(*) FROM products") == 3


async def test_what_cannot_be_done_is_given_up_in_the_end_and_holds_nobody_up(shop, few):
    await shop.db.execute("ALTER TABLE products ADD CONSTRAINT ours CHECK (slug <> 'p4')")
    lost, behind = await brought(shop, *(f"p{at}" for at in range(8))), await brought(shop, "q")
    # What it did before counts for it: it is due at once, and then after a while.
    assert await import_next(shop.catalog)
    taken_up = await shop.db.fetchval("SELECT now()")
    assert await import_next(shop.catalog)
    due_at = await shop.db.fetchval("SELECT due_at FROM product_imports WHERE id = $1", lost)
    assert due_at >= taken_up + timedelta(seconds=1)
    await shop.db.execute("UPDATE product_imports SET due_at = now() + interval '1 hour' WHERE id = $1", lost)
    half = await shop.rest.ok("GET", f"/product-imports/{lost}", user=ADMIN)
    assert (counts(half), half["failure"]) == (("running", 4, 0, 0, 0), None)
    assert await import_next(shop.catalog)
    assert not await import_next(shop.catalog)
    other = await shop.rest.ok("GET", f"/product-imports/{behind}", user=ADMIN)
    assert counts(other) == ("done", 1, 0, 0, 0)
    for _ in range(1, run_import.MOST_ATTEMPTS):
        assert await when_due(shop)
    assert not await when_due(shop)
    done = await shop.rest.ok("GET", f"/product-imports/{lost}", user=ADMIN)
    assert counts(done) == ("failed", 4, 0, 0, 0)
    assert done["failure"] == (
        "It was given up after 8 tries, at the product in line 6: an error of the shop's own, which its log tells. "
        "What was done before stays."
    )


async def test_the_last_try_goes_product_by_product(shop):
    await shop.db.execute("ALTER TABLE products ADD CONSTRAINT ours CHECK (slug <> 'p4')")
    lost = await brought(shop, *(f"p{at}" for at in range(8)))
    for _ in range(run_import.MOST_ATTEMPTS):
        assert (await shop.rest.ok("GET", f"/product-imports/{lost}", user=ADMIN))["created"] == 0
        assert await when_due(shop)
    half = await shop.rest.ok("GET", f"/product-imports/{lost}", user=ADMIN)
    assert counts(half) == ("running", 4, 0, 0, 0)
    await shop.db.execute("ALTER TABLE products DROP CONSTRAINT ours")
    assert await when_due(shop)
    done = await shop.rest.ok("GET", f"/product-imports/{lost}", user=ADMIN)
    assert counts(done) == ("done", 8, 0, 0, 0)


async def test_what_kills_whoever_works_on_it_is_given_up_too(shop):
    lost = await brought(shop, "p")
    holder = await asyncpg.connect(shop.db.dsn)
    for _ in range(run_import.MOST_ATTEMPTS):
        async with holder.transaction():
            await holder.execute("LOCK TABLE products")
            dying = asyncio.create_task(when_due(shop))
            await waits(shop.db, "products")
            dying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dying
    await holder.close()
    assert await when_due(shop)
    done = await shop.rest.ok("GET", f"/product-imports/{lost}", user=ADMIN)
    assert counts(done) == ("failed", 0, 0, 0, 0)
    assert done["failure"].startswith(
        "It was given up after 8 tries, behind the first 0 products: what worked on it died"
    )


async def test_one_at_a_time_works_on_a_file_and_two_files_meet_in_peace(shop, few):
    mine = "slug,name,sku,price\n" + "".join(f"p{at},P{at},S{at},1\n" for at in range(8))
    theirs = "slug,name,sku,price\n" + "".join(f"p{at},P{at},S{at},2\n" for at in reversed(range(8)))
    ids = []
    for text in (mine, theirs):
        answer = await shop.rest.send("POST", "/product-imports", raw=text.encode(), user=ADMIN)
        ids.append(answer.body["id"])
    worked = await asyncio.gather(*(import_next(shop.catalog) for _ in range(4)))
    assert sum(worked) >= 2
    done = [await shop.rest.ok("GET", f"/product-imports/{one}", user=ADMIN) for one in ids]
    assert [counts(one)[0] for one in done] == ["done", "done"]
    assert sum(one["created"] for one in done) == 8
    assert sum(one["created"] + one["updated"] + one["unchanged"] for one in done) == 16
    assert [one["refused"] for one in done] == [0, 0]


async def test_what_is_called_off_stops_and_what_it_did_stays(shop, few, monkeypatch):
    text = "slug,name\n" + "".join(f"p{at},P{at}\n" for at in range(6))
    answer = await shop.rest.send("POST", "/product-imports", raw=text.encode(), user=ADMIN)
    path = f"/product-imports/{answer.body['id']}"
    batch, times = run_import.import_batch, 0

    async def call_off_after_the_first(tx, catalog, read, by):
        nonlocal times
        times += 1
        if times == 2:
            # By somebody else: nothing of this task's goes along.
            off = shop.rest.ok("DELETE", path, status=204, user=ADMIN)
            await asyncio.create_task(off, context=contextvars.Context())
        return await batch(tx, catalog, read, by)

    monkeypatch.setattr(run_import, "import_batch", call_off_after_the_first)
    assert await import_next(shop.catalog)
    done = await shop.rest.ok("GET", path, user=ADMIN)
    assert (counts(done), sorted(await shop.slugs("status=draft", ADMIN))) == (("canceled", 2, 0, 0, 0), ["p0", "p1"])
    again = await shop.rest.send("DELETE", path, user=ADMIN)
    assert (again.status, again.problem) == (409, "import-ended")
    assert not await import_next(shop.catalog)


async def test_what_ended_is_forgotten_in_time_and_so_is_what_never_came_whole(shop):
    done = await bring(shop, "slug,name\na,\n")
    assert done["refused"] == 1
    await forget_imports(shop.catalog)
    assert await shop.db.fetchval("SELECT count(*) FROM product_imports") == 1
    old = "01800000-0000-7000-8000-00000000000{}"
    for at, (state, ended) in enumerate((("done", "now()"), ("uploading", "NULL"), ("waiting", "NULL"))):
        await shop.db.execute(
            "INSERT INTO product_imports (id, state, file_name, format, source, dry_run, user_id, principal, ended_at) "
            f"VALUES ($1, $2, '', 'csv', 'stoa', false, 'x', '{{}}', {ended})",
            old.format(at),
            state,
        )
    await forget_imports(shop.catalog)
    rows = await shop.db.fetch("SELECT state FROM product_imports ORDER BY id")
    assert [row["state"] for row in rows] == ["waiting", "done"]


@pytest.mark.parametrize(("said", "most"), [(False, 14), (True, 21)])
async def test_a_batch_takes_as_many_statements_whatever_its_size(shop, said, most):
    counting = Counting(shop.db)
    catalog = replace(shop.catalog, db=counting)
    taken = []
    for many in (1, 20, 100):
        lines = (f"s{many}-{at},S,S{many}-{at},1,Shelf{f',N,n{many}-{at}' * said}\n" for at in range(many))
        text = f"slug,name,sku,price,category_path{',name.de,slug.de' * said}\n" + "".join(lines)
        entries = list(read_products(io.BytesIO(text.encode()), "csv", "stoa", {}, "GBP", locales=["de"]).entries)
        batch = await read_batch(catalog, entries)
        await counting.taken()
        async with counting.transaction() as tx:
            imported = await import_batch(tx, catalog, batch, AN_OPERATOR)
        assert {one.outcome for one in imported} == {"created"}
        taken.append(len(await counting.taken()))
    await counting.close()
    # The shelf is made with the first.
    assert taken[1] == taken[2] <= most
