"""What parked events have in common, in the outbox and in the inbox: a lock, and what is kept of operators' acts."""

from __future__ import annotations

import asyncpg

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.staff_acts import DISCARDED, REDRIVEN

LOCK = "SELECT pg_advisory_xact_lock($1)"


async def lock(tx: Transaction, place: int) -> None:
    """Nobody else parks in this place or puts back until this transaction ends."""
    await tx.execute(LOCK, place)


async def record_redriven(tx: Transaction, subject: str, recipient: str, events: int) -> None:
    """So many events for the recipient, of the subject or with the event that was named, are tried again."""
    await staff_acts.record_operator(
        tx, act=REDRIVEN, subject=subject, before={"recipient": recipient, "parked": events}
    )


async def record_discarded(tx: Transaction, event_id: str, event: asyncpg.Record, recipient: str, reason: str) -> None:
    """The recipient will not have the effect of the event, of which the row has `type` and `subject`."""
    await staff_acts.record_operator(
        tx,
        act=DISCARDED,
        subject=event_id,
        before={"type": event["type"], "of": event["subject"], "recipient": recipient},
        reason=reason,
    )
