"""The SQL of notes."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from stoa.kit import ids
from stoa.kit.db import Db, Transaction


class Audience(StrEnum):
    CUSTOMER = "customer"
    INTERNAL = "internal"


class Note(msgspec.Struct, frozen=True):
    id: str
    author_id: str
    audience: Audience
    text: str
    created_at: datetime


ADD_NOTE = """
    INSERT INTO order_notes (id, order_id, author_id, audience, text) VALUES ($1, $2, $3, $4, $5) RETURNING created_at
"""


async def add_note(tx: Transaction, order_id: str, author_id: str, audience: Audience, text: str) -> Note:
    note_id = ids.uuid7()
    created_at: datetime = await tx.fetchval(ADD_NOTE, note_id, order_id, author_id, audience, text)
    return Note(note_id, author_id, audience, text, created_at)


NOTES_OF_ORDER = """
    SELECT id, author_id, audience, text, created_at FROM order_notes
    WHERE order_id = $1 AND id < $2 AND audience = ANY ($3::text[])
    ORDER BY id DESC LIMIT $4
"""


async def notes_of_order(db: Db, order_id: str, before: str | None, limit: int, *, private: bool) -> list[Note]:
    """Newest first, from after the note `before`; the shop's own only where they are to be seen."""
    audiences = [*Audience] if private else [Audience.CUSTOMER]
    rows = await db.fetch(NOTES_OF_ORDER, order_id, before or ids.LAST, audiences, limit)
    return [
        Note(row["id"], row["author_id"], Audience(row["audience"]), row["text"], row["created_at"]) for row in rows
    ]
