"""The API of staff: what it keeps, what it answers, and what it refuses with which field."""

from __future__ import annotations

import pytest
from campaign.conftest import TEN_PERCENT, gbp, redemption

from stoa.kit.ids import uuid7
from stoa.testing import new_user, who_may

EDITOR = who_may("campaign.campaigns.edit", "campaign.campaigns.read")
READER = who_may("campaign.campaigns.read")

SAID = {
    "name": "Spring",
    "description": "All mugs",
    "state": "active",
    "by_coupon": True,
    "priority": 5,
    "exclusive": False,
    "combination_sets": ["goods"],
    "starts_at": "2026-03-01T00:00:00Z",
    "ends_at": "2036-06-01T00:00:00Z",
    "hours": {"time_zone": "Europe/Berlin", "times": [{"days": ["sat", "sun"], "opens": "08:00", "closes": "24:00"}]},
    "selection": {"skus": ["A", "B"], "products": [], "categories": [], "collections": [], "brands": []},
    "conditions": {"customer_groups": [], "least_subtotal": [gbp(2000)], "least_quantity": 2, "first_order": False},
    "effects": [
        TEN_PERCENT | {"amounts": [], "buy": None, "get": None, "most_times": None, "methods": [], "tiers": []}
    ],
    "limits": {"most_uses": 100, "most_uses_per_customer": 1, "budget": [gbp(50_000)]},
}


async def made(rest, **said):
    return await rest.ok("POST", "/campaigns", SAID | {"name": uuid7()} | said, user=EDITOR, status=201)


async def test_what_is_said_is_kept(rest):
    answer = await rest.ok("POST", "/campaigns", SAID, user=EDITOR, status=201)
    assert {name: answer[name] for name in SAID} == SAID
    assert (answer["used"], answer["spent"], answer["version"]) == (0, [{"amount": 0, "currency": "GBP"}], 1)
    assert await rest.ok("GET", f"/campaigns/{answer['id']}", user=READER) == answer


async def test_a_draft_with_nothing_else_said_is_for_everything(rest):
    answer = await rest.ok("POST", "/campaigns", {"name": "Plain", "effects": [TEN_PERCENT]}, user=EDITOR, status=201)
    assert (answer["state"], answer["by_coupon"], answer["priority"], answer["hours"]) == ("draft", False, 0, None)


async def test_a_change_says_all_and_counts(rest, shop):
    campaign = await made(rest)
    path = f"/campaigns/{campaign['id']}"
    changed = await rest.ok("PUT", path, SAID | {"name": "Summer"}, user=EDITOR, headers={"if-match": '"1"'})
    assert (changed["name"], changed["version"]) == ("Summer", 2)
    again = await rest.ok("PUT", path, SAID | {"name": "Summer"}, user=EDITOR)
    assert again == changed
    stale = await rest.send("PUT", path, SAID, user=EDITOR, headers={"if-match": '"1"'})
    assert (stale.status, stale.problem) == (412, "version-mismatch")
    acts = await shop.db.fetch("SELECT act, subject FROM staff_acts ORDER BY id")
    assert [tuple(row) for row in acts] == [("campaign.added", campaign["id"]), ("campaign.changed", campaign["id"])]


async def test_what_has_ended_stays_and_what_is_no_draft_is_not_removed(rest, shop):
    campaign = await made(rest)
    path = f"/campaigns/{campaign['id']}"
    refused = await rest.send("DELETE", path, user=EDITOR)
    assert (refused.status, refused.problem) == (409, "campaign-in-use")
    await rest.ok("PUT", path, SAID | {"state": "ended"}, user=EDITOR)
    refused = await rest.send("PUT", path, SAID, user=EDITOR)
    assert (refused.status, refused.problem) == (409, "campaign-ended")
    assert (await rest.ok("GET", path, user=READER))["state"] == "ended"
    refused = await rest.send("POST", f"{path}/coupons", {"code": "LATE"}, user=EDITOR)
    assert (refused.status, refused.problem) == (409, "campaign-ended")


async def test_a_draft_is_removed_with_its_codes(rest, shop):
    campaign = await made(rest, state="draft")
    path = f"/campaigns/{campaign['id']}"
    await rest.ok("POST", f"{path}/coupons", {"code": "EARLY"}, user=EDITOR, status=201)
    await rest.ok("DELETE", path, user=EDITOR, status=204)
    assert (await rest.send("GET", path, user=READER)).problem == "no-such-campaign"
    assert await shop.db.fetch("SELECT FROM coupons") == []


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"effects": []}, "effects"),
        ({"effects": [{"kind": "percentage"}]}, "effects[0].basis_points"),
        ({"effects": [TEN_PERCENT | {"amounts": [gbp(1)]}]}, "effects[0].amounts"),
        ({"effects": [{"kind": "percentage", "basis_points": 10_001}]}, "effects[0].basis_points"),
        ({"effects": [{"kind": "amount", "amounts": [gbp(0)]}]}, "effects[0].amounts[0].amount"),
        ({"effects": [{"kind": "amount", "amounts": [gbp(1), gbp(2)]}]}, "effects[0].amounts[1].currency"),
        ({"effects": [{"kind": "buy_get", "buy": 1, "basis_points": 1}]}, "effects[0].get"),
        ({"effects": [{"kind": "free_shipping", "basis_points": 1}]}, "effects[0].basis_points"),
        ({"effects": [{"kind": "gift"}]}, "effects[0].kind"),
        ({"effects": [{"kind": "tiered"}]}, "effects[0].tiers"),
        ({"effects": [{"kind": "tiered", "tiers": [{"basis_points": 1}]}]}, "effects[0].tiers[0].least_quantity"),
        ({"effects": [{"kind": "tiered", "tiers": [{"least_quantity": 1}]}]}, "effects[0].tiers[0].basis_points"),
        (
            {"effects": [{"kind": "tiered", "tiers": [{"least_quantity": 1, "basis_points": 1}] * 2}]},
            "effects[0].tiers[1]",
        ),
        ({"ends_at": SAID["starts_at"]}, "ends_at"),
        ({"starts_at": "1700-01-01T00:00:00Z"}, "starts_at"),
        ({"hours": {"time_zone": "Mars/Olympus", "times": [{"days": ["mon"]}]}}, "hours.time_zone"),
        ({"hours": {"time_zone": "../etc/passwd", "times": [{"days": ["mon"]}]}}, "hours.time_zone"),
        ({"hours": {"time_zone": "UTC", "times": [{"days": ["mon"], "opens": "24:00"}]}}, "hours.times[0].opens"),
        ({"hours": {"time_zone": "UTC", "times": [{"days": ["mon"], "opens": "9:00"}]}}, "hours.times[0].opens"),
        ({"limits": {"budget": [gbp(0)]}}, "limits.budget[0].amount"),
        ({"limits": {"most_uses": 0}}, "limits.most_uses"),
        ({"selection": {"brands": ["acme"]}}, "selection.brands[0]"),
        ({"priority": 1001}, "priority"),
        ({"used": 3}, "used"),
    ],
)
async def test_what_is_no_campaign(rest, shop, said, field):
    refused = await rest.send("POST", "/campaigns", SAID | said, user=EDITOR)
    assert (refused.status, refused.body["field"]) == (422, field)
    assert await shop.db.fetch("SELECT FROM campaigns") == []


async def test_a_name_is_of_one(rest):
    await made(rest, name="Spring")
    refused = await rest.send("POST", "/campaigns", SAID, user=EDITOR)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "campaign-name-taken", "name")


@pytest.mark.parametrize(
    ("limits", "field", "used"),
    [({"most_uses": 1}, "limits.most_uses", 2), ({"budget": [gbp(199)]}, "limits.budget[0].amount", 200)],
)
async def test_a_limit_is_not_below_what_was_used(rest, shop, limits, field, used):
    campaign = await made(rest)
    await shop.redeem(redemption(campaign["id"]), redemption(campaign["id"]))
    refused = await rest.send("PUT", f"/campaigns/{campaign['id']}", SAID | {"limits": limits}, user=EDITOR)
    assert (refused.status, refused.problem) == (409, "limit-below-used")
    assert (refused.body["field"], refused.body["used"]) == (field, used)
    kept = await rest.ok("GET", f"/campaigns/{campaign['id']}", user=READER)
    assert (kept["limits"], kept["used"], kept["spent"]) == (SAID["limits"], 2, [{"amount": 200, "currency": "GBP"}])


async def test_only_so_many_run_at_once(rest, shop):
    object.__setattr__(shop.campaigns.settings, "most_running", 2)
    first, _ = await made(rest), await made(rest)
    refused = await rest.send("POST", "/campaigns", SAID, user=EDITOR)
    assert (refused.status, refused.problem, refused.body["most"]) == (409, "too-many-campaigns", 2)
    await made(rest, state="draft")
    await rest.ok("PUT", f"/campaigns/{first['id']}", SAID | {"state": "paused"}, user=EDITOR)
    await made(rest)


async def test_campaigns_are_listed_newest_first_and_by_state(rest):
    campaigns = [await made(rest, state=state) for state in ("draft", "active", "draft")]
    page = await rest.ok("GET", "/campaigns?limit=2", user=READER)
    rest_of_it = await rest.ok("GET", f"/campaigns?limit=2&cursor={page['next_cursor']}", user=READER)
    assert [one["id"] for one in page["items"] + rest_of_it["items"]] == [one["id"] for one in campaigns[::-1]]
    drafts = await rest.ok("GET", "/campaigns?state=draft", user=READER)
    assert [one["id"] for one in drafts["items"]] == [campaigns[2]["id"], campaigns[0]["id"]]


async def test_codes_are_given_out_listed_and_revoked(rest):
    path = f"/campaigns/{(await made(rest))['id']}/coupons"
    for code in ("summer-5", "Autumn", "SPRING"):
        await rest.ok("POST", path, {"code": code, "most_uses": 7}, user=EDITOR, status=201)
    page = await rest.ok("GET", f"{path}?limit=2", user=READER)
    assert [(one["code"], one["most_uses"], one["used"]) for one in page["items"]] == [
        ("AUTUMN", 7, 0),
        ("SPRING", 7, 0),
    ]
    last = await rest.ok("GET", f"{path}?limit=2&cursor={page['next_cursor']}", user=READER)
    assert ([one["code"] for one in last["items"]], last["next_cursor"]) == (["SUMMER-5"], None)
    revoked = await rest.ok("DELETE", f"{path}/autumn", user=EDITOR)
    assert revoked["revoked_at"]
    assert await rest.ok("DELETE", f"{path}/Autumn", user=EDITOR) == revoked
    assert await rest.ok("GET", f"{path}/AUTUMN", user=READER) == revoked
    assert (await rest.send("DELETE", f"{path}/winter", user=EDITOR)).problem == "no-such-coupon"


async def test_a_code_is_of_one_campaign_whatever_its_case(rest):
    first, second = await made(rest), await made(rest)
    await rest.ok("POST", f"/campaigns/{first['id']}/coupons", {"code": "Spring"}, user=EDITOR, status=201)
    refused = await rest.send("POST", f"/campaigns/{second['id']}/coupons", {"code": "sPRING"}, user=EDITOR)
    assert (refused.status, refused.problem, refused.body["field"]) == (409, "coupon-taken", "code")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"code": "A"}, "code"),
        ({"code": "AUTUMN 10"}, "code"),
        ({"code": "AUTUMN", "most_uses": 0}, "most_uses"),
        ({"code": "AUTUMN", "starts_at": "2026-03-01T00:00:00Z", "ends_at": "2026-03-01T00:00:00Z"}, "ends_at"),
    ],
)
async def test_what_is_no_code(rest, shop, body, field):
    campaign = await made(rest)
    refused = await rest.send("POST", f"/campaigns/{campaign['id']}/coupons", body, user=EDITOR)
    assert (refused.status, refused.body["field"]) == (422, field)
    assert await shop.db.fetch("SELECT FROM coupons") == []


async def test_what_applies_of_itself_has_no_codes(rest):
    campaign = await made(rest, by_coupon=False)
    refused = await rest.send("POST", f"/campaigns/{campaign['id']}/coupons", {"code": "SPRING"}, user=EDITOR)
    assert (refused.status, refused.problem) == (409, "campaign-needs-no-code")


@pytest.mark.parametrize("count", [1, 20, 1_000])
async def test_many_codes_that_nobody_guesses(rest, shop, count, asked):
    campaign = await made(rest)
    path = f"/campaigns/{campaign['id']}/coupons/generate"
    asked.clear()
    answer = await rest.ok("POST", path, {"count": count, "prefix": "mail-"}, user=EDITOR, status=201)
    codes = [one["code"] for one in answer["items"]]
    assert len({*codes}) == count
    assert codes == sorted(codes)
    assert all(code.startswith("MAIL-") and len(code) == 15 for code in codes)
    assert {one["most_uses"] for one in answer["items"]} == {1}
    assert len([sql for sql in asked if "coupons" in sql]) == 1


async def test_which_orders_used_it(rest, shop):
    campaign = await made(rest)
    await rest.ok("POST", f"/campaigns/{campaign['id']}/coupons", {"code": "SPRING"}, user=EDITOR, status=201)
    first, second = redemption(campaign["id"], "SPRING", 300), redemption(campaign["id"], "SPRING", 40)
    await shop.redeem(first, second)
    await shop.cancel(first.order_id)
    path = f"/campaigns/{campaign['id']}/redemptions"
    page = await rest.ok("GET", f"{path}?limit=1", user=READER)
    last = await rest.ok("GET", f"{path}?limit=1&cursor={page['next_cursor']}", user=READER)
    listed = [*page["items"], *last["items"]]
    assert [(one["order_id"], one["code"], one["amount"]) for one in listed] == [
        (second.order_id, "SPRING", gbp(40)),
        (first.order_id, "SPRING", gbp(300)),
    ]
    assert [one["released_at"] is None for one in listed] == [True, False]


@pytest.mark.parametrize("path", ["", "/coupons", "/redemptions"])
async def test_of_none_there_is_nothing(rest, path):
    answer = await rest.send("GET", f"/campaigns/{uuid7()}{path}", user=READER)
    assert (answer.status, answer.problem) == (404, "no-such-campaign")


async def test_who_only_reads_changes_nothing(rest):
    assert (await rest.send("POST", "/campaigns", SAID, user=READER)).status == 403
    assert (await rest.send("GET", "/campaigns", user=new_user())).status == 403
