"""Invariant 5: every event reached every subscriber, and had its effect once."""

from __future__ import annotations

from collections import Counter

from stoa import app
from stoa.audit.finding import Databases, Finding, Invariant

# Inboxes forget what was done a month ago; what is older than this is no longer compared.
ANNOUNCED = "SELECT event_id, type FROM event_log WHERE time > now() - interval '20 days'"

INBOX = "SELECT event_id, type, done_at IS NOT NULL AS done, parked_at IS NOT NULL AS parked FROM inbox"

PARKED_ON_THE_WAY = "SELECT recipient, subject, reason FROM outbox_parked"

SOLD = """
    SELECT order_id, sku, sum(-quantity)::bigint AS quantity FROM stock_movements WHERE kind = 'sale'
    GROUP BY order_id, sku
"""

PLACED = """
    SELECT item.order_id, item.sku, item.quantity, item.returned_quantity, orders.status
    FROM order_items AS item JOIN orders ON orders.id = item.order_id WHERE orders.confirmed_at IS NOT NULL
"""

PUT_BACK = """
    SELECT order_id, sku, sum(quantity)::bigint AS quantity FROM stock_movements WHERE kind = 'return'
    GROUP BY order_id, sku
"""


async def check(databases: Databases) -> list[Finding]:
    announced: dict[str, str] = {}
    findings: list[Finding] = []
    for name, database in databases.items():
        announced |= {row["event_id"]: row["type"] for row in await database.fetch(ANNOUNCED)}
        findings += [
            Finding(row["subject"], f"has events of {name} parked on their way to {row['recipient']}: {row['reason']}")
            for row in await database.fetch(PARKED_ON_THE_WAY)
        ]
    for name, database in databases.items():
        heard = app.SERVICES[name].hears
        done = set()
        for row in await database.fetch(INBOX):
            if row["done"]:
                done.add(row["event_id"])
            elif row["parked"]:
                findings.append(Finding(row["event_id"], f"({row['type']}) is parked in the inbox of {name}"))
        findings += [
            Finding(event, f"({kind}) had no effect in {name}")
            for event, kind in announced.items()
            if kind in heard and event not in done
        ]
    return findings + await _effects(databases)


async def _effects(databases: Databases) -> list[Finding]:
    """The stock that orders took and gave back, unit by unit: an effect that was applied twice shows here."""
    inventory = databases["inventory"]
    sold = Counter({(row["order_id"], row["sku"]): row["quantity"] for row in await inventory.fetch(SOLD)})
    back = Counter({(row["order_id"], row["sku"]): row["quantity"] for row in await inventory.fetch(PUT_BACK)})
    findings = []
    for row in await databases["order"].fetch(PLACED):
        line = (row["order_id"], row["sku"])
        taken, given = sold.pop(line, 0), back.pop(line, 0)
        if row["status"] == "canceled":
            # Canceled before the sale was booked: the stock was released and nothing moved.
            if taken != given or taken not in {0, row["quantity"]}:
                findings.append(
                    Finding(row["order_id"], f"was canceled: {taken} {row['sku']} left and {given} came back")
                )
        elif (taken, given) != (row["quantity"], row["returned_quantity"]):
            findings.append(
                Finding(
                    row["order_id"],
                    f"sold {row['quantity']} {row['sku']} and took {row['returned_quantity']} back, "
                    f"but {taken} left the stock and {given} came back",
                )
            )
    findings += [
        Finding(order, f"is no placed order, but {left} {sku} left the stock") for (order, sku), left in sold.items()
    ]
    return findings


EVENTS = Invariant(5, "every event's effect applied exactly once per consumer; none lost", check)
