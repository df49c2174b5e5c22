"""The page on one's first goods: its commands are one session in a shell, by an admin."""

from __future__ import annotations

import re
from pathlib import Path

from docs.conftest import Reader
from docs.pages import ROOT, blocks
from journeys.client import Shopper
from media.pictures import jpeg

PAGE = ROOT / "docs" / "first-goods.md"


async def test_the_commands_of_the_page(reader: Reader, admin: Shopper, tmp_path: Path):
    commands = [reader.at_home(block.text) for block in blocks(PAGE, "sh")]
    (tmp_path / "jumper.jpg").write_bytes(jpeg(64, 48))
    reader.run("\n".join(commands), tmp_path)
    product = await admin.ok("GET", "/products/fisherman-jumper")
    assert (product["status"], product["images"][0]["alt"]) == ("active", "A navy jumper")
    german = await admin.ok("GET", "/products/fischerpullover?locale=de")
    assert (german["id"], german["images"][0]["alt"]) == (product["id"], "Ein marineblauer Pullover")
    assert [(one["name"], one["options"]) for one in german["variants"]] == [
        ("mittel", {"Farbe": "Marineblau", "Größe": "M"}),
        ("groß", {"Farbe": "Marineblau", "Größe": "L"}),
    ]
    priced, found = re.findall(r"^ask GET '(.*)'$", "\n".join(commands), re.MULTILINE)
    (price,) = (await admin.ok("GET", priced))["items"]
    assert price["price"] == {"amount": 7500, "currency": "GBP"}
    stock = await admin.ok("GET", "/inventory/JUMPER-M")
    assert (stock["on_hand"], stock["incoming"]) == (12, 0)
    stock = await admin.ok("GET", "/inventory/JUMPER-L")
    assert (stock["on_hand"], stock["incoming"]) == (20, 10)
    for sku in ("JUMPER-M", "JUMPER-L"):
        cart = await admin.ok("POST", "/cart/me/items", {"sku": sku, "quantity": 1}, status=201)
    assert [one["name"] for one in cart["items"]] == ["Fisherman jumper (Navy, M)", "Fisherman jumper (Navy, L)"]
    await admin.ok("DELETE", "/cart/me", status=204)
    answer = await admin.until(found, lambda body: body["items"] and body["items"][0]["price"]["amount"] == 7500)
    assert [card["slug"] for card in answer["items"]] == ["fisherman-jumper"]
    await admin.until(
        "/products?collection=woollens", lambda body: "fisherman-jumper" in [card["slug"] for card in body["items"]]
    )


async def test_what_the_page_says_of_a_product_without_a_status(admin: Shopper):
    variants = [{"sku": "SOCK-1", "price": {"amount": 900, "currency": "GBP"}}]
    sold = await admin.ok("POST", "/products", {"name": "Wool sock", "variants": variants}, status=201)
    shown = await admin.ok("POST", "/products", {"name": "Wool sock of tomorrow"}, status=201)
    assert (sold["status"], shown["status"]) == ("active", "draft")
