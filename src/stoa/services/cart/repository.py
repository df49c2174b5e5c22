"""All SQL of cart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import asyncpg

from stoa.kit.db import Db, Transaction, affected, later
from stoa.kit.money import Money
from stoa.services.cart.document import Cart, Contact, Line, Said
from stoa.services.cart.store import Bought

# One statement, so that version and lines are of the same moment.
READ_CARTS = """
    SELECT carts.id, carts.user_id, carts.version, carts.round, carts.updated_at, carts.keys,
           carts.email, carts.shipping_address, carts.billing_address,
           coalesce(
               (
                   SELECT json_agg(
                       json_build_array(
                           item.sku, item.quantity,
                           coalesce((SELECT sold_out FROM sku_marks WHERE sku = item.sku), false),
                           item.custom_fields, item.metadata, item.seen_minor, item.seen_currency
                       ) ORDER BY item.added_in, item.sku
                   )
                   FROM cart_items AS item WHERE item.cart_id = carts.id
               ),
               '[]'
           ) AS lines,
           coalesce(
               (
                   SELECT json_agg(
                       json_build_array(item.sku, item.quantity, item.custom_fields, item.metadata)
                       ORDER BY item.saved_in, item.sku
                   )
                   FROM saved_items AS item WHERE item.cart_id = carts.id
               ),
               '[]'
           ) AS saved
    FROM carts
    WHERE carts.id = ANY ($1::uuid[])
"""


async def read_carts(db: Db, cart_ids: Collection[str]) -> dict[str, Cart]:
    """Those of the carts that are there, by id."""
    return {row["id"]: _cart(row) for row in await db.fetch(READ_CARTS, list(cart_ids))}


async def read_cart(db: Db, cart_id: str) -> Cart | None:
    return (await read_carts(db, [cart_id])).get(cart_id)


def _cart(row: asyncpg.Record) -> Cart:
    lines = tuple(
        Line(sku, quantity, sold_out, Said(custom_fields, metadata), None if minor is None else Money(minor, currency))
        for sku, quantity, sold_out, custom_fields, metadata, minor, currency in row["lines"]
    )
    to_buy = {line.sku for line in lines}
    saved = tuple(
        # Older code may have put in what is saved.
        Line(sku, quantity, False, Said(custom_fields, metadata))
        for sku, quantity, custom_fields, metadata in row["saved"]
        if sku not in to_buy
    )
    contact = Contact(row["email"], row["shipping_address"], row["billing_address"])
    return Cart(
        row["id"],
        row["user_id"],
        row["version"],
        row["round"],
        row["updated_at"],
        lines,
        tuple(row["keys"]),
        contact,
        saved,
    )


# Apart from reading: a statement that waits for this lock would still see the lines of before the wait.
LOCK_CARTS = "SELECT id FROM carts WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE"


async def lock_carts(tx: Transaction, cart_ids: Sequence[str]) -> set[str]:
    """The ids of those that are there, locked until the transaction ends."""
    return {row["id"] for row in await tx.fetch(LOCK_CARTS, cart_ids)}


ADD_CART = "INSERT INTO carts (id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"


async def add_cart(tx: Transaction, cart_id: str, user_id: str | None) -> None:
    await tx.execute(ADD_CART, cart_id, user_id)


WRITE_LINES = """
    WITH bumped AS (
        UPDATE carts SET version = version + 1, updated_at = now(), abandoned_at = NULL, keys = $5 WHERE id = $1
        RETURNING id, version
    ), removed AS (
        DELETE FROM cart_items WHERE cart_id = $1 AND sku = ANY ($4::text[])
    )
    INSERT INTO cart_items (cart_id, sku, quantity, custom_fields, metadata, seen_minor, seen_currency, added_in)
    SELECT bumped.id, line.sku, line.quantity, line.custom_fields, line.metadata, line.minor, line.currency,
           bumped.version
    FROM bumped, unnest($2::text[], $3::bigint[], $6::jsonb[], $7::jsonb[], $8::bigint[], $9::text[])
        AS line (sku, quantity, custom_fields, metadata, minor, currency)
    ON CONFLICT (cart_id, sku) DO UPDATE
    SET quantity = excluded.quantity, custom_fields = excluded.custom_fields, metadata = excluded.metadata,
        seen_minor = excluded.seen_minor, seen_currency = excluded.seen_currency
"""


async def write_lines(
    tx: Transaction, cart_id: str, *, put: Sequence[Line], removed: Sequence[str], keys: Sequence[str]
) -> None:
    """One change of a locked cart: its version goes up by one."""
    await tx.execute(
        WRITE_LINES,
        cart_id,
        [line.sku for line in put],
        [line.quantity for line in put],
        list(removed),
        list(keys),
        [line.said.custom_fields for line in put],
        [line.said.metadata for line in put],
        [line.seen.amount if line.seen else None for line in put],
        [line.seen.currency if line.seen else None for line in put],
    )


WRITE_SAVED = """
    WITH removed AS (
        DELETE FROM saved_items WHERE cart_id = $1 AND sku = ANY ($4::text[])
    )
    INSERT INTO saved_items (cart_id, sku, quantity, custom_fields, metadata, saved_in)
    SELECT carts.id, line.sku, line.quantity, line.custom_fields, line.metadata, carts.version
    FROM carts, unnest($2::text[], $3::bigint[], $5::jsonb[], $6::jsonb[])
        AS line (sku, quantity, custom_fields, metadata)
    WHERE carts.id = $1
    ON CONFLICT (cart_id, sku) DO UPDATE
    SET quantity = excluded.quantity, custom_fields = excluded.custom_fields, metadata = excluded.metadata
"""


async def write_saved(tx: Transaction, cart_id: str, *, put: Sequence[Line], removed: Sequence[str]) -> None:
    """What is saved for later, as part of a change that `write_lines` has counted."""
    await tx.execute(
        WRITE_SAVED,
        cart_id,
        [line.sku for line in put],
        [line.quantity for line in put],
        list(removed),
        [line.said.custom_fields for line in put],
        [line.said.metadata for line in put],
    )


NOTE_CONTACT = """
    UPDATE carts
    SET email = coalesce($2, email), shipping_address = coalesce($3, shipping_address),
        billing_address = coalesce($4, billing_address), version = version + 1, updated_at = now(),
        abandoned_at = NULL
    WHERE id = $1
"""


async def note_contact(tx: Transaction, cart_id: str, said: Contact) -> None:
    """What was said now, of a locked cart; what was not said stays."""
    await tx.execute(NOTE_CONTACT, cart_id, said.email, said.shipping_address, said.billing_address)


# The round and the lines together, of carts that nobody holds, that were merged into no other and that nobody has
# changed since the statement began: it sees their lines as they were then. The others of this round are left.
END_ROUNDS = """
    WITH bought AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS bought (id, round)
    ), bought_lines AS MATERIALIZED (
        SELECT * FROM unnest($3::uuid[], $4::text[], $5::bigint[]) AS line (cart_id, sku, quantity)
    ), free AS MATERIALIZED (
        SELECT carts.id, carts.version FROM carts JOIN bought USING (id, round) WHERE merged_into IS NULL
        ORDER BY id FOR UPDATE OF carts SKIP LOCKED
    ), unchanged AS MATERIALIZED (
        SELECT id FROM free JOIN carts AS seen USING (id, version)
    ), removed AS (
        DELETE FROM cart_items AS item USING bought_lines AS line, unchanged
        WHERE item.cart_id = unchanged.id AND item.cart_id = line.cart_id AND item.sku = line.sku
          AND item.quantity <= line.quantity
        RETURNING item.cart_id
    ), lessened AS (
        UPDATE cart_items AS item SET quantity = item.quantity - line.quantity
        FROM bought_lines AS line, unchanged
        WHERE item.cart_id = unchanged.id AND item.cart_id = line.cart_id AND item.sku = line.sku
          AND item.quantity > line.quantity
        RETURNING item.cart_id
    ), emptier AS MATERIALIZED (
        SELECT cart_id FROM removed UNION SELECT cart_id FROM lessened
    ), ended AS (
        UPDATE carts
        SET round = round + 1, email = NULL, shipping_address = NULL, billing_address = NULL,
            version = version + (emptier.cart_id IS NOT NULL)::int,
            updated_at = CASE WHEN emptier.cart_id IS NULL THEN updated_at ELSE now() END, abandoned_at = NULL
        FROM unchanged LEFT JOIN emptier ON emptier.cart_id = unchanged.id
        WHERE carts.id = unchanged.id
        RETURNING carts.id
    )
    SELECT id FROM carts JOIN bought USING (id, round) WHERE id NOT IN (SELECT id FROM ended)
"""


async def end_rounds(db: Db, bought: Collection[Bought]) -> set[str]:
    """End these rounds, no cart twice among them, and take out what was bought; the ids of those that are left."""
    lines = [(each.cart_id, sku, quantity) for each in bought for sku, quantity in each.lines.items()]
    rows = await db.fetch(
        END_ROUNDS,
        [each.cart_id for each in bought],
        [each.round for each in bought],
        [cart_id for cart_id, _, _ in lines],
        [sku for _, sku, _ in lines],
        [quantity for _, _, quantity in lines],
    )
    return {row["id"] for row in rows}


END_ROUND = """
    UPDATE carts
    SET round = round + 1, merged_into = NULL, email = NULL, shipping_address = NULL, billing_address = NULL,
        abandoned_at = NULL
    WHERE id = $1 AND round = $2 AND merged_into IS NOT DISTINCT FROM $3
"""


async def end_round(tx: Transaction, cart_id: str, round_bought: int, merged_into: str | None) -> bool:
    """The cart is locked then; False where that round is over, the cart is gone, or was merged into another."""
    return affected(await tx.execute(END_ROUND, cart_id, round_bought, merged_into)) == 1


MERGED_INTO = "SELECT merged_into FROM carts WHERE id = $1 AND round = $2"


async def merged_into(tx: Transaction, cart_id: str, round_bought: int) -> str | None:
    """The cart that this one went into in that round; None where it did not, or the round is over."""
    other: str | None = await tx.fetchval(MERGED_INTO, cart_id, round_bought)
    return other


# What the guest said of themselves stays behind: the user's own order says it, or the account does.
NOTE_MERGE = """
    UPDATE carts SET merged_into = $2, email = NULL, shipping_address = NULL, billing_address = NULL WHERE id = $1
"""


async def note_merge(tx: Transaction, cart_id: str, merged_into: str) -> None:
    """Both are locked."""
    await tx.execute(NOTE_MERGE, cart_id, merged_into)


MARK_SKU = """
    INSERT INTO sku_marks AS known (sku, version, sold_out) VALUES ($1, $2, $3)
    ON CONFLICT (sku) DO UPDATE SET version = excluded.version, sold_out = excluded.sold_out
    WHERE excluded.version > known.version
"""


async def mark_sku(tx: Transaction, sku: str, version: int, *, sold_out: bool) -> None:
    """Remember what inventory told, unless something newer is known."""
    await later(tx, MARK_SKU, sku, version, sold_out)


REMOVE_CART = "DELETE FROM carts WHERE id = $1"


async def remove_cart(tx: Transaction, cart_id: str) -> None:
    """With what is in it."""
    await tx.execute(REMOVE_CART, cart_id)


# SKIP LOCKED: somebody who is just putting something in has shown that the cart is not left behind.
ABANDON = """
    UPDATE carts SET abandoned_at = now() WHERE id = ANY (ARRAY(
        SELECT id FROM carts WHERE abandoned_at IS NULL AND updated_at < $1
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
    RETURNING id
"""


async def abandon(tx: Transaction, untouched_since: datetime, most: int) -> list[str]:
    """Which carts have been left since, at most `most`, those untouched longest first, whatever is in them. Each is
    locked, and is told once until it changes."""
    return [row["id"] for row in await tx.fetch(ABANDON, untouched_since, most)]


REMOVE_EXPIRED = """
    DELETE FROM carts WHERE id = ANY (ARRAY(
        SELECT id FROM carts
        WHERE user_id IS NULL AND updated_at < $1
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def remove_expired(db: Db, untouched_since: datetime, most: int) -> int:
    """How many guest carts were removed with what is in them, at most `most`, those untouched longest first."""
    return affected(await db.execute(REMOVE_EXPIRED, untouched_since, most))
