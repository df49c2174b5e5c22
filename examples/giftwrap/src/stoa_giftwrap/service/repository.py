"""All SQL of giftwrap."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.db import Db, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrap:
    """`paper` is empty where nothing was chosen; a guest's order has no `user_id`."""

    order_id: str
    user_id: str | None
    paper: str
    message: str
    version: int
    is_open: bool


ADD_ORDER = "INSERT INTO wraps (order_id, user_id) VALUES ($1, $2) ON CONFLICT (order_id) DO NOTHING"


async def add_order(tx: Transaction, order_id: str, user_id: str | None) -> None:
    await tx.execute(ADD_ORDER, order_id, user_id)


CLOSE_ORDER = "UPDATE wraps SET is_open = false WHERE order_id = $1"


async def close_order(tx: Transaction, order_id: str) -> None:
    await tx.execute(CLOSE_ORDER, order_id)


READ_WRAP = "SELECT order_id, user_id, paper, message, version, is_open FROM wraps WHERE order_id = $1"


async def read_wrap(db: Db, order_id: str) -> Wrap | None:
    row = await db.fetchrow(READ_WRAP, order_id)
    return None if row is None else Wrap(**row)


LOCK_WRAP = f"{READ_WRAP} FOR NO KEY UPDATE"


async def lock_wrap(tx: Transaction, order_id: str) -> Wrap | None:
    row = await tx.fetchrow(LOCK_WRAP, order_id)
    return None if row is None else Wrap(**row)


CHOOSE = """
    UPDATE wraps SET paper = $2, message = $3, version = version + 1 WHERE order_id = $1
    RETURNING order_id, user_id, paper, message, version, is_open
"""


async def choose(tx: Transaction, order_id: str, paper: str, message: str) -> Wrap:
    """Of an order that is there."""
    row = await tx.fetchrow(CHOOSE, order_id, paper, message)
    assert row is not None
    return Wrap(**row)
