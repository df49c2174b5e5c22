"""The SQL of the reconciliation: which payments are due, and what was found to differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import msgspec

from stoa.kit import ids
from stoa.kit.db import Db, Transaction
from stoa.services.payment.drift import Balances, Drift, Kind
from stoa.services.payment.ledger import Account
from stoa.services.payment.repository import columns_of_payment, payment_of
from stoa.services.payment.states import Payment


class DriftRow(msgspec.Struct, frozen=True):
    """`note` is what somebody did about it, None where it is open, or went away by itself."""

    id: str
    payment_id: str
    order_id: str | None
    kind: Kind
    here: str
    there: str
    found_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    note: str | None


DUE = f"""
    SELECT {columns_of_payment()} FROM payments
    WHERE reconcile_at <= now() ORDER BY reconcile_at LIMIT $1
"""  # noqa: S608 - columns


async def due(db: Db, most: int) -> list[Payment]:
    """Payments that are to be compared by now, the longest due first."""
    return [payment_of(row) for row in await db.fetch(DUE, most)]


NEXT_DUE = "SELECT extract(epoch FROM min(reconcile_at) - now())::float8 FROM payments WHERE reconcile_at IS NOT NULL"


async def next_due(db: Db) -> float | None:
    """In how many seconds the next is due, 0 or less for now; None where none is."""
    seconds: float | None = await db.fetchval(NEXT_DUE)
    return seconds


OF_ORDERS = f"SELECT {columns_of_payment()} FROM payments WHERE order_id = ANY ($1::uuid[])"  # noqa: S608 - columns


async def of_orders(db: Db, order_ids: Collection[str]) -> list[Payment]:
    """All payments of these orders, as they are now."""
    return [payment_of(row) for row in await db.fetch(OF_ORDERS, list(order_ids))]


BALANCES = """
    SELECT payment_id, account, sum(amount_minor)::bigint AS minor FROM ledger
    WHERE payment_id = ANY ($1::uuid[]) GROUP BY payment_id, account
"""


async def balances(db: Db, payment_ids: Collection[str]) -> dict[str, Balances]:
    """What the ledger has of each, by its id."""
    found: dict[str, Balances] = {payment_id: {} for payment_id in payment_ids}
    for row in await db.fetch(BALANCES, list(payment_ids)):
        found[row["payment_id"]][Account(row["account"])] = row["minor"]
    return found


# What somebody has settled is not found again, as long as both sides say the same. Payments are looked at again after a
# day, a week and a month, because much of what differs comes late; what differs, every hour.
# The payments are locked first, in the order of their ids as everywhere: who compares the same waits there, and has the
# drifts of each after that.
RECORD = """
    WITH held AS MATERIALIZED (
        SELECT id FROM payments WHERE id = ANY ($6::uuid[]) ORDER BY id FOR NO KEY UPDATE
    ), found AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
             AS found (id, payment_id, kind, here, there)
        WHERE (SELECT count(*) FROM held) >= 0 AND NOT EXISTS (
            SELECT FROM drifts AS settled
            WHERE (settled.payment_id, settled.kind, settled.here, settled.there)
                = (found.payment_id, found.kind, found.here, found.there) AND settled.note IS NOT NULL
        )
    ), opened AS (
        INSERT INTO drifts (id, payment_id, kind, here, there)
        SELECT id, payment_id, kind, here, there FROM found ORDER BY payment_id, kind
        ON CONFLICT (payment_id, kind) WHERE ended_at IS NULL
        DO UPDATE SET here = excluded.here, there = excluded.there, seen_at = now()
    ), gone AS (
        UPDATE drifts SET ended_at = now()
        WHERE (SELECT count(*) FROM held) >= 0 AND ended_at IS NULL AND payment_id = ANY ($6::uuid[])
          AND (payment_id, kind) NOT IN (SELECT payment_id, kind FROM found)
    )
    UPDATE payments SET reconcile_at = CASE
        WHEN id IN (SELECT payment_id FROM found) THEN now() + interval '1 hour'
        WHEN created_at > now() - interval '1 day' THEN created_at + interval '1 day'
        WHEN created_at > now() - interval '7 days' THEN created_at + interval '7 days'
        WHEN created_at > now() - interval '30 days' THEN created_at + interval '30 days'
    END
    WHERE (SELECT count(*) FROM held) >= 0 AND id = ANY ($6::uuid[])
"""


async def record(db: Db, compared: Collection[str], found: Mapping[str, Sequence[Drift]]) -> None:
    """What was found of each payment that was compared: what is new opens, what is there no more ends."""
    drifts = [(payment_id, drift) for payment_id, each in found.items() for drift in each]
    await db.execute(
        RECORD,
        [ids.uuid7() for _ in drifts],
        [payment_id for payment_id, _ in drifts],
        [drift.kind for _, drift in drifts],
        [drift.here for _, drift in drifts],
        [drift.there for _, drift in drifts],
        list(compared),
    )


POSTPONE = """
    WITH held AS MATERIALIZED (SELECT id FROM payments WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE)
    UPDATE payments SET reconcile_at = now() + interval '10 minutes'
    WHERE (SELECT count(*) FROM held) >= 0 AND id = ANY ($1::uuid[])
"""


async def postpone(db: Db, payment_ids: Collection[str]) -> None:
    """What nobody can say yet is asked again in ten minutes."""
    await db.execute(POSTPONE, list(payment_ids))


_DRIFT = """
    SELECT drifts.id, payment_id, payments.order_id, kind, here, there, found_at, seen_at, ended_at, note
    FROM drifts JOIN payments ON payments.id = payment_id
"""
OPEN_DRIFTS = f"{_DRIFT} WHERE ended_at IS NULL AND drifts.id > $1 ORDER BY drifts.id LIMIT $2"


async def open_drifts(db: Db, after: str, most: int) -> list[DriftRow]:
    """Those that have not ended, the oldest first."""
    return [DriftRow(**row) for row in await db.fetch(OPEN_DRIFTS, after, most)]


DRIFTS_OF_PAYMENT = f"{_DRIFT} WHERE payment_id = $1 ORDER BY drifts.id DESC LIMIT 100"


async def drifts_of_payment(db: Db, payment_id: str) -> list[DriftRow]:
    """The last hundred, the newest first."""
    return [DriftRow(**row) for row in await db.fetch(DRIFTS_OF_PAYMENT, payment_id)]


SETTLE = "UPDATE drifts SET ended_at = now(), note = $2 WHERE id = $1 AND ended_at IS NULL RETURNING payment_id"


async def settle(tx: Transaction, drift_id: str, note: str) -> str | None:
    """The payment's id; None where none of this id is open."""
    payment_id: str | None = await tx.fetchval(SETTLE, drift_id, note)
    return payment_id


COUNT_OPEN = "SELECT count(*) FROM drifts WHERE ended_at IS NULL"


async def count_open(db: Db) -> int:
    number: int = await db.fetchval(COUNT_OPEN)
    return number
