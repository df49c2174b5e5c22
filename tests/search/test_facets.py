"""The facets that a storefront is shown without asking for them by name, and what they are called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from search.conftest import ADMIN, Town, town_of

from stoa.services.search.routes import routes
from stoa.services.search.service import Search
from stoa.testing import Rest


class Shop(Town):
    one: Search
    rest: Rest

    async def facets(self, query: str = "") -> dict[str, dict[str, Any]]:
        answer = await self.rest.ok("GET", f"/search?{query}")
        return {one["key"]: one for one in answer["facets"]["attributes"]}

    async def total(self, query: str) -> int:
        return int((await self.rest.ok("GET", f"/search?{query}"))["total"])


def pairs(facet: dict[str, Any]) -> list[tuple[Any, int]]:
    return [(one["value"], one["count"]) for one in facet["values"]]


def named(facet: dict[str, Any]) -> list[tuple[Any, str]]:
    return [(one["value"], one["name"]) for one in facet["values"]]


def shirt(sku: str, **options: str) -> dict[str, Any]:
    return {"sku": sku, "options": options, "price": {"amount": 900, "currency": "GBP"}}


ATTRIBUTES = (
    {
        "name": "cloth",
        "type": "select",
        "label": "Cloth",
        "filterable": True,
        "choices": [{"value": "wool", "label": "Wool"}, {"value": "linen"}],
    },
    {"name": "weight", "type": "number", "label": "Weight", "unit": "g", "filterable": True},
    {"name": "bottled", "type": "date", "filterable": True},
    {
        "name": "dye",
        "type": "color",
        "filterable": True,
        "choices": [{"value": "indigo", "label": "Indigo", "hex": "#3f51b5"}],
    },
    {"name": "mill", "type": "text"},
)


@pytest.fixture
async def shop(database, tmp_path) -> AsyncIterator[Shop]:
    """Shirts: of 25 weights, half of them of wool."""
    async with town_of(database, tmp_path, Shop) as town:
        town.one = town.process("one")
        town.rest = Rest(routes.bind(town.one), town.db)
        for one in ATTRIBUTES:
            await town.catalog.ok("POST", "/attributes", one, status=201, user=ADMIN)
        asked = [{"attribute": one["name"]} for one in ATTRIBUTES]
        shirts = {"slug": "shirts", "name": "Shirts", "attributes": asked}
        await town.catalog.ok("POST", "/product-types", shirts, status=201, user=ADMIN)
        for at in range(25):
            said: dict[str, Any] = {"weight": 100 + at, "mill": f"Mill {at % 2}"}
            said |= {"cloth": "wool", "dye": "indigo"} if at % 2 else {"cloth": "linen"}
            said |= {"bottled": f"2025-03-{at + 1:02}"} if at < 3 else {}
            variants = [shirt(f"S-{at}-{size}", Color="White", Size=size) for size in ("M", "L")[: 1 + at % 2]]
            added = await town.sell(f"Shirt {at}", variants=variants, product_type="shirts", specifications=said)
            if at == 0:
                german = {"options": {"Color": {"name": "Farbe", "values": {"White": "Weiß"}}}}
                path = f"/products/{added['id']}/translations/de"
                await town.catalog.ok("PUT", path, german, user=ADMIN)
        await town.learn(town.one)
        yield town


async def test_options_and_filterable_attributes_are_counted_without_being_named(shop: Shop) -> None:
    facets = await shop.facets()
    # What all hits have the same of comes last.
    assert list(facets) == ["Size", "cloth", "weight", "dye", "bottled", "Color"]
    assert pairs(facets["Size"]) == [("M", 25), ("L", 12)]
    assert pairs(facets["cloth"]) == [("linen", 13), ("wool", 12)]
    assert pairs(facets["Color"]) == [("White", 25)]
    assert facets == await shop.facets("facets=attributes")
    assert (await shop.facets("facets=brand,price"), await shop.facets("facets=none")) == ({}, {})
    # Fewer hits are counted in another way.
    assert pairs((await shop.facets("q=%22shirt+3%22"))["Size"]) == [("L", 1), ("M", 1)]
    # The counts of a facet leave out its own filter.
    filtered = await shop.facets("attr.cloth=wool&limit=1")
    assert (pairs(filtered["cloth"]), pairs(filtered["Size"])) == (
        [("linen", 13), ("wool", 12)],
        [("L", 12), ("M", 12)],
    )


async def test_filters_hold_for_one_variant_that_can_be_bought(shop: Shop) -> None:
    variants = [shirt("T-1", Color="Red", Size="XL"), shirt("T-2", Color="Green", Size="XS")]
    tunic = await shop.sell("Tunic", variants=variants, product_type="shirts", specifications={"cloth": "wool"})
    german = {"options": {"Color": {"name": "Farbe", "values": {"Green": "Grün", "Red": "Rot"}}}}
    await shop.catalog.ok("PUT", f"/products/{tunic['id']}/translations/de", german, user=ADMIN)
    await shop.put("T-1", 3)
    await shop.learn(shop.one)
    for query, total in (
        ("attr.Color=Red&attr.Size=XL", 1),
        ("attr.Color=Red&attr.Size=XS", 0),
        ("attr.Color=Red,Green&attr.Size=XS", 1),
        ("attr.Farbe=Gr%C3%BCn&attr.Size=XS&locale=de", 1),
        ("attr.Farbe=Gr%C3%BCn&attr.Size=XL&locale=de", 0),
        ("attr.Size=XS&in_stock=true", 0),
        ("attr.Size=XS,XL&attr.cloth=wool&in_stock=true", 1),
        ("attr.Size=XS&in_stock=false", 0),
    ):
        assert await shop.total(query) == total, query
    await shop.put("T-2", 1)
    await shop.learn(shop.one)
    assert await shop.total("attr.Size=XS&in_stock=true") == 1


async def test_the_spellings_of_a_value_are_one_value(shop: Shop) -> None:
    colors = ("Navy", "navy", "Navy", "NAVY", "Marine")
    scarves = [
        await shop.sell(f"Scarf {at}", variants=[shirt(f"C-{at}", Color=color, Size="M", dye="Indigo")])
        for at, color in enumerate(colors)
    ]
    await shop.sell("Scarf of wool", "C-9", specifications={"Color": ["navy", "Navy"]})
    german = {"options": {"Color": {"name": "Farbe", "values": {"Navy": "Marine"}}}}
    await shop.catalog.ok("PUT", f"/products/{scarves[0]['id']}/translations/de", german, user=ADMIN)
    await shop.learn(shop.one)
    for query in ("", "q=scarf&", "attr.Color=nAvY&", "q=scarf&attr.Color=Navy&"):
        color = (await shop.facets(f"{query}facets=attr.Color"))["Color"]
        assert [pair for pair in pairs(color) if pair[0] != "White"] == [("Navy", 5), ("Marine", 1)], query
    for query, total in (
        ("attr.Color=Navy", 5),
        ("attr.Color=navy", 5),
        ("attr.Color=navy,NAVY", 5),
        ("attr.Color=navy&attr.Size=m", 4),
        ("attr.Color=navy&attr.Size=L", 0),
        ("attr.Farbe=marine", 1),
    ):
        assert await shop.total(query) == total, query
    named_in_german = named((await shop.facets("q=scarf&locale=de&facets=attr.Color"))["Color"])
    assert named_in_german == [("Navy", "Marine"), ("Marine", "")]
    # As the shop's attribute of this name looks, however it is spelled.
    assert pairs((await shop.facets("facets=attr.dye"))["dye"]) == [("indigo", 17)]
    [dye] = (await shop.facets("q=scarf&facets=attr.dye"))["dye"]["values"]
    assert dye == {"value": "Indigo", "count": 5, "name": "Indigo", "hex": "#3f51b5"}


async def test_of_many_numbers_the_least_and_the_most_are_told_and_days_are_days(shop: Shop) -> None:
    facets = await shop.facets()
    weight, bottled = facets["weight"], facets["bottled"]
    assert (weight["type"], weight["unit"], weight["values"]) == ("number", "g", [])
    assert (weight["least"], weight["most"]) == (100, 124)
    assert (bottled["type"], bottled["least"], bottled["most"]) == ("date", "2025-03-01", "2025-03-03")
    assert pairs(bottled) == [("2025-03-01", 1), ("2025-03-02", 1), ("2025-03-03", 1)]
    few = (await shop.facets("attr.weight=..104&attr.bottled=2025-03-02.."))["bottled"]
    assert pairs(few) == pairs(bottled)
    assert await shop.total("attr.bottled=2025-03-02..2025-03-31") == 2


async def test_attributes_options_and_values_are_called_as_the_language_calls_them(shop: Shop) -> None:
    german = {"label": "Stoff", "choices": {"wool": "Wolle"}}
    await shop.catalog.ok("PUT", "/attributes/cloth/translations/de", german, user=ADMIN)
    await shop.catalog.ok(
        "PUT", "/attributes/weight/translations/de", {"label": "Gewicht", "unit": "Gramm"}, user=ADMIN
    )
    await shop.learn(shop.one)
    facets = await shop.facets("locale=de")
    assert {key: one["name"] for key, one in facets.items()} == {
        "Size": "Size",
        "cloth": "Stoff",
        "weight": "Gewicht",
        "dye": "dye",
        "bottled": "bottled",
        "Color": "Farbe",
    }
    assert named(facets["cloth"]) == [("linen", ""), ("wool", "Wolle")]
    assert named(facets["Color"]) == [("White", "Weiß")]
    assert facets["weight"]["unit"] == "Gramm"
    assert facets["dye"]["values"] == [{"value": "indigo", "count": 12, "name": "Indigo", "hex": "#3f51b5"}]
    own = await shop.facets()
    assert (own["cloth"]["name"], named(own["cloth"])) == ("Cloth", [("linen", ""), ("wool", "Wool")])
    assert (own["Color"]["name"], named(own["Color"])) == ("Color", [("White", "")])


async def test_what_is_not_filterable_is_neither_counted_nor_filtered_by(shop: Shop) -> None:
    assert "mill" not in await shop.facets()
    for query, field in (
        ("attr.mill=Mill 1", "attr.mill"),
        ("attr.mill=1..", "attr.mill"),
        ("facets=attr.mill", "facets"),
    ):
        refused = await shop.rest.send("GET", f"/search?{query}")
        assert (refused.status, refused.problem, refused.body["field"]) == (422, "not-filterable", field)
    # Nobody has it: nothing is found.
    assert await shop.total("attr.nothing=x") == 0

    documents = await shop.db.fetchval("SELECT max(revision) FROM documents")
    for name, filterable in (("mill", True), ("cloth", False)):
        body = {key: said for one in ATTRIBUTES if one["name"] == name for key, said in one.items() if key != "name"}
        await shop.catalog.ok("PUT", f"/attributes/{name}", body | {"filterable": filterable}, user=ADMIN)
    await shop.learn(shop.one)
    assert await shop.total("attr.mill=Mill 1") == 12
    assert pairs((await shop.facets())["mill"]) == [("Mill 0", 13), ("Mill 1", 12)]
    assert "cloth" not in await shop.facets()
    assert (await shop.rest.send("GET", "/search?attr.cloth=wool")).status == 422
    # No document is made anew for that, and another process knows it from the first.
    assert await shop.db.fetchval("SELECT max(revision) FROM documents") == documents
    other = shop.process("other")
    await other.following.worker.run()
    assert other.following.attributes.unfilterable == {"cloth"}


async def test_an_attribute_that_is_gone_is_forgotten(shop: Shop) -> None:
    less = {"slug": "shirts", "name": "Shirts", "attributes": []}
    await shop.catalog.ok("PUT", "/product-types/shirts", less, user=ADMIN)
    await shop.catalog.ok("DELETE", "/attributes/mill", status=204, user=ADMIN)
    await shop.learn(shop.one)
    assert shop.one.following.attributes.get("mill") is None
    assert await shop.total("attr.mill=Mill 1") == 0
