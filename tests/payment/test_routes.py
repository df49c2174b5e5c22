"""Payments over REST: an owner looks, an admin acts, a stranger sees nothing."""

from __future__ import annotations

import asyncio

from payment.conftest import CANCELED_ORDER, UNKNOWN_ORDER, House

from stoa.kit.ids import uuid7
from stoa.kit.staff_acts import list_acts
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
GBP_10 = {"amount": 1000, "currency": "GBP"}


def body(**changes):
    given = {"order_id": uuid7(), "amount": GBP_10, "payment": {"method": "card", "token": "tok_ok"}}
    return given | changes


async def test_the_longest_keys_that_differ_in_the_end_are_two(rest: Rest):
    penny = {"amount": {"amount": 1, "currency": "GBP"}}
    long = "k" * 254
    made = [await rest.ok("POST", "/payments", body(), status=201, user=ADMIN, key=f"{long}{end}") for end in "12"]
    assert made[0]["id"] != made[1]["id"]
    path = f"/payments/{made[0]['id']}"
    await rest.ok("POST", f"{path}/capture", user=ADMIN)
    given = [await rest.ok("POST", f"{path}/refund", penny, user=ADMIN, key=f"{long}{end}") for end in "12"]
    assert [each["refunded"]["amount"] for each in given] == [1, 2]


async def test_an_admin_takes_a_payment_and_gives_it_back(house: House, rest: Rest):
    made = await rest.ok("POST", "/payments", body(), status=201, user=ADMIN, key="k1")
    assert made == {
        "id": made["id"],
        "order_id": made["order_id"],
        "attempt": 1,
        "state": "authorized",
        "method": "card",
        "provider": "simulator",
        "amount": GBP_10,
        "refunded": {"amount": 0, "currency": "GBP"},
        "decline_reason": "",
        "kept_at": None,
        "version": made["version"],
        "refunds": [],
    }
    path = f"/payments/{made['id']}"
    captured = await rest.ok("POST", f"{path}/capture", user=ADMIN)
    assert captured["state"] == "captured"
    part = await rest.ok("POST", f"{path}/refund", {"amount": {"amount": 250, "currency": "GBP"}}, user=ADMIN, key="r1")
    assert (part["state"], part["refunded"]["amount"]) == ("partially_refunded", 250)
    again = await rest.send(
        "POST", f"{path}/refund", {"amount": {"amount": 250, "currency": "GBP"}}, user=ADMIN, key="r1"
    )
    assert again.body == part
    too_much = await rest.send(
        "POST", f"{path}/refund", {"amount": {"amount": 751, "currency": "GBP"}}, user=ADMIN, key="r2"
    )
    assert (too_much.status, too_much.problem, too_much.body["field"]) == (409, "refund-too-large", "amount")
    whole = await rest.ok("POST", f"{path}/void", {}, user=ADMIN)
    assert (whole["state"], whole["refunded"]) == ("refunded", GBP_10)
    assert [refund["state"] for refund in whole["refunds"]] == ["done", "done"]
    assert await house.balances() == {"customer_funds": -1000, "refunded": 1000}


async def test_a_refused_card_and_an_unknown_token(rest: Rest):
    declined = await rest.send(
        "POST", "/payments", body(payment={"method": "card", "token": "tok_declined"}), user=ADMIN, key="k1"
    )
    assert (declined.status, declined.problem) == (402, "payment-declined")
    unknown = await rest.send(
        "POST", "/payments", body(payment={"method": "card", "token": "tok_?"}), user=ADMIN, key="k2"
    )
    assert (unknown.status, unknown.body["field"]) == (422, "payment.token")


async def test_a_key_is_required_and_one_body_goes_with_it(house: House, rest: Rest):
    without = await rest.send("POST", "/payments", body(), user=ADMIN)
    assert (without.status, without.body["field"]) == (400, "Idempotency-Key")
    sent = body()
    first = await rest.ok("POST", "/payments", sent, status=201, user=ADMIN, key="k")
    again = await rest.send("POST", "/payments", sent, user=ADMIN, key="k")
    assert (again.status, again.body, again.headers["idempotent-replay"]) == (201, first, "true")
    other = await rest.send("POST", "/payments", body(), user=ADMIN, key="k")
    assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert await house.db.fetchval("SELECT count(*) FROM payments") == 1


async def test_who_sees_what(house: House, rest: Rest):
    owner, stranger = new_user(), new_user()
    payment = await house.authorized(user_id=owner.id)
    path = f"/payments/{payment.id}"
    assert (await rest.ok("GET", path, user=owner))["id"] == payment.id
    assert (await rest.ok("GET", path, user=ADMIN))["id"] == payment.id
    hidden = await rest.send("GET", path, user=stranger)
    missing = await rest.send("GET", f"/payments/{uuid7()}", user=stranger)
    assert (hidden.status, hidden.problem) == (missing.status, missing.problem) == (404, "payment-not-found")
    assert (await rest.send("GET", path)).status == 401
    for user, ids in ((owner, [payment.id]), (ADMIN, [payment.id]), (stranger, [])):
        found = await rest.ok("GET", f"/payments?order_id={payment.order_id}", user=user)
        assert [one["id"] for one in found["items"]] == ids


async def test_a_guests_payment_is_nobodys_but_the_admins(house: House, rest: Rest):
    payment = await house.authorized(user_id=None)
    assert (await rest.send("GET", f"/payments/{payment.id}", user=new_user())).status == 404
    assert (await rest.send("GET", f"/payments/{payment.id}")).status == 401
    await rest.ok("GET", f"/payments/{payment.id}", user=ADMIN)


async def test_only_admins_act(house: House, rest: Rest):
    owner = new_user()
    payment = await house.authorized(user_id=owner.id)
    for act in ("capture", "void", "refund"):
        for user, status in ((owner, 403), (None, 401)):
            answer = await rest.send(
                "POST", f"/payments/{payment.id}/{act}", {} if act != "capture" else None, user=user, key="k"
            )
            assert answer.status == status
    assert (await rest.send("POST", "/payments", body(), user=owner, key="k")).status == 403
    assert (await rest.send("GET", "/payments/ledger", user=owner)).status == 403
    assert await house.at_provider(payment.key) == ("authorized", 0)


async def test_wrong_states_are_conflicts(house: House, rest: Rest):
    payment = await house.authorized()
    early = await rest.send("POST", f"/payments/{payment.id}/refund", {}, user=ADMIN, key="r")
    assert (early.status, early.problem) == (409, "payment-state")
    await rest.ok("POST", f"/payments/{payment.id}/void", {}, user=ADMIN)
    late = await rest.send("POST", f"/payments/{payment.id}/capture", user=ADMIN)
    assert (late.status, late.problem) == (409, "payment-voided")
    assert await house.balances() == {}


async def test_bad_amounts_name_their_field(house: House, rest: Rest):
    for amount, field in (
        ({"amount": -1, "currency": "GBP"}, "amount.amount"),
        ({"amount": 10**15, "currency": "GBP"}, "amount.amount"),
        ({"amount": 1.5, "currency": "GBP"}, "amount.amount"),
        ({"amount": 1, "currency": "pounds"}, "amount.currency"),
        (5, "amount"),
    ):
        answer = await rest.send("POST", "/payments", body(amount=amount), user=ADMIN, key="k")
        assert (answer.status, answer.body["field"]) == (422, field)
    payment = await house.captured()
    nothing = await rest.send(
        "POST", f"/payments/{payment.id}/refund", {"amount": {"amount": 0, "currency": "GBP"}}, user=ADMIN, key="k"
    )
    assert (nothing.status, nothing.body["field"]) == (422, "amount.amount")
    assert await house.balances() == {"customer_funds": -1000, "captured": 1000}


async def test_the_ledger_pages(house: House, rest: Rest):
    one = await house.captured()
    await house.captured()
    seen = []
    path = "/payments/ledger?limit=3"
    while path:
        page = await rest.ok("GET", path, user=ADMIN)
        seen += page["items"]
        path = f"/payments/ledger?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert len(seen) == 8
    assert sum(entry["amount"]["amount"] for entry in seen) == 0
    of_one = await rest.ok("GET", f"/payments/ledger?payment_id={one.id}", user=ADMIN)
    assert [(entry["movement"], entry["account"], entry["amount"]["amount"]) for entry in of_one["items"]] == [
        ("authorize", "customer_funds", -1000),
        ("authorize", "authorized", 1000),
        ("capture", "authorized", -1000),
        ("capture", "captured", 1000),
    ]


async def test_a_webhook_without_a_signature_is_refused(rest: Rest):
    answer = await rest.send("POST", "/payments/webhooks/simulator", raw=b"not even JSON")
    assert (answer.status, answer.problem) == (401, "bad-signature")


async def test_an_order_is_not_paid_twice_nor_one_that_cannot_be(rest: Rest, house: House):
    order_id = uuid7()
    await rest.ok("POST", "/payments", body(order_id=order_id), status=201, user=ADMIN, key="first")
    for sent, status, slug in (
        (body(order_id=order_id), 409, "order-has-payment"),
        (body(order_id=UNKNOWN_ORDER), 404, "order-not-found"),
        (body(order_id=CANCELED_ORDER), 409, "order-not-payable"),
    ):
        refused = await rest.send("POST", "/payments", sent, user=ADMIN, key=uuid7())
        assert (refused.status, refused.body["type"], refused.body["field"]) == (
            status,
            f"/problems/{slug}",
            "order_id",
        )
    assert await house.payments.db.fetchval("SELECT count(*) FROM payments") == 1


async def test_a_refused_card_may_be_followed_by_another(rest: Rest):
    order_id = uuid7()
    declined = body(order_id=order_id, payment={"method": "card", "token": "tok_declined"})
    assert (await rest.send("POST", "/payments", declined, user=ADMIN, key="one")).status == 402
    again = await rest.ok("POST", "/payments", body(order_id=order_id), status=201, user=ADMIN, key="two")
    assert again["attempt"] == 2


async def test_what_an_admin_did_is_kept_once(rest: Rest, house: House):
    made = await rest.ok("POST", "/payments", body(), status=201, user=ADMIN, key="new")
    one = f"/payments/{made['id']}"
    for _ in range(2):
        await rest.ok("POST", f"{one}/capture", user=ADMIN)
        await rest.ok("POST", f"{one}/refund", {"amount": {"amount": 300, "currency": "GBP"}}, user=ADMIN, key="back")
    for _ in range(2):
        await rest.ok("POST", f"{one}/void", {"reason": "fraud"}, user=ADMIN)
    acts = [
        (act.actor, act.act, act.subject, act.before, act.after, act.reason)
        for act in await list_acts(house.db, limit=9)
    ]
    assert acts[::-1] == [
        (ADMIN.id, "payment.asked", made["order_id"], None, {"amount_minor": made["amount"]["amount"]}, ""),
        (ADMIN.id, "payment.capture_asked", made["id"], None, {"amount_minor": made["amount"]["amount"]}, ""),
        (ADMIN.id, "payment.refunded", made["id"], {"refund_asked_minor": 0}, {"refund_asked_minor": 300}, "operator"),
        (
            ADMIN.id,
            "payment.voided",
            made["id"],
            {"state": "partially_refunded", "void_reason": None},
            {"state": "partially_refunded", "void_reason": "fraud"},
            "fraud",
        ),
    ]


async def test_of_two_who_have_seen_a_payment_one_gives_back(rest: Rest):
    made = await rest.ok("POST", "/payments", body(), status=201, user=ADMIN, key="k1")
    path = f"/payments/{made['id']}"
    stale = {"if-match": f'"{made["version"] - 1}"'}
    refused = await rest.send("POST", f"{path}/capture", user=ADMIN, headers=stale)
    assert (refused.status, refused.problem, refused.body["now"]) == (412, "version-mismatch", made["version"])
    seen = await rest.send("GET", path, user=ADMIN)
    assert seen.body == made
    captured = await rest.send("POST", f"{path}/capture", user=ADMIN, headers={"if-match": seen.headers["etag"]})
    assert (captured.status, captured.body["state"]) == (200, "captured")
    penny, tag = {"amount": {"amount": 1, "currency": "GBP"}}, {"if-match": captured.headers["etag"]}
    given = [rest.send("POST", f"{path}/refund", penny, user=ADMIN, key=key, headers=tag) for key in ("a", "b")]
    first, second = sorted(await asyncio.gather(*given), key=lambda each: each.status)
    assert (first.status, second.status, second.problem) == (200, 412, "version-mismatch")
    assert (await rest.ok("GET", path, user=ADMIN))["refunded"]["amount"] == 1
    assert (await rest.send("POST", f"{path}/void", {}, user=ADMIN, headers=tag)).status == 412
    voided = await rest.send("POST", f"{path}/void", {}, user=ADMIN, headers={"if-match": "*"})
    assert (voided.status, voided.body["state"]) == (200, "refunded")
