"""Invariant 5: every event reached every subscriber, and had its effect once."""

from __future__ import annotations

from datetime import timedelta

from stoa import app
from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side
from stoa.kit import clock
from stoa.kit.hearers import OWED_TO_OTHERS
from stoa.kit.ids import first_uuid7

COMPARED = timedelta(days=20)
"""Inboxes forget what was done a month ago; what is older than this is no longer compared."""

# Since the hearer hears of it: what was announced before is not owed to it.
ANNOUNCED = """
    SELECT event_id AS key, log.type
    FROM event_log AS log JOIN hearers ON hearers.recipient = $3 AND hearers.type = log.type
    WHERE event_id >= $1 AND log.type = ANY ($2) AND log.id > hearers.after_id ORDER BY event_id
"""

DONE = "SELECT event_id AS key FROM inbox WHERE event_id >= $1 AND done_at IS NOT NULL ORDER BY event_id"

PARKED = "SELECT event_id, type FROM inbox WHERE done_at IS NULL AND parked_at IS NOT NULL"

PARKED_ON_THE_WAY = "SELECT recipient, subject, reason FROM outbox_parked"

# What an operator gave up, by the event and by what it was of. `stoa parked` asks for a reason.
DISCARDED = """
    SELECT subject COLLATE "C" AS key, before ->> 'of' AS of FROM staff_acts
    WHERE act = 'event.discarded' AND before ->> 'recipient' = $1 AND subject >= $2::text ORDER BY 1
"""

# What left the stock for an order and what came back, unit by unit.
# What is owed to an order that is placed leaves when it is filled; what was owed to one that is canceled never does.
MOVED = """
    SELECT order_id AS key, sku, sum(sold)::bigint AS sold, sum(put_back)::bigint AS put_back,
           sum(owed)::bigint AS owed, sum(given_up)::bigint AS given_up
    FROM (
        SELECT order_id, sku, CASE kind WHEN 'sale' THEN -quantity ELSE 0 END AS sold,
               CASE kind WHEN 'return' THEN quantity ELSE 0 END AS put_back, 0 AS owed, 0 AS given_up
        FROM stock_movements WHERE kind IN ('sale', 'return') AND order_id >= $1
        UNION ALL
        SELECT reservations.order_id, backorders.sku, 0, 0,
               CASE backorders.state WHEN 'open' THEN quantity - filled ELSE 0 END,
               CASE WHEN backorders.state IN ('canceled', 'called_off') THEN quantity - filled ELSE 0 END
        FROM backorders JOIN reservations ON reservations.id = backorders.reservation_id
        WHERE reservations.order_id >= $1 AND (reservations.state = 'committed' OR reservations.order_canceled)
    ) AS moved
    GROUP BY order_id, sku ORDER BY order_id
"""

PLACED = """
    SELECT item.order_id AS key, item.sku, item.quantity, item.canceled_quantity, orders.status,
           CASE WHEN item.returned_quantity = 0 THEN 0 ELSE (
               SELECT coalesce(sum(coalesce(line.restocked_quantity, line.quantity)), 0)::bigint
               FROM returns JOIN return_items AS line ON line.return_id = returns.id
               WHERE returns.order_id = item.order_id AND returns.status = 'received' AND line.sku = item.sku
           ) END AS back
    FROM order_items AS item JOIN orders ON orders.id = item.order_id
    WHERE orders.confirmed_at IS NOT NULL AND item.order_id >= $1 ORDER BY item.order_id
"""

# What each return and each cancellation of units gives back, and what was given for it: less only where staff has
# settled the rest.
RETURNED = """
    SELECT back.id AS key, back.order_id, back.refund_minor, orders.settled_minor
    FROM (
        SELECT id, order_id, refund_minor FROM returns WHERE status = 'received' AND id >= $1
        UNION ALL
        SELECT id, order_id, refund_minor FROM cancellations WHERE id >= $1
    ) AS back JOIN orders ON orders.id = back.order_id
    ORDER BY back.id
"""
REFUNDED = """
    SELECT source COLLATE "C" AS key, amount_minor FROM refunds
    WHERE state <> 'failed' AND length(source) = 36 AND source >= $1::text ORDER BY 1
"""


async def check(look: Look) -> Findings:
    for name, service in app.STORED.items():
        async for row in look.rows(name, PARKED_ON_THE_WAY):
            yield Finding(
                row["subject"], f"has events of {name} parked on their way to {row['recipient']}: {row['reason']}"
            )
        for row in await look.find(name, OWED_TO_OTHERS, list(app.hearers(service))):
            yield Finding(row["recipient"], f"is gone, and {name} owes it events")
        async for row in look.rows(name, PARKED):
            yield Finding(row["event_id"], f"({row['type']}) is parked in the inbox of {name}")
        async for finding in _lost(look, name, service.hears):
            yield finding
    for effects in (_moved, _refunded):
        async for finding in effects(look):
            yield finding


async def _lost(look: Look, name: str, hears: tuple[str, ...]) -> Findings:
    """What was announced, by whomever, and is not done where it is heard of."""
    since = max(look.since, first_uuid7(clock.now() - COMPARED))
    announcers = [each.name for each in app.SERVICES.values() if set(each.announces) & set(hears)]
    announced = [look.rows(announcer, ANNOUNCED, since, list(hears), name) for announcer in announcers]
    given_up = [look.rows(announcer, DISCARDED, name, since) for announcer in announcers]
    async for event_id, (done, *rows) in side_by_side(look.rows(name, DONE, since), *announced, *given_up):
        if done or any(rows[len(announcers) :]):
            continue
        for row in (row for log in rows for row in log):
            yield Finding(event_id, f"({row['type']}) had no effect in {name}")


async def _moved(look: Look) -> Findings:
    """The stock that orders took and gave back: an effect that was applied twice shows here."""
    placed, moved = look.rows("order", PLACED, look.since), look.rows("inventory", MOVED, look.since)
    discarded = await _given_up(look, "inventory")
    async for order_id, (lines, movements) in side_by_side(placed, moved):
        if order_id in discarded:
            continue  # what became of its goods is the operator's to say
        moved_of = {row["sku"]: (row["sold"], row["put_back"], row["owed"], row["given_up"]) for row in movements}
        for line in lines:
            sku = line["sku"]
            taken, given, owed, given_up = moved_of.pop(sku, (0, 0, 0, 0))
            if line["status"] == "canceled":
                # Canceled before the sale was booked: the stock was released and nothing moved.
                if taken != given or taken not in {0, line["quantity"] - given_up}:
                    yield Finding(order_id, f"was canceled: {taken} {sku} left and {given} came back")
            # Units that were called off came back, but for those that were only owed.
            elif (taken + owed + given_up, given + given_up) != (
                line["quantity"],
                line["back"] + line["canceled_quantity"],
            ):
                yield Finding(
                    order_id,
                    f"sold {line['quantity']} {sku} and took {line['back']} back for sale, "
                    f"but {taken} left the stock and {given} came back",
                )
        for sku, (taken, given, *_) in moved_of.items():
            if taken or given:
                yield Finding(order_id, f"is no placed order, but {taken} {sku} left the stock")


async def _refunded(look: Look) -> Findings:
    """The money that returns and cancellations of units gave back, once each."""
    given_up = await _given_up(look, "payment")
    returned, refunded = look.rows("order", RETURNED, look.since), look.rows("payment", REFUNDED, look.since)
    async for return_id, (returns, refunds) in side_by_side(returned, refunded):
        given = sum(row["amount_minor"] for row in refunds)
        if not returns:
            yield Finding(
                return_id, f"is no return that was received, nor a cancellation, but {given} were given back for it"
            )
        for row in returns:
            short = row["refund_minor"] - given
            if short < 0 or (short > row["settled_minor"] and row["order_id"] not in given_up):
                yield Finding(return_id, f"gives {row['refund_minor']} back, but {given} were given for it")


async def _given_up(look: Look, recipient: str) -> set[str]:
    """The orders of which an operator gave up an event on its way to `recipient`."""
    return {row["of"] for name in ("order", recipient) async for row in look.rows(name, DISCARDED, recipient, "")}


EVENTS = Invariant(5, "every event's effect applied exactly once per consumer; none lost", check)
