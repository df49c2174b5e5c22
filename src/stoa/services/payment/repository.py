"""All of payment's SQL: one constant per statement, one function per constant.

Rows of `payments` are locked in the order of their ids wherever several are.
"""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg
import msgspec

from stoa.kit import ids
from stoa.kit.db import Db, Transaction
from stoa.kit.money import Money
from stoa.services.payment.ledger import Entry
from stoa.services.payment.states import Payment, State

_PAYMENT = """id, key, order_id, user_id, attempt, state, method, provider, amount_minor, currency, refund_asked_minor,
    refunded_minor, provider_reference, decline_reason, void_reason, kept_at, silent, version,
    extract(epoch FROM now() - asked_at)::float8 AS asked_seconds_ago"""
_REFUND = "id, payment_id, source, reason, amount_minor, currency, state, attempts, created_at, done_at"


class NewPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `user_id` is None for a guest."""

    key: str
    order_id: str
    user_id: str | None
    amount: Money
    method: str


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `refunds`. `source` is unique within the payment; `state` is pending, done or failed."""

    id: str
    payment_id: str
    source: str
    reason: str
    amount: Money
    state: str
    attempts: int
    created_at: datetime
    done_at: datetime | None


def columns_of_payment() -> str:
    """What `payment_of` reads."""
    return _PAYMENT


def payment_of(row: asyncpg.Record) -> Payment:
    return Payment(
        id=row["id"],
        key=row["key"],
        order_id=row["order_id"],
        user_id=row["user_id"],
        attempt=row["attempt"],
        state=State(row["state"]),
        method=row["method"],
        provider=row["provider"],
        amount=Money(row["amount_minor"], row["currency"]),
        refund_asked_minor=row["refund_asked_minor"],
        refunded_minor=row["refunded_minor"],
        provider_reference=row["provider_reference"],
        decline_reason=row["decline_reason"],
        void_reason=row["void_reason"],
        kept_at=row["kept_at"],
        silent=row["silent"],
        asked_seconds_ago=row["asked_seconds_ago"],
        version=row["version"],
    )


def _refund(row: asyncpg.Record) -> Refund:
    return Refund(
        id=row["id"],
        payment_id=row["payment_id"],
        source=row["source"],
        reason=row["reason"],
        amount=Money(row["amount_minor"], row["currency"]),
        state=row["state"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        done_at=row["done_at"],
    )


# An attempt that another process has numbered at the same moment is left out of the answer, as a key is
# that is there already: the caller looks which it was. Each order has keys of its own, so that in this order two
# processes that add the same do not wait for each other in a circle.
ADD_PAYMENTS = f"""
    INSERT INTO payments (id, key, order_id, user_id, attempt, state, method, provider, amount_minor, currency)
    SELECT id, key, order_id, user_id,
           coalesce((SELECT max(attempt) FROM payments AS earlier WHERE earlier.order_id = new.order_id), 0)
               + row_number() OVER (PARTITION BY order_id ORDER BY id),
           'unknown', method, $8, amount_minor, currency
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[])
         AS new (id, key, order_id, user_id, method, amount_minor, currency)
    ORDER BY order_id, id
    ON CONFLICT DO NOTHING
    RETURNING {_PAYMENT}
"""


async def add_payments(db: Db, new: Sequence[NewPayment], provider: str) -> dict[str, Payment]:
    """By key, those that were not there yet, in the state UNKNOWN, to be asked of `provider`."""
    rows = await db.fetch(
        ADD_PAYMENTS,
        [ids.uuid7() for _ in new],
        [one.key for one in new],
        [one.order_id for one in new],
        [one.user_id for one in new],
        [one.method for one in new],
        [one.amount.amount for one in new],
        [one.amount.currency for one in new],
        provider,
    )
    return {row["key"]: payment_of(row) for row in rows}


PAYMENTS_BY_KEY = f"SELECT {_PAYMENT} FROM payments WHERE key = ANY($1::text[])"


async def payments_by_key(db: Db, keys: Collection[str]) -> dict[str, Payment]:
    rows = await db.fetch(PAYMENTS_BY_KEY, keys)
    return {row["key"]: payment_of(row) for row in rows}


PAYMENT_BY_ID = f"SELECT {_PAYMENT} FROM payments WHERE id = $1"


async def payment_by_id(db: Db, payment_id: str) -> Payment | None:
    row = await db.fetchrow(PAYMENT_BY_ID, payment_id)
    return payment_of(row) if row else None


PAYMENTS_OF_ORDER = f"SELECT {_PAYMENT} FROM payments WHERE order_id = $1 ORDER BY attempt"


async def payments_of_order(db: Db, order_id: str) -> list[Payment]:
    return [payment_of(row) for row in await db.fetch(PAYMENTS_OF_ORDER, order_id)]


LOCK_PAYMENTS = f"SELECT {_PAYMENT} FROM payments WHERE key = ANY($1::text[]) ORDER BY id FOR UPDATE"


async def lock_payments(tx: Transaction, keys: Sequence[str]) -> dict[str, Payment]:
    return {row["key"]: payment_of(row) for row in await tx.fetch(LOCK_PAYMENTS, keys)}


LOCK_PAYMENTS_BY_ID = "SELECT id FROM payments WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"


async def lock_payments_by_id(tx: Transaction, payment_ids: Collection[str]) -> None:
    await tx.execute(LOCK_PAYMENTS_BY_ID, list(payment_ids))


LOCK_PAYMENT = f"SELECT {_PAYMENT} FROM payments WHERE id = $1 FOR UPDATE"


async def lock_payment(tx: Transaction, payment_id: str) -> Payment | None:
    row = await tx.fetchrow(LOCK_PAYMENT, payment_id)
    return payment_of(row) if row else None


# What a row has become while somebody else was at it is not overwritten: then its version is another.
SAVE_PAYMENTS = """
    WITH held AS (
        SELECT p.id, after.* FROM payments AS p
        JOIN unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::boolean[], $7::bigint[],
                    $8::bigint[])
             AS after (payment_id, version_before, state, reference, reason, silent, refunded_minor, version)
          ON p.id = after.payment_id AND p.version = after.version_before
        ORDER BY p.id FOR UPDATE OF p
    ), saved AS (
        UPDATE payments AS p
        SET state = held.state, provider_reference = held.reference, decline_reason = held.reason, silent = held.silent,
            refunded_minor = held.refunded_minor, version = held.version, updated_at = now()
        FROM held WHERE p.id = held.id
        RETURNING p.id
    ), booked AS (
        INSERT INTO ledger (transaction_id, payment_id, movement, account, amount_minor, currency)
        SELECT entry.transaction_id, saved.id, entry.movement, entry.account, entry.amount_minor, entry.currency
        FROM unnest($9::uuid[], $10::uuid[], $11::text[], $12::text[], $13::bigint[], $14::text[]) WITH ORDINALITY
             AS entry (transaction_id, payment_id, movement, account, amount_minor, currency, position)
        JOIN saved ON saved.id = entry.payment_id
        ORDER BY entry.position
    )
    SELECT id FROM saved
"""


async def save_payments(
    db: Db, changes: Sequence[tuple[Payment, Payment]], entries: Sequence[Entry]
) -> Collection[str]:
    """Write what a transition may change, and what it moves in the ledger, of payments that still are what they were.

    A change is a payment before and after. The ids of those that were written.
    """
    rows = await db.fetch(
        SAVE_PAYMENTS,
        [after.id for _, after in changes],
        [before.version for before, _ in changes],
        [after.state for _, after in changes],
        [after.provider_reference for _, after in changes],
        [after.decline_reason for _, after in changes],
        [after.silent for _, after in changes],
        [after.refunded_minor for _, after in changes],
        [after.version for _, after in changes],
        [entry.transaction_id for entry in entries],
        [entry.payment_id for entry in entries],
        [entry.movement for entry in entries],
        [entry.account for entry in entries],
        [entry.amount_minor for entry in entries],
        [entry.currency for entry in entries],
    )
    return {row["id"] for row in rows}


# Rows that are there are locked in the order of their ids before any is touched; new ones come in that of their keys.
ASK_VOIDS = f"""
    WITH held AS (SELECT FROM payments WHERE key = ANY($2::text[]) ORDER BY id FOR UPDATE)
    INSERT INTO payments (id, key, state, method, provider, amount_minor, currency, void_reason)
    SELECT asked.id, asked.key, 'voided', '', $4, 0, 'XXX', asked.reason
    FROM unnest($1::uuid[], $2::text[], $3::text[]) AS asked (id, key, reason)
    WHERE (SELECT count(*) FROM held) >= 0
    ORDER BY asked.key
    ON CONFLICT (key) DO UPDATE
    SET void_reason = coalesce(payments.void_reason, excluded.void_reason),
        version = payments.version + 1, updated_at = now()
    WHERE payments.kept_at IS NULL
    RETURNING {_PAYMENT}
"""


async def ask_voids(db: Db, reasons: Mapping[str, str], provider: str) -> dict[str, Payment]:
    """By key, those that are on their way back from now on, each for its reason; a tombstone (ISO 4217's XXX is no
    currency) for an unknown key. One that is kept is left out: nothing of it has changed.
    """
    new_ids = [ids.uuid7() for _ in reasons]
    rows = await db.fetch(ASK_VOIDS, new_ids, list(reasons), list(reasons.values()), provider)
    return {row["key"]: payment_of(row) for row in rows}


KEEP_PAYMENT = f"""
    UPDATE payments SET kept_at = coalesce(kept_at, now())
    WHERE id = $1 AND state IN ('captured', 'partially_refunded') AND void_reason IS NULL
      AND refund_asked_minor < amount_minor
    RETURNING {_PAYMENT}
"""


async def keep_payment(db: Db, payment_id: str) -> Payment | None:
    """The payment, no longer to be voided; None where nothing of it is left, or is to be."""
    row = await db.fetchrow(KEEP_PAYMENT, payment_id)
    return payment_of(row) if row else None


UNSETTLED = """
    SELECT key, state, void_reason FROM payments
    WHERE (state IN ('unknown', 'capture_unknown') OR (void_reason IS NOT NULL AND state = 'authorized'))
      AND asked_at < now() - make_interval(secs => $1)
      AND (state <> 'unknown' OR silent OR void_reason IS NOT NULL OR asked_at < now() - make_interval(secs => $2))
    ORDER BY asked_at LIMIT $3
"""


async def unsettled(
    db: Db, older_than_seconds: float, interrupted_seconds: float, most: int
) -> list[tuple[str, str | None]]:
    """Keys of payments that nobody seems to look after, with why they shall be voided if they shall.

    Where the provider was not properly asked, that is so after `interrupted_seconds`.
    """
    rows = await db.fetch(UNSETTLED, older_than_seconds, interrupted_seconds, most)
    return [(row["key"], row["void_reason"]) for row in rows]


NEXT_UNSETTLED = """
    SELECT extract(epoch FROM min(asked_at + make_interval(secs => CASE
        WHEN state <> 'unknown' OR silent OR void_reason IS NOT NULL THEN $1::float8 ELSE $2::float8 END
    )) - now())::float8
    FROM payments
    WHERE state IN ('unknown', 'capture_unknown') OR (void_reason IS NOT NULL AND state = 'authorized')
"""


async def next_unsettled(db: Db, older_than_seconds: float, interrupted_seconds: float) -> float | None:
    """In how many seconds `unsettled` finds the next, 0 or less for now; None where nothing is under way."""
    seconds: float | None = await db.fetchval(NEXT_UNSETTLED, older_than_seconds, interrupted_seconds)
    return seconds


REFUND_OF_SOURCE = f"SELECT {_REFUND} FROM refunds WHERE payment_id = $1 AND source = $2"


async def refund_of_source(db: Db, payment_id: str, source: str) -> Refund | None:
    row = await db.fetchrow(REFUND_OF_SOURCE, payment_id, source)
    return _refund(row) if row else None


ADD_REFUND = f"""
    WITH asked AS (
        UPDATE payments SET refund_asked_minor = refund_asked_minor + $5, version = version + 1, updated_at = now(),
                            reconcile_at = now() + interval '10 minutes'
        WHERE id = $2 RETURNING currency, version
    )
    INSERT INTO refunds (id, payment_id, source, reason, amount_minor, currency, asked_version)
    SELECT $1, $2, $3, $4, $5::bigint, currency, version FROM asked
    RETURNING {_REFUND}
"""


async def add_refund(tx: Transaction, payment: Payment, source: str, reason: str, amount_minor: int) -> Refund:
    """A pending refund, counted against the payment, whose row is locked.

    The provider gives back once under its id, which comes of the payment's key and the source: a shop that was restored
    from before it asks again under the same.
    """
    refund_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{payment.key} {source}"))
    row = await tx.fetchrow(ADD_REFUND, refund_id, payment.id, source, reason, amount_minor)
    assert row is not None
    return _refund(row)


REFUND_BY_ID = f"SELECT {_REFUND} FROM refunds WHERE id = $1"


async def refund_by_id(db: Db, refund_id: str) -> Refund | None:
    row = await db.fetchrow(REFUND_BY_ID, refund_id)
    return _refund(row) if row else None


REFUNDS_OF_PAYMENT = f"SELECT {_REFUND} FROM refunds WHERE payment_id = $1 ORDER BY created_at, id"


async def refunds_of_payment(db: Db, payment_id: str) -> list[Refund]:
    return [_refund(row) for row in await db.fetch(REFUNDS_OF_PAYMENT, payment_id)]


# What no event of order asked for: `void`, and an operator's own keys.
GIVEN_BY_HAND = """
    SELECT coalesce(sum(amount_minor), 0)::bigint FROM refunds
    WHERE payment_id = $1 AND state <> 'failed' AND (source = 'void' OR source LIKE 'operator:%')
"""


async def given_by_hand(db: Db, payment_id: str) -> int:
    """Minor units that staff gave back by hand, done or under way."""
    given: int = await db.fetchval(GIVEN_BY_HAND, payment_id)
    return given


REFUNDS_DUE = "SELECT id FROM refunds WHERE state = 'pending' AND due_at <= now() ORDER BY due_at LIMIT $1"


async def refunds_due(db: Db, most: int) -> list[str]:
    return [row["id"] for row in await db.fetch(REFUNDS_DUE, most)]


NEXT_REFUND = """
    SELECT extract(epoch FROM due_at - now())::float8 FROM refunds WHERE state = 'pending' ORDER BY due_at LIMIT 1
"""


async def next_refund(db: Db) -> float | None:
    """In how many seconds the next refund is due, 0 or less for now; None where none is pending."""
    seconds: float | None = await db.fetchval(NEXT_REFUND)
    return seconds


POSTPONE_REFUND = """
    UPDATE refunds SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
    WHERE id = $1 AND state = 'pending'
"""


async def postpone_refund(db: Db, refund_id: str, seconds: float) -> None:
    await db.execute(POSTPONE_REFUND, refund_id, seconds)


FINISH_REFUND = """
    UPDATE refunds SET state = $2, provider_reference = $3, done_at = now()
    WHERE id = $1 AND state = 'pending' RETURNING id
"""


async def finish_refund(tx: Transaction, refund_id: str, state: str, reference: str) -> bool:
    """False where it was finished before."""
    return await tx.fetchval(FINISH_REFUND, refund_id, state, reference) is not None


GIVE_UP_REFUND = f"""
    UPDATE payments SET refund_asked_minor = refund_asked_minor - $2, version = version + 1, updated_at = now()
    WHERE id = $1
    RETURNING {_PAYMENT}
"""


async def give_up_refund(tx: Transaction, payment_id: str, amount_minor: int) -> Payment:
    """The payment, of which what a failed refund asked for may be asked for again."""
    row = await tx.fetchrow(GIVE_UP_REFUND, payment_id, amount_minor)
    assert row is not None  # it is locked
    return payment_of(row)


_LEDGER = "SELECT id, transaction_id, payment_id, movement, account, amount_minor, currency, created_at FROM ledger "
LEDGER_AFTER = _LEDGER + "WHERE id > $1 ORDER BY id LIMIT $2"
LEDGER_OF_PAYMENT_AFTER = _LEDGER + "WHERE payment_id = $1 AND id > $2 ORDER BY id LIMIT $3"


async def ledger_after(db: Db, entry_id: int, payment_id: str | None, most: int) -> list[asyncpg.Record]:
    if payment_id is None:
        return await db.fetch(LEDGER_AFTER, entry_id, most)
    return await db.fetch(LEDGER_OF_PAYMENT_AFTER, payment_id, entry_id, most)


WEBHOOK_SIGNING = "SELECT secret FROM webhook_secrets WHERE provider = $1"


async def webhook_secret(db: Db, provider: str) -> str:
    secret: str = await db.fetchval(WEBHOOK_SIGNING, provider)
    return secret


REMEMBER_WEBHOOK = "INSERT INTO webhook_events (provider, id) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"


async def remember_webhook(db: Db, provider: str, event_id: str) -> bool:
    """False where it came before."""
    return await db.fetchval(REMEMBER_WEBHOOK, provider, event_id) is not None
