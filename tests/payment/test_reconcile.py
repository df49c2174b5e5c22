"""What differs is found on a timer, kept in sight, and ends when it is found no more or somebody has settled it."""

from __future__ import annotations

import asyncio

import pytest
from payment.conftest import House, gbp, new_payment

from stoa.kit.ids import uuid7
from stoa.services.payment.authorize_payment import authorize
from stoa.services.payment.drift import Standing
from stoa.services.payment.errors import ProviderSilent
from stoa.services.payment.reconcile import reconcile_due, reconcile_now
from stoa.services.payment.refund_payment import refund_by_hand
from stoa.services.payment.states import Payment
from stoa.services.payment.void_payment import void
from stoa.testing import new_user

ADMIN = new_user("admin")


async def due(house: House) -> None:
    """As if the time of all had come."""
    await house.db.execute("UPDATE payments SET reconcile_at = now() WHERE reconcile_at IS NOT NULL")


async def reconcile(house: House) -> float | None:
    await due(house)
    return await reconcile_due(house.payments)


async def sold(house: House, **changes: object) -> Payment:
    payment = await house.captured(**changes)
    assert payment.order_id is not None
    house.orders[payment.order_id] = Standing("confirmed", payment.amount)
    return payment


async def open_drifts(house: House) -> list[tuple[str, str, str, str]]:
    rows = await house.db.fetch("SELECT payment_id, kind, here, there FROM drifts WHERE ended_at IS NULL ORDER BY id")
    return [tuple(row) for row in rows]


async def test_what_was_sold_agrees_and_is_looked_at_again_a_day_later(house):
    payment = await sold(house)
    assert 590 < await reconcile_due(house.payments) <= 600
    again = await reconcile(house)
    assert 86_000 < again <= 86_400
    assert await open_drifts(house) == []
    for days, following in ((2, 7), (8, 30)):
        await house.db.execute("UPDATE payments SET created_at = now() - make_interval(days => $1)", days)
        again = await reconcile(house)
        assert abs(again - (following - days) * 86_400) < 60
    await house.db.execute("UPDATE payments SET created_at = now() - interval '31 days'")
    assert await reconcile(house) is None
    await refund_by_hand(house.payments, payment.id, "operator:1", "kindness", gbp(100))
    assert 590 < await reconcile_due(house.payments) <= 600


async def test_what_is_refunded_at_the_provider_is_found_and_ends_when_it_is_booked(house):
    payment = await sold(house)
    await house.line.provider.refund(payment.key, refund_key="by its own dashboard", amount=gbp(250))
    again = await reconcile(house)
    assert 3_500 < again <= 3_600
    assert await open_drifts(house) == [(payment.id, "provider-refunds", "0.00 GBP", "2.50 GBP")]
    await reconcile(house)
    assert len(await open_drifts(house)) == 1
    await house.db.execute("UPDATE simulator.payments SET refunded_minor = 0")
    await reconcile(house)
    assert await open_drifts(house) == []
    assert await house.db.fetchval("SELECT count(*) FROM drifts WHERE note IS NULL") == 1


async def test_each_side_is_compared(house):
    agrees, no_order, unledgered, held_there = [await sold(house) for _ in range(3)] + [await house.authorized()]
    canceled = await sold(house)
    house.orders[canceled.order_id] = Standing("canceled", gbp(0))
    del house.orders[no_order.order_id]
    await void(house.payments, held_there.key, "no")
    await house.db.execute("UPDATE simulator.payments SET status = 'authorized' WHERE key = $1", held_there.key)
    await house.db.execute("ALTER TABLE ledger DISABLE TRIGGER USER")
    await house.db.execute("DELETE FROM ledger WHERE payment_id = $1 AND movement = 'capture'", unledgered.id)
    await reconcile(house)
    assert sorted(await open_drifts(house)) == sorted(
        [
            (no_order.id, "order-missing", "10.00 GBP taken", "no order"),
            (
                unledgered.id,
                "ledger",
                "captured: authorized 0.00 GBP, captured 10.00 GBP",
                "authorized 10.00 GBP, captured 0.00 GBP",
            ),
            (held_there.id, "provider-state", "voided", "authorized"),
            (canceled.id, "order-keeps", "10.00 GBP left", "0.00 GBP kept, canceled"),
        ]
    )
    assert agrees.id not in {payment_id for payment_id, *_ in await open_drifts(house)}


async def test_what_was_captured_there_alone_is_booked_first(house):
    payment = await house.authorized()
    house.orders[payment.order_id] = Standing("confirmed", payment.amount)
    await house.line.provider.capture(payment.key)
    await reconcile(house)
    assert (await house.row(payment.key))["state"] == "captured"
    assert await open_drifts(house) == []


async def test_a_silent_provider_is_asked_again_and_nothing_is_said(hasty):
    payment = await sold(hasty)
    hasty.line.deaf.add("query")
    assert 590 < await reconcile(hasty) <= 600
    await hasty.line.provider.refund(payment.key, refund_key="r", amount=gbp(250))
    assert await open_drifts(hasty) == []
    hasty.line.deaf.clear()
    await reconcile(hasty)
    assert len(await open_drifts(hasty)) == 1
    hasty.line.deaf.add("query")
    await reconcile(hasty)
    assert len(await open_drifts(hasty)) == 1


async def test_what_owes_an_answer_and_tombstones_are_left_alone(hasty):
    hasty.line.deaf.add("authorize")
    await authorize(hasty.payments, new_payment(), "tok_ok")
    await void(hasty.payments, uuid7(), "never came")
    assert 590 < await reconcile(hasty) <= 600
    assert await open_drifts(hasty) == []


async def test_two_processes_find_it_once(house):
    for _ in range(5):
        await house.captured()
    await due(house)
    await asyncio.gather(*(reconcile_due(house.payments) for _ in range(4)))
    assert len(await open_drifts(house)) == 5


async def test_staff_list_compare_and_settle(house, rest):
    first, second = await sold(house), await house.captured()
    found = await rest.ok("POST", f"/payments/{second.id}/reconcile", user=ADMIN)
    [drift] = found["items"]
    assert (drift["payment_id"], drift["order_id"], drift["kind"], drift["here"], drift["there"], drift["note"]) == (
        second.id,
        second.order_id,
        "order-missing",
        "10.00 GBP taken",
        "no order",
        None,
    )
    assert (await rest.ok("POST", f"/payments/{first.id}/reconcile", user=ADMIN))["items"] == []
    assert (await rest.ok("GET", "/payments/drifts", user=ADMIN))["items"] == [drift]
    path = f"/payments/drifts/{drift['id']}/settle"
    assert (await rest.send("POST", path, {"note": "given back in cash"}, user=ADMIN)).status == 204
    assert (await rest.ok("GET", "/payments/drifts", user=ADMIN))["items"] == []
    again = await rest.send("POST", path, {"note": "again"}, user=ADMIN)
    assert (again.status, again.body["type"], again.body["field"]) == (404, "/problems/not-found", "drift_id")
    # It says the same as when it was settled, so it is not found again; what says something else is.
    [settled] = (await rest.ok("POST", f"/payments/{second.id}/reconcile", user=ADMIN))["items"]
    assert settled["note"] == "given back in cash"
    await refund_by_hand(house.payments, second.id, "operator:1", "kindness", gbp(100))
    [new, _] = (await rest.ok("POST", f"/payments/{second.id}/reconcile", user=ADMIN))["items"]
    assert (new["here"], new["ended_at"]) == ("9.00 GBP taken", None)
    kept = await house.db.fetchrow("SELECT subject, reason FROM staff_acts WHERE act = 'drift.settled'")
    assert tuple(kept) == (second.id, "given back in cash")


async def test_pages_of_what_differs(house, rest):
    for _ in range(5):
        await house.captured()
    await reconcile(house)
    page = await rest.ok("GET", "/payments/drifts?limit=3", user=ADMIN)
    rest_of_it = await rest.ok("GET", f"/payments/drifts?limit=3&cursor={page['next_cursor']}", user=ADMIN)
    assert (len(page["items"]), len(rest_of_it["items"]), rest_of_it["next_cursor"]) == (3, 2, None)


async def test_who_waits_is_told_that_nobody_can_say(hasty):
    payment = await hasty.captured()
    hasty.line.deaf.add("query")
    with pytest.raises(ProviderSilent):
        await reconcile_now(hasty.payments, payment.id)
