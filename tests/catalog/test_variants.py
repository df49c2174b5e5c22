"""Variants by their ids and SKUs, and what tells them apart."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest
from counting import Counting

from stoa.services.catalog.pricing import EVERYBODY
from stoa.services.catalog.routes import routes
from stoa.services.catalog.variants_repository import variants_for_sale
from stoa.testing import Rest

from .conftest import ADMIN, OTHER_SELLER, pounds


def shirt(*variants):
    """`RED-L` is red and large."""
    options = [dict(zip(("color", "size"), sku.lower().split("-"), strict=False)) for sku in variants]
    return {
        "slug": "shirt",
        "name": "Shirt",
        "variants": [
            {"sku": sku, "price": pounds(900), "options": each} for sku, each in zip(variants, options, strict=True)
        ],
    }


async def add(shop, *variants):
    return await shop.rest.ok("POST", "/products", shirt(*variants), status=201, user=ADMIN)


async def traces(shop):
    return [
        await shop.db.fetch(f"SELECT * FROM {table} ORDER BY id")
        for table in ("products", "variants", "product_options", "option_values", "event_log")
    ]


async def test_a_variant_is_found_by_its_id_too(shop):
    made = await shop.add("mug", 500, 700)
    variant_id = made["variants"][1]["id"]
    changed = await shop.rest.ok("PUT", f"/variants/{variant_id.upper()}", {"price": pounds(800)}, user=ADMIN)
    assert [(one["sku"], one["price"]) for one in changed["variants"]] == [
        ("MUG-0", pounds(500)),
        ("MUG-1", pounds(800)),
    ]
    sold = (await variants_for_sale(shop.db, ["MUG-1"], EVERYBODY))["MUG-1"]
    assert sold.id == variant_id
    await shop.rest.ok("DELETE", f"/variants/{variant_id}", status=204, user=ADMIN)
    assert (await shop.rest.send("DELETE", f"/variants/{variant_id}", user=ADMIN)).problem == "no-such-variant"


async def test_a_sku_that_looks_like_an_id_takes_nobodys_place(shop):
    made = await shop.add("mug", 500)
    variant_id = made["variants"][0]["id"]
    body = {"slug": "cup", "name": "Cup", "variants": [{"sku": variant_id, "price": pounds(1)}]}
    await shop.rest.ok("POST", "/products", body, status=201, user=OTHER_SELLER)
    changed = await shop.rest.ok("PUT", f"/variants/{variant_id}", {"price": pounds(600)}, user=ADMIN)
    assert changed["slug"] == "mug"
    free = "018f0000-0000-7000-8000-0000abcdef01"
    body = {"slug": "jug", "name": "Jug", "variants": [{"sku": free, "price": pounds(1)}]}
    await shop.rest.ok("POST", "/products", body, status=201, user=ADMIN)
    assert (await shop.rest.ok("PUT", f"/variants/{free}", {"price": pounds(2)}, user=ADMIN))["slug"] == "jug"


async def test_what_was_shown_can_be_put_back_with_its_ids(shop):
    made = await add(shop, "RED-L", "RED-M")
    body = {"name": "Shirt", "version": 1, "variants": made["variants"], "brand": "Loom"}
    put = await shop.rest.ok("PUT", "/products/shirt", body, user=ADMIN)
    assert put["variants"] == made["variants"]


@pytest.mark.parametrize("at", [0, 1])
async def test_an_id_is_never_anothers(shop, at):
    made = await add(shop, "RED-L", "RED-M")
    before = await traces(shop)
    ids = [one["id"] for one in made["variants"]]
    variants = [made["variants"][0], {"sku": "RED-S", "price": pounds(1)}]
    variants[at] = variants[at] | {"id": ids[1]}
    answer = await shop.rest.send("PATCH", "/products/shirt", {"variants": variants}, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "foreign-variant-id", f"variants[{at}].id")
    new = {"sku": "RED-S", "price": pounds(1), "id": ids[1]}
    answer = await shop.rest.send("POST", "/products/shirt/variants", new, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "foreign-variant-id", "id")
    assert await traces(shop) == before


async def test_options_stand_in_the_order_of_the_variants(shop):
    made = await add(shop, "RED-L", "RED-M", "BLUE-L")
    assert made["options"] == [{"name": "color", "values": ["red", "blue"]}, {"name": "size", "values": ["l", "m"]}]
    assert list(made["variants"][0]["options"].items()) == [("color", "red"), ("size", "l")]
    assert await shop.rest.ok("GET", "/products/shirt") == made
    body = {"variants": [{"sku": "BLUE-L", "price": pounds(1), "options": {"size": "l", "color": "blue"}}]}
    changed = await shop.rest.ok("PATCH", "/products/shirt", body, user=ADMIN)
    assert changed["options"] == [{"name": "size", "values": ["l"]}, {"name": "color", "values": ["blue"]}]
    assert await shop.rest.ok("GET", "/products/shirt") == changed


async def test_a_value_keeps_its_id_while_a_variant_has_it(shop):
    await add(shop, "RED-L", "BLUE-L")

    async def values():
        rows = await shop.db.fetch("SELECT value, id FROM option_values ORDER BY value")
        return {row["value"]: row["id"] for row in rows}

    before = await values()
    assert sorted(before) == ["blue", "l", "red"]
    body = {"price": pounds(1), "options": {"color": "green", "size": "l"}}
    await shop.rest.ok("PUT", "/variants/RED-L", body, user=ADMIN)
    after = await values()
    assert sorted(after) == ["blue", "green", "l"]
    assert (after["blue"], after["l"]) == (before["blue"], before["l"])
    # Archived, it still has its color: whoever bought it sees which.
    await shop.rest.ok("DELETE", "/variants/RED-L", status=204, user=ADMIN)
    assert await values() == after
    await shop.rest.ok("PUT", "/variants/BLUE-L", {"price": pounds(1)}, user=ADMIN)
    assert sorted(await values()) == ["green", "l"]
    assert await shop.db.fetchval("SELECT count(*) FROM product_options") == 2


SAME = {"price": pounds(1), "options": {"size": "l", "color": "red"}}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PATCH", "/products/shirt", {"variants": [{"sku": "A"} | SAME, {"sku": "B"} | SAME]}, "variants[1].options"),
        (
            "PATCH",
            "/products/shirt",
            {"variants": [{"sku": "A", "position": 9} | SAME, {"sku": "B", "position": 8} | SAME]},
            "variants[1].options",
        ),
        ("POST", "/products/shirt/variants", {"sku": "A"} | SAME, "options"),
        ("PUT", "/variants/RED-M", SAME, "options"),
    ],
)
async def test_two_siblings_never_have_the_same_options(shop, method, path, body, field):
    await add(shop, "RED-L", "RED-M")
    before = await traces(shop)
    answer = await shop.rest.send(method, path, body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "options-twice", field)
    assert await traces(shop) == before


async def test_siblings_may_change_places(shop):
    made = await add(shop, "RED-L", "RED-M")
    first, second = made["variants"]
    swapped = [first | {"options": second["options"]}, second | {"options": first["options"]}]
    changed = await shop.rest.ok("PATCH", "/products/shirt", {"variants": swapped}, user=ADMIN)
    assert changed["variants"] == swapped


async def test_the_database_holds_siblings_apart(shop):
    await add(shop, "RED-L", "RED-M")
    with pytest.raises(asyncpg.ExclusionViolationError) as refused:
        await shop.db.execute(
            "UPDATE variants SET option_values = (SELECT option_values FROM variants WHERE sku = 'RED-L')"
        )
    assert refused.value.constraint_name == "variants_told_apart"


async def test_what_has_no_options_may_be_there_many_times_and_so_may_what_is_archived(shop):
    await shop.add("mug", 500, 500, 500)
    await add(shop, "RED-L", "RED-M")
    await shop.rest.ok("DELETE", "/variants/RED-M", status=204, user=ADMIN)
    again = {"sku": "RED-M2", "price": pounds(1), "options": {"color": "red", "size": "m"}}
    await shop.rest.ok("POST", "/products/shirt/variants", again, status=201, user=ADMIN)


async def test_what_is_as_it_was_is_not_written(shop):
    made = await shop.rest.ok(
        "POST",
        "/products",
        shirt("RED-L", "RED-M") | {"specifications": {"Washable": True, "Weight": 1}, "tags": ["new"]},
        status=201,
        user=ADMIN,
    )
    before = await traces(shop)
    members = ("name", "description", "brand", "status", "tags", "specifications", "images", "variants")
    whole = {name: made[name] for name in members}
    assert await shop.rest.ok("PUT", "/products/shirt", whole | {"version": 1}, user=ADMIN) == made
    assert await shop.rest.ok("PATCH", "/products/shirt", whole | {"slug": "shirt"}, user=ADMIN) == made
    assert await shop.rest.ok("PATCH", "/products/shirt", {}, user=ADMIN) == made
    first = made["variants"][0]
    same = {name: first[name] for name in ("price", "options", "name")}
    assert await shop.rest.ok("PUT", "/variants/RED-L", same, user=ADMIN) == made
    assert await traces(shop) == before
    assert await shop.db.fetchval("SELECT count(*) FROM staff_acts") == 1
    # True is not 1, whatever Python says.
    other = {"specifications": {"Washable": 1, "Weight": 1}}
    assert (await shop.rest.ok("PATCH", "/products/shirt", other, user=ADMIN))["version"] == 2


async def told(shop):
    rows = await shop.db.fetch("SELECT data FROM event_log WHERE type = 'product.updated' ORDER BY id")
    return [(row["data"]["changed"], row["data"]["skus"]) for row in rows]


async def test_an_event_names_what_changed(shop):
    made = await add(shop, "RED-L", "RED-M", "RED-S")
    await shop.rest.ok("PUT", "/variants/RED-M", {"price": pounds(1), "options": {"size": "m"}}, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/shirt", {"name": "Vest", "brand": "Loom"}, user=ADMIN)
    new = {"sku": "RED-XL", "price": pounds(1), "position": 0}
    await shop.rest.ok("PATCH", "/products/shirt", {"variants": [*made["variants"][:2], new]}, user=ADMIN)
    await shop.rest.ok("PATCH", "/products/shirt", {"status": "draft"}, user=ADMIN)
    await shop.rest.ok("POST", "/products/shirt/withhold", {"reason": "Why"}, user=ADMIN)
    assert await told(shop) == [
        (["variants"], ["RED-M"]),
        (["name", "brand"], []),
        (["variants"], ["RED-M", "RED-S", "RED-XL"]),
        (["status", "standing"], []),
        (["standing", "withheld"], []),
    ]
    variants = await shop.db.fetch(
        "SELECT sku, xmin = (SELECT xmin FROM variants WHERE sku = 'RED-L') AS first FROM variants"
    )
    assert {row["sku"] for row in variants if row["first"]} == {"RED-L"}


async def test_a_product_takes_as_many_statements_whatever_its_variants(shop):
    db = Counting(shop.db)
    rest = Rest(routes.bind(replace(shop.catalog, db=db)), db)
    taken = {}
    for many in (20, 200, 1_000):
        path = f"/products/shirt-{many}"
        variants = [
            {"sku": f"S{many}-{at}", "price": pounds(900), "options": {"color": f"c{at}", "size": f"s{at % 7}"}}
            for at in range(many)
        ]
        said = {"slug": f"shirt-{many}", "name": "Shirt", "variants": variants}
        dearer = [{**each, "price": pounds(950)} for each in variants]
        counts = []
        for method, where, body, status, user in (
            ("POST", "/products", said, 201, ADMIN),
            ("GET", path, None, 200, None),
            ("GET", f"/prices?skus=S{many}-1", None, 200, None),
            ("PATCH", path, {"variants": dearer}, 200, ADMIN),
            ("PUT", f"/variants/S{many}-1", {"price": pounds(1)}, 200, ADMIN),
            ("DELETE", f"/variants/S{many}-0", None, 204, ADMIN),
        ):
            await rest.ok(method, where, body, status=status, user=user)
            counts.append(len(await db.taken()))
        assert len((await rest.ok("GET", path))["variants"]) == many - 1
        await db.taken()
        taken[many] = counts
    await db.close()
    assert taken[20] == taken[200] == taken[1_000]
