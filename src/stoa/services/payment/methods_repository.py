"""The SQL of payment methods: cards that customers have let the shop keep."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stoa.kit import ids
from stoa.kit.db import Db, Transaction
from stoa.ports.payment import KeptCard


class PaymentMethod(msgspec.Struct, frozen=True):
    id: str
    user_id: str
    provider: str
    reference: str
    brand: str
    last4: str
    expires: str
    is_default: bool
    created_at: datetime


_COLUMNS = "id, user_id, provider, reference, brand, last4, expires, is_default, created_at"

# One at a time of each user, so that one card is the default.
LOCK_USER = "SELECT pg_advisory_xact_lock(hashtextextended('payment_methods ' || $1::text, 0))"


async def lock_user(tx: Transaction, user_id: str) -> None:
    await tx.execute(LOCK_USER, user_id)


OF_USER = f"""
    SELECT {_COLUMNS} FROM payment_methods WHERE user_id = $1 AND forgotten_at IS NULL ORDER BY id
"""  # noqa: S608 - columns


async def of_user(db: Db, user_id: str) -> list[PaymentMethod]:
    """Those that the user has, the oldest first: at most a handful."""
    return [PaymentMethod(**row) for row in await db.fetch(OF_USER, user_id)]


ADD = f"""
    INSERT INTO payment_methods (id, user_id, provider, reference, brand, last4, expires, is_default)
    VALUES ($1, $2, $3, $4, $5, $6, $7,
            NOT EXISTS (SELECT FROM payment_methods WHERE user_id = $2 AND forgotten_at IS NULL))
    ON CONFLICT (user_id, provider, reference) WHERE forgotten_at IS NULL
    DO UPDATE SET brand = excluded.brand, last4 = excluded.last4, expires = excluded.expires
    RETURNING {_COLUMNS}
"""  # noqa: S608 - columns


async def add(tx: Transaction, user_id: str, provider: str, card: KeptCard) -> PaymentMethod:
    """The one that is kept; as it was where it is kept already. The first is the default."""
    row = await tx.fetchrow(ADD, ids.uuid7(), user_id, provider, card.reference, card.brand, card.last4, card.expires)
    assert row is not None
    return PaymentMethod(**row)


CLEAR_DEFAULT = "UPDATE payment_methods SET is_default = false WHERE user_id = $1 AND is_default AND id <> $2"
SET_DEFAULT = "UPDATE payment_methods SET is_default = true WHERE user_id = $1 AND id = $2 AND forgotten_at IS NULL"


async def make_default(tx: Transaction, user_id: str, method_id: str) -> None:
    """Of a user who has it, and whose methods nobody else changes."""
    # Two statements: the index that allows one default is looked at row by row.
    await tx.execute(CLEAR_DEFAULT, user_id, method_id)
    await tx.execute(SET_DEFAULT, user_id, method_id)


FORGET = """
    UPDATE payment_methods SET forgotten_at = now(), is_default = false
    WHERE user_id = $1 AND forgotten_at IS NULL AND ($2::uuid IS NULL OR id = $2)
"""


async def forget(tx: Transaction, user_id: str, method_id: str | None = None) -> None:
    """Of the user nobody sees it any more; without an id all of them. Who is asked to pay by it is refused."""
    await tx.execute(FORGET, user_id, method_id)


TO_FORGET = f"""
    SELECT {_COLUMNS} FROM payment_methods WHERE forgotten_at <= now() ORDER BY forgotten_at LIMIT $1
"""  # noqa: S608 - columns


async def to_forget(db: Db, most: int) -> list[PaymentMethod]:
    """Those that their providers still keep, and need not."""
    return [PaymentMethod(**row) for row in await db.fetch(TO_FORGET, most)]


NEXT_TO_FORGET = """
    SELECT extract(epoch FROM min(forgotten_at) - now())::float8 FROM payment_methods WHERE forgotten_at IS NOT NULL
"""


async def next_to_forget(db: Db) -> float | None:
    seconds: float | None = await db.fetchval(NEXT_TO_FORGET)
    return seconds


REMOVE = "DELETE FROM payment_methods WHERE id = $1"


async def remove(db: Db, method_id: str) -> None:
    await db.execute(REMOVE, method_id)


POSTPONE = "UPDATE payment_methods SET forgotten_at = now() + make_interval(secs => $2) WHERE id = $1"


async def postpone(db: Db, method_id: str, seconds: float) -> None:
    """The provider did not answer: it is asked again then."""
    await db.execute(POSTPONE, method_id, seconds)


METHOD = f"""
    SELECT {_COLUMNS} FROM payment_methods WHERE user_id = $1 AND id = $2 AND forgotten_at IS NULL
"""  # noqa: S608 - columns


async def method(db: Db, user_id: str, method_id: str) -> PaymentMethod | None:
    row = await db.fetchrow(METHOD, user_id, method_id)
    return PaymentMethod(**row) if row else None
