"""The SQL of who waits for a SKU.

Locked are the item, then its row of `awaited_skus`, then who waits: of many in the order of their SKUs, and of a SKU as
they came. So whoever tells, subscribes and leaves at the same time waits for the others and never in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from stoa.kit.db import Db, Transaction, affected, later
from stoa.kit.ids import uuid7


class Subscription(NamedTuple):
    """`place` is in the line of all who wait; `token` ends all others of the same address."""

    place: int
    id: str
    sku: str
    email: str
    token: str


class Awaited(NamedTuple):
    """A SKU that somebody waits for, and when it is looked at (None: when it is back). `to_tell` is None at the
    beginning of a round. It is `hidden` where it was not for sale when it was looked at last; then its product is
    known, if it has one."""

    sku: str
    due_at: datetime | None
    to_tell: int | None = None
    hidden: bool = False
    product_id: str | None = None


SHARE_ITEM = "SELECT true FROM items WHERE sku = $1 FOR SHARE"


async def share_item(tx: Transaction, sku: str) -> bool:
    """Whether there is such an item; nobody changes its stock until the end of the transaction."""
    return await tx.fetchval(SHARE_ITEM, sku) is not None


# A row that is there is locked: whoever tells of the SKU at this moment may be about to find that nobody waits.
AWAIT = """
    INSERT INTO awaited_skus (sku) VALUES ($1) ON CONFLICT (sku) DO UPDATE SET due_at = awaited_skus.due_at
"""
# An address that waits for very much is sent no more: somebody may have entered it who is not its owner.
SUBSCRIBE = """
    WITH there AS (SELECT token FROM stock_subscriptions WHERE email = $3 LIMIT $6)
    INSERT INTO stock_subscriptions (id, sku, email, user_id, token)
    SELECT $1, $2, $3, $4, coalesce((SELECT token FROM there LIMIT 1), $5)
    WHERE (SELECT count(*) FROM there) < $6
    ON CONFLICT (sku, email) DO UPDATE SET user_id = coalesce(stock_subscriptions.user_id, excluded.user_id)
"""


async def subscribe(tx: Transaction, sku: str, email: str, user_id: str | None, most: int) -> None:
    """Once for an address and a SKU, and for so many SKUs at most; nobody is told which it was."""
    await tx.execute(AWAIT, sku)
    await tx.execute(SUBSCRIBE, uuid7(), sku, email, user_id, uuid7(), most)


UNSUBSCRIBE = """
    DELETE FROM stock_subscriptions WHERE id = ANY(ARRAY(
        SELECT id FROM stock_subscriptions WHERE token = $1 ORDER BY sku, place FOR UPDATE
    ))
"""


async def unsubscribe(db: Db, token: str) -> None:
    """All of the address that has the token."""
    await db.execute(UNSUBSCRIBE, token)


UNSUBSCRIBE_FROM = "DELETE FROM stock_subscriptions WHERE sku = $1 AND user_id = $2"


async def unsubscribe_from(db: Db, sku: str, user_id: str) -> None:
    await db.execute(UNSUBSCRIBE_FROM, sku, user_id)


FORGET_USERS = """
    DELETE FROM stock_subscriptions WHERE id = ANY(ARRAY(
        SELECT id FROM stock_subscriptions WHERE user_id = ANY($1::uuid[]) ORDER BY sku, place FOR UPDATE
    ))
"""


async def forget_users(tx: Transaction, user_ids: Collection[str]) -> None:
    """Together: one after the other they would not be locked in their order."""
    await tx.execute(FORGET_USERS, list(user_ids))


# Also what is due already is locked: whoever finds at this moment that it cannot be bought waits for what we write.
MAKE_DUE = "UPDATE awaited_skus SET due_at = coalesce(due_at, $2) WHERE sku = ANY($1::text[])"


async def make_due(tx: Transaction, skus: Collection[str], now: datetime) -> None:
    """They can be bought again: who waits for them is told soon. Their items are locked."""
    await later(tx, MAKE_DUE, sorted(skus), now)


NEXT_DUE = """
    SELECT extract(epoch FROM due_at - $1::timestamptz)::float8 FROM awaited_skus WHERE due_at IS NOT NULL
    ORDER BY due_at LIMIT 1
"""


async def next_due(db: Db, now: datetime) -> float | None:
    """In how many seconds somebody is to be told, 0 or less for now; None where nobody is."""
    seconds: float | None = await db.fetchval(NEXT_DUE, now)
    return seconds


HIDDEN_OF = "SELECT sku FROM awaited_skus WHERE hidden AND (product_id = ANY($1::uuid[]) OR sku = ANY($2::text[]))"


async def hidden_of(db: Db, product_ids: Collection[str], skus: Collection[str]) -> set[str]:
    """The SKUs of these products, and those of `skus`, that somebody waits for and that were not for sale."""
    return {row["sku"] for row in await db.fetch(HIDDEN_OF, list(product_ids), list(skus))}


# Also what is due already gets another moment: by that who has asked catalog sees that its answer may be old.
LOOK_AGAIN = "UPDATE awaited_skus SET due_at = $2 WHERE sku = ANY($1::text[]) AND hidden"


async def look_again(tx: Transaction, skus: Collection[str], now: datetime) -> None:
    """These may be for sale by now. Their items are locked."""
    await later(tx, LOOK_AGAIN, sorted(skus), now)


DUE = """
    SELECT sku, due_at, to_tell, hidden, product_id FROM awaited_skus WHERE due_at <= $1 ORDER BY due_at, sku LIMIT $2
"""


async def due(db: Db, now: datetime, limit: int) -> list[Awaited]:
    return [Awaited(*row) for row in await db.fetch(DUE, now, limit)]


# Whom another process has locked is told by it.
TAKE_DUE = """
    SELECT sku, due_at, to_tell, hidden, product_id FROM awaited_skus WHERE sku = ANY($1::text[]) AND due_at <= $2
    ORDER BY sku
    FOR UPDATE SKIP LOCKED
"""


async def take_due(tx: Transaction, skus: Collection[str], now: datetime) -> list[Awaited]:
    """Those that are still due, locked."""
    return [Awaited(*row) for row in await tx.fetch(TAKE_DUE, list(skus), now)]


# First come, first served. They are locked before they are counted: in the place of one who leaves at this moment the
# next is told, and fewer than were wanted are told only where nobody else waits.
TAKE_FIRST = """
    WITH first AS MATERIALIZED (
        SELECT one.id FROM unnest($1::text[], $2::bigint[]) AS wanted (sku, units)
        CROSS JOIN LATERAL (
            SELECT id FROM stock_subscriptions WHERE stock_subscriptions.sku = wanted.sku
            ORDER BY place LIMIT wanted.units
            FOR UPDATE
        ) AS one
    )
    DELETE FROM stock_subscriptions WHERE id IN (SELECT id FROM first)
    RETURNING place, id, sku, email, token
"""


async def take_first(tx: Transaction, units: Mapping[str, int]) -> list[Subscription]:
    """So many of each SKU, which are given in their order; they end with that."""
    rows = await tx.fetch(TAKE_FIRST, list(units), list(units.values()))
    return sorted(Subscription(*row) for row in rows)


PUT_OFF = """
    UPDATE awaited_skus
    SET due_at = next.due_at, to_tell = next.to_tell, hidden = next.hidden, product_id = next.product_id
    FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::boolean[], $5::uuid[])
        AS next (sku, due_at, to_tell, hidden, product_id)
    WHERE awaited_skus.sku = next.sku
"""


async def put_off(tx: Transaction, awaited: Sequence[Awaited]) -> None:
    """When each is due next, and how many are then still to be told."""
    if awaited:
        await tx.execute(PUT_OFF, *(list(column) for column in zip(*awaited, strict=True)))


NOBODY_WAITS = "DELETE FROM awaited_skus WHERE sku = ANY($1::text[])"


async def nobody_waits(tx: Transaction, skus: Collection[str]) -> None:
    """For these, which are locked: who comes now waits for the end of the transaction and adds them again."""
    if skus:
        await tx.execute(NOBODY_WAITS, list(skus))


# Whom somebody has locked is about to end anyway, or is removed the next time.
REMOVE_OLD = """
    DELETE FROM stock_subscriptions WHERE id = ANY(ARRAY(
        SELECT id FROM stock_subscriptions WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def remove_old(db: Db, before: str, most: int) -> int:
    """So many of those that are older than this id; how many."""
    return affected(await db.execute(REMOVE_OLD, before, most))
