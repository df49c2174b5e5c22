"""The page on one's first goods: its requests are sent, in their order, by an admin."""

from __future__ import annotations

import json
from pathlib import Path

from docs.conftest import Reader
from docs.pages import ROOT, blocks
from journeys.client import Shopper
from media.pictures import jpeg

PAGE = ROOT / "docs" / "first-goods.md"


async def test_the_requests_of_the_page(reader: Reader, admin: Shopper, tmp_path: Path):
    (upload,) = blocks(PAGE, "sh")
    (tmp_path / "jumper.jpg").write_bytes(jpeg(64, 48))
    ids = {"FILE_ID": json.loads(reader.run(reader.at_home(upload.text), tmp_path))["id"]}
    answers = {}
    for block in blocks(PAGE, "text"):
        text = block.text
        for placeholder, one in ids.items():
            text = text.replace(placeholder, one)
        request, _, body = text.partition("\n")
        method, path = request.split(" ")
        if method == "GET":
            continue
        answer = await admin.send(method, path, json.loads(body) if body.strip() else None)
        assert answer.status in {200, 201}, f"{request}: {answer.body}"
        answers[request] = answer.body
        if path in {"/transfers", "/receipts"}:
            ids[f"{path.strip('/s').upper()}_ID"] = answer.body["id"]
    product = answers["POST /products"]
    assert (product["slug"], product["images"][0]["alt"]) == ("fisherman-jumper", "A navy jumper")
    german = await admin.ok("GET", "/products/fischerpullover?locale=de")
    assert (german["id"], german["images"][0]["alt"]) == (product["id"], "Ein marineblauer Pullover")
    assert [(one["name"], one["options"]) for one in german["variants"]] == [
        ("mittel", {"Farbe": "Marineblau", "Größe": "M"}),
        ("groß", {"Farbe": "Marineblau", "Größe": "L"}),
    ]
    priced, found = (block.text.split()[1] for block in blocks(PAGE, "text") if block.text.startswith("GET "))
    (price,) = (await admin.ok("GET", priced))["items"]
    assert price["price"] == {"amount": 7500, "currency": "GBP"}
    stock = await admin.ok("GET", "/inventory/JUMPER-M")
    assert (stock["on_hand"], stock["incoming"]) == (12, 0)
    stock = await admin.ok("GET", "/inventory/JUMPER-L")
    assert (stock["on_hand"], stock["incoming"]) == (20, 10)
    answer = await admin.until(found, lambda body: body["items"] and body["items"][0]["price"]["amount"] == 7500)
    assert [card["slug"] for card in answer["items"]] == ["fisherman-jumper"]
    await admin.until(
        "/products?collection=woollens", lambda body: "fisherman-jumper" in [card["slug"] for card in body["items"]]
    )
