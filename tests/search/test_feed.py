"""What catalog and inventory announce becomes what is found: whatever comes late, twice, or while somebody is away."""

from __future__ import annotations

import asyncio
import importlib
import random
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from counting import Counting
from search.conftest import ADMIN, Town, found, looked_for

from stoa.audit.audit import judge
from stoa.audit.look import EVER
from stoa.audit.search import SEARCH
from stoa.contracts.catalog.v1.catalog_pb2 import GetProductsRequest
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.pictures import Picture, Rendition
from stoa.kit.problems import Problem
from stoa.ports.search import Count
from stoa.services.catalog.settle_brands import settle_brands
from stoa.services.catalog.settle_collections import settle_collections
from stoa.services.search import attributes_repository, repository, rules_repository, searches_repository
from stoa.services.search.document import decoded
from stoa.services.search.facets import ValueCount
from stoa.services.search.feed import feed, write_products
from stoa.services.search.refresh import refresh_page
from stoa.testing import prepare_all

BRANDS_OF = {"Mug": "Hearth & Co", "Pan": "Forge"}


async def documents(town: Town) -> dict[str, tuple[int, bool]]:
    """By name the revision, and whether any of it can be bought."""
    rows = await town.db.fetch("SELECT revision, document FROM documents WHERE document IS NOT NULL")
    read = [decoded(row["document"], row["revision"]) for row in rows]
    return {one.name: (one.version, one.available) for one in read}


async def test_a_product_is_found_as_it_is_and_no_longer_when_it_is_not_sold(town: Town) -> None:
    one = town.process("one")
    mug = await town.sell("Enamel mug", "MUG-1", "MUG-2", price=995, brand="Hearth")
    await town.put("MUG-2", 3)
    await town.learn(one)
    answer = await looked_for(one, "mug")
    assert (answer.total, answer.items[0].available_skus, answer.items[0].brand) == (1, ["MUG-2"], "Hearth")

    variants = [each | {"barcode": "036000291452"} for each in mug["variants"]]
    await town.edit(mug, name="Copper kettle", variants=variants)
    await town.learn(one)
    assert await found(one, "0-36000-29145-2") == ["Copper kettle"]
    assert (await found(one, "mug"), await found(one, "kettle")) == ([], ["Copper kettle"])

    await town.catalog.ok("DELETE", f"/products/{mug['id']}", status=204, user=ADMIN)
    await town.learn(one)
    assert await found(one, "kettle") == []
    assert await documents(town) == {}


async def test_an_image_has_the_sizes_that_the_list_of_products_has(town: Town) -> None:
    one = town.process("one")
    await town.sell("Enamel mug", "MUG-1", images=[{"url": "https://example.com/mug.jpg", "alt": "A mug"}])
    await town.sell("Copper kettle", "KETTLE-1")
    size = Rendition(640, 480, "/media/1/640.avif", "/media/1/640.webp")
    square = Rendition(160, 160, "/media/1/160.avif", "/media/1/160.webp")
    picture = Picture(1280, 960, [size], [square], "#a0b0c0", "data:image/webp;base64,AAAA", 0.25, 0.75, 3)
    image = {"url": picture.url, "alt": "A kettle", "file_id": uuid7(), "picture": msgspec.to_builtins(picture)}
    await town.databases["catalog"].execute("UPDATE products SET images = $1 WHERE name = 'Copper kettle'", [image])
    await town.learn(one)
    listed = (await town.catalog.ok("GET", "/products?sort=name"))["items"]
    assert listed[0]["image"] == image
    assert [msgspec.to_builtins(item.image) for item in (await looked_for(one, sort="name")).items] == [
        each["image"] for each in listed
    ]


async def test_a_product_costs_what_everybody_pays_by_price_lists(town: Town) -> None:
    one = town.process("one")
    await town.sell("Enamel mug", "MUG-1", "MUG-2", price=995)
    await town.learn(one)
    sale = {"slug": "sale", "name": "Sale", "currency": "GBP", "status": "active"}
    await town.catalog.ok("POST", "/price-lists", sale, status=201, user=ADMIN)
    half = {"items": [{"sku": "MUG-1", "prices": [{"price": {"amount": 500, "currency": "GBP"}}]}]}
    await town.catalog.ok("PUT", "/price-lists/sale/prices", half, user=ADMIN)
    await town.learn(one)
    (card,) = (await looked_for(one, "mug", max_price=600)).items
    assert (card.price, card.price_max) == (Money(500, "GBP"), Money(995, "GBP"))


async def test_a_translated_product_is_found_and_shown_in_its_languages(town: Town) -> None:
    one = town.process("one", locales=("en", "de"))
    mug = await town.sell("Enamel mug", "MUG-1")
    await town.sell("Bottle", "BOTTLE-1")
    german = {"name": "Emaillebecher", "slug": "emaillebecher", "description": "Für Kaffee und Tee"}
    path = f"/products/{mug['id']}/translations/de"
    await town.catalog.ok("PUT", path, german, user=ADMIN)
    await town.learn(one)
    (card,) = (await looked_for(one, "emailebecher", locale="de")).items
    assert (card.name, card.slug) == ("Emaillebecher", "emaillebecher")
    assert [(piece.text, piece.marked) for piece in card.highlights["name"]] == [("Emaillebecher", True)]
    assert (await looked_for(one, "becher", locale="en")).items == []
    assert [card.name for card in (await looked_for(one, "enamel")).items] == ["Enamel mug"]
    # What is not translated is found by what the shop says of it.
    assert [card.name for card in (await looked_for(one, "bottle", locale="de")).items] == ["Bottle"]

    await town.put("MUG-1", 1)
    await town.learn(one)
    (card,) = (await looked_for(one, "kaffee", locale="de")).items
    assert (card.name, card.available_skus) == ("Emaillebecher", ["MUG-1"])


async def test_a_text_of_a_specification_is_found_in_the_language_that_says_it(town: Town) -> None:
    one = town.process("one", locales=("en", "de"))
    says = {"Cloth": "Cotton", "Care": "Wash by hand. " * 20}
    shirt = await town.sell("Shirt", "SHIRT-1", specifications=says)
    path = f"/products/{shirt['id']}/translations/de"
    german = {"Cloth": "Baumwolle", "Care": "Schonwaschgang. " * 20}
    await town.catalog.ok("PUT", path, {"specifications": german}, user=ADMIN)
    await town.learn(one)
    for text in ("baumwolle", "schonwaschgang"):
        assert [len(await found(one, text, locale=locale)) for locale in ("de", "en")] == [1, 0]
    for text in ("cotton", "wash by hand"):
        assert len(await found(one, text, locale="en")) == 1
    # It is counted by what it is.
    facets = (await looked_for(one, "baumwolle", locale="de", facets="attr.Cloth")).facets
    assert [(one.key, one.values) for one in facets.attributes] == [("Cloth", [ValueCount("Cotton", 1)])]
    await town.edit(shirt, specifications={})
    await town.learn(one)
    assert await found(one, "baumwolle", locale="de") == []


async def test_a_collection_is_found_by_its_slug_in_the_language(town: Town) -> None:
    one = town.process("one", locales=("en", "de"))
    mug = await town.sell("Enamel mug", "MUG-1")
    gifts = {"slug": "gifts", "name": "Gifts"}
    await town.catalog.ok("POST", "/collections", gifts, status=201, user=ADMIN)
    await town.catalog.ok("PUT", "/collections/gifts/products", {"products": [mug["id"]]}, user=ADMIN)
    path = "/collections/gifts/translations/de"

    async def leads_to_it() -> list[int]:
        await settle_collections(town.goods)
        await town.learn(one)
        asked = (("gifts", "en"), ("gifts", "de"), ("geschenke", "de"), ("geschenke", "en"), ("praesente", "de"))
        return [len(await found(one, collection=slug, locale=locale)) for slug, locale in asked]

    assert await leads_to_it() == [1, 1, 0, 0, 0]
    await town.catalog.ok("PUT", path, {"slug": "geschenke"}, user=ADMIN)
    assert await leads_to_it() == [1, 1, 1, 0, 0]
    await town.catalog.ok("PUT", path, {"slug": "praesente", "name": "Präsente"}, user=ADMIN)
    # A slug that it had leads on, in any language.
    assert await leads_to_it() == [1, 1, 1, 1, 1]
    await town.catalog.ok("DELETE", path, status=204, user=ADMIN)
    assert await leads_to_it() == [1, 1, 1, 1, 1]


async def test_a_slug_that_a_collection_had_means_it_until_another_has_it(town: Town) -> None:
    one = town.process("one")
    mug, lamp = await town.sell("Enamel mug", "MUG-1"), await town.sell("Lamp", "LAMP-1")
    await town.catalog.ok("POST", "/collections", {"slug": "gifts", "name": "Gifts"}, status=201, user=ADMIN)
    await town.catalog.ok("PUT", "/collections/gifts/products", {"products": [mug["id"]]}, user=ADMIN)
    for slug in ("presents", "ideas"):
        path = f"/collections/{'gifts' if slug == 'presents' else 'presents'}"
        await town.catalog.ok("PUT", path, {"slug": slug, "name": "Gifts"}, user=ADMIN)
    await settle_collections(town.goods)
    await town.learn(one)
    for slug in ("gifts", "presents", "ideas"):
        assert await found(one, collection=slug) == ["Enamel mug"]
    await town.catalog.ok("POST", "/collections", {"slug": "gifts", "name": "Gifts"}, status=201, user=ADMIN)
    await town.catalog.ok("PUT", "/collections/gifts/products", {"products": [lamp["id"]]}, user=ADMIN)
    await settle_collections(town.goods)
    await town.learn(one)
    assert (await found(one, collection="gifts"), await found(one, collection="ideas")) == (["Lamp"], ["Enamel mug"])


async def test_a_category_is_called_and_found_otherwise_in_another_language(town: Town) -> None:
    one = town.process("one", locales=("en", "de"))
    kitchen = {"name": "Kitchen", "slug": "kitchen"}
    added = await town.catalog.ok("POST", "/categories", kitchen, status=201, user=ADMIN)
    await town.sell("Enamel mug", "MUG-1", category="kitchen")
    await town.learn(one)
    path = f"/categories/{added['id']}/translations/de"
    for german in ({"name": "Küche", "slug": "kueche"}, {"name": "Küche"}, {"slug": "kochen"}, {}):
        await town.catalog.ok("PUT", path, german, user=ADMIN)
        await town.learn(one)
        said = kitchen | german
        answer = await looked_for(one, said["name"], locale="de")
        assert [(item.category.name, item.category.slug) for item in answer.items if item.category] == [
            (said["name"], said["slug"])
        ]
        assert [(each.slug, each.name) for each in answer.facets.categories] == [("kitchen", said["name"])]
        assert await found(one, category=said["slug"], locale="de") == ["Enamel mug"]
        (card,) = (await looked_for(one, "kitchen", locale="en")).items
        assert card.category is not None
        assert (card.category.name, card.category.slug) == ("Kitchen", "kitchen")


async def test_options_and_images_are_called_otherwise_in_another_language(town: Town) -> None:
    one = town.process("one", locales=("en", "de"))
    elsewhere = "https://pictures.example/cheese.jpg"
    images = [{"url": elsewhere, "alt": "A cheese"}]
    mild = {"sku": "CHEESE-1", "options": {"Taste": "Mild"}, "price": {"amount": 300, "currency": "GBP"}}
    cheese = await town.sell("Cheese", variants=[mild], images=images)
    german = {
        "options": {"Taste": {"name": "Geschmack", "values": {"Mild": "Sanft"}}},
        "images": {elsewhere: "Ein Käse"},
    }
    await town.catalog.ok("PUT", f"/products/{cheese['id']}/translations/de", german, user=ADMIN)
    await town.learn(one)
    for word, locale, alt in (("sanft", "de", "Ein Käse"), ("mild", "en", "A cheese")):
        (card,) = (await looked_for(one, word, locale=locale)).items
        assert card.image is not None
        assert card.image.alt == alt
    answer = await looked_for(one, "", locale="de", facets="attr.Geschmack,attr.Taste")
    assert [(one.key, one.name, one.values) for one in answer.facets.attributes] == [
        ("Geschmack", "Geschmack", [ValueCount("Sanft", 1)]),
        ("Taste", "Geschmack", [ValueCount("Mild", 1, "Sanft")]),
    ]


async def test_a_draft_is_never_found(town: Town) -> None:
    one = town.process("one")
    await town.sell("Secret mug", "MUG-1", status="draft")
    await town.learn(one)
    assert await town.db.fetchval("SELECT count(*) FROM documents") == 0
    assert await town.db.fetchval("SELECT count(*) FROM stale") == 0


async def test_late_and_doubled_events_change_nothing(town: Town) -> None:
    one = town.process("one")
    products = [await town.sell(f"Mug {number}", f"MUG-{number}") for number in range(5)]
    for number in range(5):
        await town.put(f"MUG-{number}", 1)
    await town.put("MUG-4", 0)
    await town.edit(products[0], name="Cup")
    events = await town.told()
    await town.hear(one, events)
    await one.feeding.run()
    before = await town.db.fetch("SELECT product_id, product_version, revision FROM documents ORDER BY 1")
    skus = await town.db.fetch("SELECT sku, product_id, available, version FROM skus ORDER BY 1")

    for seed in range(5):
        again = [*events, *events]
        random.Random(seed).shuffle(again)
        for event in again:
            await town.hear(one, [event])
        await one.feeding.run()
    assert await town.db.fetch("SELECT product_id, product_version, revision FROM documents ORDER BY 1") == before
    assert await town.db.fetch("SELECT sku, product_id, available, version FROM skus ORDER BY 1") == skus
    assert {name: there for name, (_, there) in (await documents(town)).items()} == {
        "Cup": True,
        "Mug 1": True,
        "Mug 2": True,
        "Mug 3": True,
        "Mug 4": False,
    }


async def test_an_older_answer_of_catalog_never_replaces_a_newer_one(town: Town) -> None:
    """A feeder that asked before a change, and writes after another one has written what came of it."""
    slow, quick = town.process("slow"), town.process("quick")
    mug = await town.sell("Mug", "MUG-1")
    await town.hear(slow, await town.told())
    stale = await repository.stale(town.db, 100)
    asked = await town.neighbors.catalog.GetProducts(GetProductsRequest(ids=[mug["id"]]))

    await town.edit(mug, name="Cup")
    await town.learn(quick)
    await write_products(slow.db, asked.products, set(), 0, slow.following.worker.wake)
    assert [*await documents(town)] == ["Cup"]
    assert stale and await repository.stale(town.db, 100) == []


async def test_what_changes_while_it_is_asked_for_is_looked_at_again(town: Town) -> None:
    one = town.process("one")
    mug = await town.sell("Mug", "MUG-1")
    await town.hear(one, await town.told())
    [before] = await repository.stale(town.db, 100)
    await town.edit(mug, name="Bowl")
    await town.hear(one, await town.told())
    [after] = await repository.stale(town.db, 100)
    assert after.mark > before.mark
    async with town.db.transaction() as tx:
        await repository.no_longer_stale(tx, [before])
    assert await repository.stale(town.db, 100) == [after]


async def test_a_category_that_is_renamed_or_moved_takes_its_products_along(town: Town) -> None:
    one = town.process("one")
    kitchen = await town.catalog.ok(
        "POST", "/categories", {"name": "Kitchen", "slug": "kitchen"}, status=201, user=ADMIN
    )
    mugs = {"name": "Mugs", "slug": "mugs", "parent": "kitchen"}
    await town.catalog.ok("POST", "/categories", mugs, status=201, user=ADMIN)
    await town.sell("Enamel mug", "MUG-1", category="mugs")
    await town.sell("Lamp", "LAMP-1")
    await town.learn(one)
    assert await found(one, category="kitchen") == ["Enamel mug"]
    lamp = (await documents(town))["Lamp"]

    body = {"name": "Cook", "slug": "cook"}
    await town.catalog.ok("PUT", f"/categories/{kitchen['id']}", body, user=ADMIN)
    await town.learn(one)
    assert (await found(one, category="kitchen"), await found(one, category="cook")) == (["Enamel mug"],) * 2
    assert (await documents(town))["Lamp"] == lamp


async def test_a_slug_that_a_category_had_means_it_until_another_has_it(town: Town) -> None:
    one = town.process("one")
    kitchen = {"name": "Kitchen", "slug": "kitchen"}
    added = await town.catalog.ok("POST", "/categories", kitchen, status=201, user=ADMIN)
    path = f"/categories/{added['id']}"
    await town.sell("Enamel mug", "MUG-1", category="kitchen")
    for slug in ("cook", "kueche"):
        await town.catalog.ok("PUT", path, {"name": "Kitchen", "slug": slug}, user=ADMIN)
    for said in ("cuisine", "kochen"):
        await town.catalog.ok("PUT", f"{path}/translations/de", {"slug": said}, user=ADMIN)
    await town.learn(one)

    async def lead_to_it() -> list[str]:
        return [slug for slug in ("kitchen", "cook", "kueche", "cuisine") if await found(one, category=slug)]

    assert await lead_to_it() == ["kitchen", "cook", "kueche", "cuisine"]
    other = await town.catalog.ok("POST", "/categories", kitchen, status=201, user=ADMIN)
    await town.learn(one)
    assert await lead_to_it() == ["cook", "kueche", "cuisine"]
    german = f"/categories/{other['id']}/translations/de"
    await town.catalog.ok("PUT", german, {"slug": "cook"}, user=ADMIN)
    await town.learn(one)
    assert await lead_to_it() == ["kueche", "cuisine"]
    await town.catalog.ok("DELETE", f"/categories/{other['id']}", status=204, user=ADMIN)
    await town.learn(one)
    assert await lead_to_it() == ["kitchen", "cook", "kueche", "cuisine"]


async def test_a_brand_is_asked_for_by_what_it_is_or_was_called_and_by_its_slug(town: Town) -> None:
    one = town.process("one")
    added = {name: await town.sell(name, f"SKU-{name}", brand=brand) for name, brand in BRANDS_OF.items()}

    async def by(*said: str) -> list[list[str]]:
        await settle_brands(town.goods)
        await town.learn(one)
        return [sorted(await found(one, brand=each)) for each in said]

    assert await by("Hearth & Co", "hearth-co", "Forge", "forge", "fire") == [["Mug"], ["Mug"], ["Pan"], ["Pan"], []]
    await town.catalog.ok("PUT", "/brands/hearth-co", {"name": "Fire"}, user=ADMIN)
    assert await by("Hearth & Co", "Fire", "hearth-co", "fire", "embers") == [["Mug"], ["Mug"], ["Mug"], ["Mug"], []]
    # Nothing of the product is another.
    version = added["Mug"]["version"] + 1
    await town.catalog.ok("PUT", "/brands/hearth-co", {"name": "Fire", "slug": "fire"}, user=ADMIN)
    assert await by("fire", "hearth-co", "Hearth & Co") == [["Mug"], ["Mug"], ["Mug"]]
    assert (await town.catalog.ok("GET", f"/products/{added['Mug']['id']}"))["version"] == version
    # A name comes before a slug that is written like it.
    await town.sell("Cup", "CUP-1", brand="fire")
    assert await by("fire", "Fire") == [["Cup"], ["Mug"]]
    await town.catalog.ok("POST", "/brands/forge/merge", {"into": "fire"}, user=ADMIN)
    assert await by("Forge", "Hearth & Co", "Fire", "fórge", "hearth-co") == [["Mug", "Pan"]] * 5
    # Whose slug it is comes before whose it was.
    await town.catalog.ok("POST", "/brands", {"name": "Stove", "slug": "hearth-co"}, status=201, user=ADMIN)
    await town.sell("Stove", "STOVE-1", brand="Stove")
    assert await by("hearth-co") == [["Stove"]]
    listed = await town.catalog.ok("GET", "/products?brand=Forge")
    assert sorted(each["name"] for each in listed["items"]) == ["Mug", "Pan"]


async def test_a_brand_by_its_slug_is_a_filter_as_by_its_name(town: Town) -> None:
    one = town.process("one")
    for name, brand in BRANDS_OF.items():
        await town.sell(name, f"SKU-{name}", brand=brand)
    await town.learn(one)
    by_name, by_slug = [await looked_for(one, brand=said) for said in ("Hearth & Co", "hearth-co")]
    assert by_name == by_slug
    assert by_slug.facets.brands == [Count("Forge", 1), Count("Hearth & Co", 1)]
    assert sorted(await found(one, brand="hearth-co,Forge")) == ["Mug", "Pan"]


async def test_catalog_may_be_away_and_the_feed_goes_on_when_it_is_back(town: Town) -> None:
    nobody = replace(town.neighbors, catalog=CatalogServiceStub(InProcessChannel(Registry())))
    one, alone = town.process("one"), town.process("alone", nobody)
    await town.sell("Mug", "MUG-1")
    await town.hear(alone, await town.told())
    with pytest.raises(Problem):
        await alone.feeding.run()
    assert await town.db.fetchval("SELECT count(*) FROM stale") == 1

    await town.learn(one)
    assert await found(one, "mug") == ["Mug"]


async def test_two_processes_feed_and_hear_at_once(town: Town) -> None:
    one, two = town.process("one"), town.process("two")
    await one.feeding.run()
    await two.feeding.run()
    products = [await town.sell(f"Mug {number}", f"MUG-{number}") for number in range(20)]
    for number in range(20):
        await town.put(f"MUG-{number}", number % 2)
    for product in products[:10]:
        await town.edit(product, brand="Acme")
    events = await town.told()
    random.Random(7).shuffle(events)
    await asyncio.gather(
        *(town.hear(one if at % 2 else two, events[at : at + 5]) for at in range(0, len(events), 5)),
    )
    await asyncio.gather(one.feeding.run(), two.feeding.run())
    await asyncio.gather(one.following.worker.run(), two.following.worker.run())
    assert {name: there for name, (_, there) in (await documents(town)).items()} == {
        f"Mug {number}": number % 2 == 1 for number in range(20)
    }
    for each in (one, two):
        assert (await looked_for(each, brand="Acme")).total == 10
        assert (await looked_for(each, in_stock=True)).total == 10
    revisions = [row["revision"] for row in await town.db.fetch("SELECT revision FROM documents")]
    assert len({*revisions}) == 20 and max(revisions) == await town.db.fetchval("SELECT revision FROM feed")


async def test_a_thousand_variants_take_as_many_statements_as_one(town: Town) -> None:
    one, db = town.process("one"), Counting(town.db)
    counts = []
    # With the first the driver asks about types.
    for name, many in (("Pin", 1), ("Ring", 1), ("Chain", 20), ("Bead", 1000)):
        await town.sell(name, *(f"{name}-{number}" for number in range(many)))
        await town.hear(one, await town.told())
        await db.taken()
        await feed(db, town.neighbors, one.following)
        counts.append(len(await db.taken()))
    await db.close()
    assert counts[1] == counts[2] == counts[3] <= 14, counts
    assert (await town.db.fetchval("SELECT count(*) FROM skus WHERE product_id IS NOT NULL")) == 1022


async def test_what_a_type_no_longer_asks_for_is_not_found_any_more(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No product tells: all of them are looked at, some at a time."""
    monkeypatch.setattr(importlib.import_module("stoa.services.search.feed"), "STEP", 2)
    one = town.process("one")
    for number in range(5):
        await town.sell(f"Mug {number}", f"MUG-{number}", specifications={"color": "red"})
    await town.learn(one)
    await town.db.execute(
        "UPDATE documents SET document = convert_to(replace(convert_from(document, 'UTF8'), 'red', 'blue'), 'UTF8')"
    )
    await town.hear(one, [told("attribute.deleted")])
    await one.feeding.run()
    assert await town.db.fetchval("SELECT count(*) FROM stale") == 0
    await one.following.worker.run()
    assert len(await found(one, attr={"color": "red"})) == 5


async def test_a_finding_of_the_audit_is_what_was_broken(town: Town) -> None:
    one = town.process("one")
    mug, cup = await town.sell("Mug", "MUG-1"), await town.sell("Cup", "CUP-1")
    await town.put("CUP-1", 2)
    await town.learn(one)
    assert await findings(town) == []
    await town.db.execute("UPDATE documents SET product_version = 7 WHERE product_id = $1", mug["id"])
    assert await findings(town) == [(mug["id"], "is found as of version 7, and has 1")]
    await town.db.execute("UPDATE documents SET product_version = 1 WHERE product_id = $1", mug["id"])
    path = f"/products/{mug['id']}/translations/de"
    await town.catalog.ok("PUT", path, {"name": "Becher"}, user=ADMIN)
    await town.learn(one)
    assert await findings(town) == []
    await town.db.execute(
        "UPDATE documents SET document = convert_to(replace(convert_from(document, 'UTF8'), 'Becher', 'Tasse'), 'UTF8')"
    )
    assert await findings(town) == [(mug["id"], "is found by other names in other languages than it has there")]
    await town.db.execute(
        "UPDATE documents SET document = convert_to(replace(convert_from(document, 'UTF8'), 'Tasse', 'Becher'), 'UTF8')"
    )
    await town.db.execute("INSERT INTO popularity VALUES ($1, 7, 3.5, now())", mug["id"])
    assert await findings(town) == [(mug["id"], "is found as popular as 0.0, and is 3.5")]
    await town.db.execute("UPDATE documents SET document = NULL WHERE product_id = $1", mug["id"])
    assert await findings(town) == [(mug["id"], "is sold, and cannot be found")]
    await town.db.execute("UPDATE skus SET available = false")
    assert ("CUP-1", "is found as sold out, and is in stock") in await findings(town)
    await town.catalog.ok("DELETE", f"/products/{cup['id']}", status=204, user=ADMIN)
    assert (cup["id"], "is found, and is not sold") in await findings(town)

    # And it is mended: page by page, from what catalog and inventory say now.
    cursor = (await refresh_page(one, "")).next_cursor
    assert cursor == ""
    assert await findings(town) == []


async def findings(town: Town) -> list[tuple[str, str]]:
    verdict = await judge(town.databases, SEARCH, since=EVER, looks=1, pause_seconds=0.0)
    return [(one.subject, one.what) for one in verdict.findings]


def told(kind: str, **more: Any) -> Event:
    return Event(
        id=uuid7(),
        type=kind,
        source="catalog",
        subject="1",
        time=clock.now(),
        aggregateversion=2,
        traceparent="",
        data={"attribute_id": 1, "name": "color"} | more,
    )


async def test_every_statement_fits_the_schema(town: Town) -> None:
    counts = [
        len(await prepare_all(town.db, each))
        for each in (repository, rules_repository, searches_repository, attributes_repository)
    ]
    assert counts == [31, 15, 4, 4]


async def test_a_choice_is_found_by_what_it_is_called_in_any_language(town: Town) -> None:
    one = town.process("one")
    color = {
        "name": "color",
        "type": "select",
        "filterable": True,
        "choices": [{"value": "r-17", "label": "Signal red"}],
    }
    await town.catalog.ok("POST", "/attributes", color, status=201, user=ADMIN)
    mugs = {"slug": "mugs", "name": "Mugs", "attributes": [{"attribute": "color"}]}
    await town.catalog.ok("POST", "/product-types", mugs, status=201, user=ADMIN)
    await town.sell("Mug", "MUG-1", product_type="mugs", specifications={"color": "r-17"})
    await town.learn(one)
    assert [len(await found(one, text)) for text in ("signal red", "r-17", "purpurrot")] == [1, 1, 0]
    german = {"choices": {"r-17": "Purpurrot"}}
    await town.catalog.ok("PUT", "/attributes/color/translations/de", german, user=ADMIN)
    await town.learn(one)
    assert len(await found(one, "purpurrot", locale="de")) == 1
    assert len(await found(one, attr={"color": "r-17"}, locale="de")) == 1
    # What is allowed is not what is shown. Nobody feeds here who would be done with it at once.
    await town.hear(town.process("hearer"), [told("attribute.updated", changed=["filterable"])])
    assert [row["subject"] for row in await town.db.fetch("SELECT subject FROM stale")] == ["attributes"]


async def test_a_date_is_counted_as_the_day_that_it_is_and_asked_for_by_it(town: Town) -> None:
    one = town.process("one")
    since = {"name": "since", "type": "date", "filterable": True}
    await town.catalog.ok("POST", "/attributes", since, status=201, user=ADMIN)
    mugs = {"slug": "mugs", "name": "Mugs", "attributes": [{"attribute": "since"}]}
    await town.catalog.ok("POST", "/product-types", mugs, status=201, user=ADMIN)
    for at, day in enumerate(("1969-12-31", "2020-02-29", "2020-02-29", "2027-01-31")):
        await town.sell(f"Mug {at}", f"MUG-{at}", product_type="mugs", specifications={"since": day})
    await town.learn(one)

    async def counted(**asked: Any) -> list[tuple[Any, int]]:
        answer = await looked_for(one, facets="attr.since", **asked)
        return [(count.value, count.count) for count in answer.facets.attributes[0].values]

    everything = [("2020-02-29", 2), ("1969-12-31", 1), ("2027-01-31", 1)]
    assert await counted() == everything
    for asked, hits in (
        ("2020-02-29", 2),
        ("1969-12-31,2027-01-31", 2),
        ("..2020-02-28", 1),
        ("2020-02-29..2020-02-29", 2),
        ("2020-03-01..", 1),
        ("-86400", 0),
    ):
        answer = await looked_for(one, attr={"since": asked})
        assert answer.total == hits, asked
        assert await counted(attr={"since": asked}) == everything
    assert await found(one, "2020", attr={"since": "2020-02-29"}) == []
