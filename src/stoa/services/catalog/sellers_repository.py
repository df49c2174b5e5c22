"""The SQL of sellers, as far as their products go with them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stoa.kit.db import Db, Transaction
from stoa.services.catalog.repository import Changed


class UnsettledSeller(NamedTuple):
    id: str
    barred: bool


KNOW_SELLERS = """
    INSERT INTO sellers (id, barred, version) SELECT id, false, 0 FROM unnest($1::uuid[]) AS id ORDER BY id
    ON CONFLICT DO NOTHING
"""


# Shared by all who add products of one seller; who bars him waits for them, and then finds theirs.
BARRED_SELLERS = "SELECT id, barred FROM sellers WHERE id = ANY($1::uuid[]) ORDER BY id FOR SHARE"


async def barred_sellers(tx: Transaction, seller_ids: Iterable[str]) -> set[str]:
    """Those that may not sell; that stays so until the end of the transaction."""
    ids = list(seller_ids)
    await tx.execute(KNOW_SELLERS, ids)
    return {row["id"] for row in await tx.fetch(BARRED_SELLERS, ids) if row["barred"]}


NOTE_SELLER = """
    INSERT INTO sellers AS known (id, barred, version, settled) VALUES ($1, $2, $3, NOT $2)
    ON CONFLICT (id) DO UPDATE SET barred = excluded.barred, version = excluded.version,
        settled = known.settled AND known.barred = excluded.barred
    WHERE excluded.version > known.version
"""


async def note_seller(tx: Transaction, seller_id: str, version: int, *, barred: bool) -> None:
    """Remember what auth told, unless something newer is known."""
    await tx.execute(NOTE_SELLER, seller_id, barred, version)


# Locked: nobody bars him or lets him sell meanwhile, and nobody adds a product of his. Whom somebody else has in hand
# is left to a later look: who waited for one could hold another, whom the batch of an inbox wants next.
LOCK_UNSETTLED_SELLER = """
    SELECT id, barred FROM sellers WHERE NOT settled ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""


async def lock_unsettled_seller(tx: Transaction) -> UnsettledSeller | None:
    """One whose products may not all say yet whether he may sell."""
    row = await tx.fetchrow(LOCK_UNSETTLED_SELLER)
    return None if row is None else UnsettledSeller(*row)


ANY_UNSETTLED = "SELECT EXISTS (SELECT FROM sellers WHERE NOT settled)"


async def any_unsettled(db: Db) -> bool:
    found: bool = await db.fetchval(ANY_UNSETTLED)
    return found


# In the order of the ids. With `seller_id = $1` PostgreSQL knows that order by the primary key too, and would rather
# look for a large seller's among everybody's products, past all that earlier rounds have turned.
TURN_PRODUCTS = """
    UPDATE products SET seller_barred = NOT seller_barred, version = version + 1, updated_at = now()
    WHERE id IN (
        SELECT id FROM products WHERE seller_id BETWEEN $1 AND $1 AND seller_barred = $2
        ORDER BY seller_id, id LIMIT $3
        FOR UPDATE
    )
    RETURNING id, slug, version, seller_id
"""


async def settle_products(tx: Transaction, seller: UnsettledSeller, most: int) -> list[Changed]:
    """Of the seller's products that say otherwise, the first `most`; each version goes up by one."""
    return [Changed(*row) for row in await tx.fetch(TURN_PRODUCTS, seller.id, not seller.barred, most)]


SELLER_SETTLED = "UPDATE sellers SET settled = true WHERE id = $1"


async def seller_settled(tx: Transaction, seller_id: str) -> None:
    await tx.execute(SELLER_SETTLED, seller_id)
