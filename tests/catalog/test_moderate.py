"""What staff withhold only staff bring back; and it is kept who did it."""

from __future__ import annotations

import pytest

from stoa.kit import staff_acts
from stoa.services.catalog import variants_repository
from stoa.services.catalog.pricing import EVERYBODY

from .conftest import ADMIN, CUSTOMER, OTHER_SELLER, SELLER, pounds

WHY = {"reason": "A counterfeit"}


async def for_sale(shop, sku="MUG-0") -> bool:
    return bool(await variants_repository.variants_for_sale(shop.db, [sku], EVERYBODY))


async def acts(shop, product_id):
    return [
        (act.act, act.actor, act.before, act.after, act.reason)
        for act in reversed(await staff_acts.list_acts(shop.db, subject=product_id, limit=10))
    ]


async def test_what_is_withheld_is_neither_seen_nor_bought(shop):
    mug = await shop.add("mug", 500, user=SELLER)
    shown = await shop.rest.ok("POST", "/products/mug/withhold", WHY, user=ADMIN)
    assert (shown["status"], shown["standing"], shown["version"]) == ("active", "withheld", 2)
    assert shown["withheld"] == WHY | {"at": shown["withheld"]["at"]}
    assert (await shop.rest.send("GET", "/products/mug")).problem == "no-such-product"
    assert await shop.slugs("") == []
    assert not await for_sale(shop)
    assert await shop.announced() == [
        ("product.created", "mug", 1, ["MUG-0"]),
        ("product.updated", "mug", 2, []),
    ]
    # Its seller and staff see it, and why.
    for user in (SELLER, ADMIN):
        assert (await shop.rest.ok("GET", "/products/mug", user=user))["withheld"]["reason"] == WHY["reason"]
        assert await shop.slugs("status=withheld", user) == ["mug"]
    assert await shop.slugs("status=withheld", OTHER_SELLER) == []
    assert await acts(shop, mug["id"]) == [
        ("product.withheld", ADMIN.id, {"standing": "active"}, {"standing": "withheld"}, WHY["reason"])
    ]


async def test_what_is_withheld_does_not_show_itself_to_other_sellers(shop):
    await shop.add("mug", 500, user=SELLER)
    assert (await shop.rest.send("PATCH", "/products/mug", {"name": "Mine"}, user=OTHER_SELLER)).status == 403
    await shop.rest.ok("POST", "/products/mug/withhold", WHY, user=ADMIN)
    before = await shop.rest.ok("GET", "/products/mug", user=SELLER)
    variant = {"sku": "MINE-0", "price": pounds(400)}
    for method, path, body in (
        ("GET", "/products/mug", None),
        ("PATCH", "/products/mug", {"name": "Mine"}),
        ("PUT", "/products/mug", {"name": "Mine", "version": 2}),
        ("DELETE", "/products/mug", None),
        ("POST", "/products/mug/variants", variant),
        ("PUT", "/variants/MUG-0", {"price": pounds(400)}),
        ("DELETE", "/variants/MUG-0", None),
    ):
        answer = await shop.rest.send(method, path, body, user=OTHER_SELLER)
        assert (answer.status, answer.problem) == (404, "no-such-product"), (method, path)
    assert await shop.rest.ok("GET", "/products/mug", user=SELLER) == before


async def test_only_staff_bring_it_back(shop):
    mug = await shop.add("mug", 500, user=SELLER)
    await shop.rest.ok("POST", "/products/mug/withhold", WHY, user=ADMIN)
    # He may mend it, also as a whole, and it stays withheld.
    body = {"name": "An honest mug", "version": 2, "variants": [{"sku": "MUG-0", "price": pounds(400)}]}
    put = await shop.rest.ok("PUT", "/products/mug", body, user=SELLER)
    assert (put["status"], put["standing"], put["name"]) == ("active", "withheld", "An honest mug")
    await shop.rest.ok("PATCH", "/products/mug", {"status": "draft"}, user=SELLER)
    before = await shop.rest.ok("GET", "/products/mug", user=SELLER)
    answer = await shop.rest.send("PATCH", "/products/mug", {"status": "active"}, user=SELLER)
    assert (answer.status, answer.problem, answer.body["field"]) == (409, "product-withheld", "status")
    assert WHY["reason"] in answer.body["detail"]
    assert await shop.rest.ok("GET", "/products/mug", user=SELLER) == before
    back = await shop.rest.ok("POST", "/products/mug/reinstate", {"reason": "It is honest"}, user=ADMIN)
    assert (back["status"], back["standing"], back["withheld"]) == ("draft", "draft", None)
    await shop.rest.ok("PATCH", "/products/mug", {"status": "active"}, user=SELLER)
    assert await for_sale(shop)
    assert (await acts(shop, mug["id"]))[-1] == (
        "product.reinstated",
        ADMIN.id,
        {"standing": "withheld"},
        {"standing": "draft"},
        "It is honest",
    )


async def test_what_staff_archive_of_a_seller_he_cannot_bring_back(shop):
    await shop.add("mug", 500, user=SELLER)
    await shop.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    answer = await shop.rest.send("PATCH", "/products/mug", {"status": "active"}, user=SELLER)
    assert (answer.status, answer.problem) == (409, "product-withheld")
    assert not await for_sale(shop)
    # What he archived himself he can.
    await shop.add("cup", 500, user=SELLER)
    await shop.rest.ok("DELETE", "/products/cup", status=204, user=SELLER)
    await shop.rest.ok("PATCH", "/products/cup", {"status": "active"}, user=SELLER)
    assert await for_sale(shop, "CUP-0")


@pytest.mark.parametrize("act", ["withhold", "reinstate"])
async def test_a_repeat_changes_nothing(shop, act):
    mug = await shop.add("mug", 500)
    await shop.rest.ok("POST", "/products/mug/withhold", WHY, user=ADMIN)
    first = await shop.rest.ok("POST", f"/products/mug/{act}", WHY, user=ADMIN)
    told = (await shop.announced(), await acts(shop, mug["id"]))
    assert await shop.rest.ok("POST", f"/products/mug/{act}", {"reason": "Again"}, user=ADMIN) == first
    assert (await shop.announced(), await acts(shop, mug["id"])) == told


@pytest.mark.parametrize("act", ["withhold", "reinstate"])
async def test_others_may_not(shop, act):
    await shop.add("mug", 500, user=SELLER)
    before = await shop.rest.ok("GET", "/products/mug")
    for user, status in ((None, 401), (CUSTOMER, 403), (SELLER, 403)):
        assert (await shop.rest.send("POST", f"/products/mug/{act}", WHY, user=user)).status == status
    for body, field in (({}, "reason"), ({"reason": ""}, "reason"), ({"reason": " "}, "reason")):
        answer = await shop.rest.send("POST", f"/products/mug/{act}", body, user=ADMIN)
        assert (answer.status, answer.body["field"]) == (422, field)
    assert await shop.rest.ok("GET", "/products/mug") == before


async def test_what_staff_change_is_kept_and_what_a_seller_changes_is_his(shop):
    mug = await shop.add("mug", 500, 700)
    await shop.rest.ok("PUT", "/variants/MUG-1", {"price": pounds(800)}, user=ADMIN)
    await shop.rest.ok("DELETE", "/products/mug", status=204, user=ADMIN)
    assert await acts(shop, mug["id"]) == [
        (
            "product.added",
            ADMIN.id,
            None,
            {"status": "active", "withheld": False, "prices": {"MUG-0": 500, "MUG-1": 700}},
            "",
        ),
        (
            "product.changed",
            ADMIN.id,
            {"status": "active", "withheld": False, "prices": {"MUG-1": 700}},
            {"status": "active", "withheld": False, "prices": {"MUG-1": 800}, "changed": ["variants"]},
            "",
        ),
        (
            "product.archived",
            ADMIN.id,
            {"status": "active", "withheld": False, "prices": {}},
            {"status": "archived", "withheld": False, "prices": {}},
            "",
        ),
    ]
    cup = await shop.add("cup", 500, user=SELLER)
    await shop.rest.ok("PUT", "/variants/CUP-0", {"price": pounds(800)}, user=SELLER)
    assert await acts(shop, cup["id"]) == []
    # Of a text it is kept that it was changed, and not what it says.
    await shop.rest.ok("PATCH", "/products/cup", {"name": "Ada's cup", "tags": ["tea"]}, user=ADMIN)
    judged = {"status": "active", "withheld": False, "prices": {}}
    assert await acts(shop, cup["id"]) == [
        ("product.changed", ADMIN.id, judged, judged | {"changed": ["name", "tags"]}, "")
    ]
