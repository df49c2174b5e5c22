"""Parked events, which are tried no more and stay in sight: an operator redrives them, or gives one up for good."""

from __future__ import annotations

from stoa.kit import parking
from stoa.kit.db import Database, affected

PARKING = 0x57_0A_04
"""The advisory lock under which events are parked behind others and put back, so that none is parked behind nothing."""

REDRIVE = """
    UPDATE inbox SET parked_at = NULL, attempts = 0, retry_at = now()
    WHERE parked_at IS NOT NULL AND done_at IS NULL
      AND ($1::uuid IS NULL OR (source, subject) = (SELECT source, subject FROM inbox WHERE event_id = $1))
"""


async def redrive(db: Database, event_id: str | None = None) -> int:
    """Have a parked event tried again with what is parked behind it, or all of them; how many. An operator's act."""
    async with db.transaction() as tx:
        await parking.lock(tx, PARKING)
        back = affected(await tx.execute(REDRIVE, event_id))
        if back:
            await parking.record_redriven(tx, event_id or db.service, db.service, back)
        return back


DISCARD = """
    UPDATE inbox SET done_at = now(), parked_at = NULL, data = data - personal
    WHERE event_id = $1 AND parked_at IS NOT NULL AND done_at IS NULL
    RETURNING type, subject
"""


async def discard(db: Database, event_id: str, reason: str) -> bool:
    """Give up what a parked event should have done here, for good; whether it was parked.

    An operator's act, kept with its `reason`: the audit no longer asks for the effect. What was parked behind it is
    tried again.
    """
    async with db.transaction() as tx:
        await parking.lock(tx, PARKING)
        event = await tx.fetchrow(DISCARD, event_id)
        if event is None:
            return False
        await parking.record_discarded(tx, event_id, event, db.service, reason)
        await tx.execute(REDRIVE, event_id)
    return True
