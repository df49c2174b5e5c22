"""The README, done: its first order, its commands, its real retailer."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from docs.conftest import Reader
from docs.pages import ROOT, Block, blocks
from journeys.client import Shopper

README = ROOT / "README.md"


def documents(text: str) -> list[Any]:
    """The JSON documents that stand one after the other in what a script printed."""
    decoder, found = json.JSONDecoder(), []
    text = text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


async def test_the_first_order(reader: Reader, admin: Shopper):
    (script,) = blocks(README, "sh")
    cart, order = documents(reader.run(reader.at_home(script.text)))
    (line,) = cart["items"]
    assert line["quantity"] == 1
    assert (order["status"], order["payment_status"]) == ("confirmed", "paid")
    assert [item["sku"] for item in order["items"]] == [line["sku"]]
    parts = {part: order[part]["amount"] for part in ("subtotal", "discount", "shipping", "tax", "total")}
    assert parts["subtotal"] == line["unit_price"]["amount"]
    assert parts["total"] == parts["subtotal"] - parts["discount"] + parts["shipping"] + parts["tax"]
    seen = await admin.ok("GET", f"/orders/{order['id']}")
    assert (seen["status"], seen["number"]) == ("confirmed", order["number"])
    mails = await admin.until(f"/notifications?order_id={order['id']}", lambda body: len(body["items"]) == 1)
    assert mails["items"][0]["recipient"] == "ada@example.com"


async def test_the_addresses(visitor: Shopper, reader: Reader):
    shown = [line.split("|")[1].strip(" <>") for line in README.read_text().splitlines() if line.startswith("| <http")]
    assert len(shown) == 5
    for address in shown:
        async with visitor.session.get(reader.at_home(address)) as answer:
            assert answer.status == 200, address


def sales_history(file: Path) -> None:
    """Three customers' invoices and a guest's, a credit note, and lines that are no goods."""
    columns = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
    lines = [
        ("536365", "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 6, 2.55, 17850, "United Kingdom"),
        ("536365", "71053", "WHITE METAL LANTERN", 2, 3.39, 17850, "United Kingdom"),
        ("536366", "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", 1, 2.95, 13047, "EIRE"),
        ("536367", "71053", "WHITE METAL LANTERN", 4, 3.39, None, "United Kingdom"),
        ("536367", "POST", "POSTAGE", 1, 18.00, None, "United Kingdom"),
        ("536368", "71053", "damaged", -3, 0.0, None, "United Kingdom"),
        ("C536379", "85123A", "WHITE HANGING HEART T-LIGHT HOLDER", -2, 2.55, 17850, "United Kingdom"),
    ]
    at = datetime(2010, 12, 1, 8, 26)  # noqa: DTZ001 - the file has local time without a zone
    rows = [
        (invoice, code, text, number, at, price, who, land) for invoice, code, text, number, price, who, land in lines
    ]
    table = {name: [row[place] for row in rows] for place, name in enumerate(columns)}
    pyarrow.parquet.write_table(pyarrow.table(table), file)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("history") / "online_retail.parquet"
    sales_history(file)
    return file


def test_a_real_retailer(reader: Reader, history: Path):
    retailer = next(block for block in blocks(README, "console") if "import online-retail" in block.text)
    imported, replayed, audited = (reader.run(reader.at_home(line, FILE=str(history))) for line in retailer.commands)
    assert _lines(imported, "Products") == ["Products 2 added, 0 were there"]
    assert _lines(imported, "Customers") == ["Customers 2 added, 0 were there"]
    assert "1 lines left out: not goods (POST, …)" in imported
    assert _lines(replayed, "Orders")[0].startswith("Orders 3 of 3 invoices in ")
    assert _lines(replayed, "Returns") == ["Returns 1 orders sent back in part or whole"]
    assert "Failed" not in replayed
    assert replayed.rstrip().endswith("All 9 invariants hold.")
    assert audited.rstrip().endswith("All 9 invariants hold.")


def test_your_own_goods(reader: Reader, tmp_path: Path):
    file = tmp_path / "goods.csv"
    file.write_text("Handle,Title,Variant SKU,Variant Price\nreadme-mug,Mug,README-MUG,9.95\n")
    own = tmp_path / "own.csv"
    own.write_text("slug,name,sku,price\nreadme-cup,Cup,README-CUP,4.50\n")
    rehearsed, imported, exported = (
        reader.run(reader.at_home(line, FILE=str(each)))
        for line, each in zip(_goods().commands, (own, file, tmp_path / "all.jsonl"), strict=True)
    )
    assert "1 would be added" in rehearsed
    assert "1 added" in imported
    assert str(tmp_path / "all.jsonl") in exported
    assert "readme-mug" in (tmp_path / "all.jsonl").read_text()


def _lines(text: str, start: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.split()[:1] == [start]]


def test_the_doctor_finds_a_running_shop_healthy(reader: Reader):
    found = reader.run([sys.executable, "-m", "stoa.cli.main", "doctor"])
    assert "mend" not in found
    assert "PostgreSQL 18" in found


def test_every_command_of_the_readme_is_tried_or_starts_the_environment():
    """What is not run here must be a `make` line, which test_commands looks at."""
    shown = [line for block in blocks(README, "console") for line in block.commands]
    tried = [line for block in (_goods(), _retailer()) for line in block.commands]
    assert {shlex.split(line)[0] for line in shown if line not in tried} == {"make"}


def _goods() -> Block:
    return next(block for block in blocks(README, "console") if "import products" in block.text)


def _retailer() -> Block:
    return next(block for block in blocks(README, "console") if "import online-retail" in block.text)
