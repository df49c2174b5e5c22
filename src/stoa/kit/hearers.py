"""Who hears of what a service announces: since when, and who is owed something although nobody of the name is there.

The page `stoa.app` says who hears today. A service that came later than the shop is owed what was announced since,
and one that is gone may have left something behind: it waits where it is, in sight, and holds up nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stoa.kit import staff_acts
from stoa.kit.db import Database, Db
from stoa.kit.outbox import OWED_RECIPIENTS
from stoa.kit.staff_acts import LET_GO

REMEMBER = """
    WITH from_before AS (DELETE FROM hearers WHERE recipient = '' RETURNING after_id)
    INSERT INTO hearers (recipient, type, after_id)
    SELECT recipient, type, coalesce((SELECT after_id FROM from_before), (SELECT max(id) FROM event_log), 0)
    FROM unnest($1::text[], $2::text[]) AS hearer (recipient, type)
    ON CONFLICT DO NOTHING
"""


async def remember(db: Db, goes_to: Mapping[str, Sequence[str]]) -> None:
    """Have those who hear of each type hear of it from now on; who did before, hears as before."""
    pairs = [(recipient, event_type) for event_type, recipients in goes_to.items() for recipient in recipients]
    await db.execute(REMEMBER, [recipient for recipient, _ in pairs], [event_type for _, event_type in pairs])


OWED_TO_OTHERS = f"""
    {OWED_RECIPIENTS}
    SELECT recipient, (SELECT count(*) FROM outbox WHERE outbox.recipient = owed.recipient) AS events
    FROM owed WHERE recipient <> ALL ($1)
"""  # noqa: S608


async def gone(db: Db, recipients: Collection[str]) -> dict[str, int]:
    """Who is owed events and is none of the `recipients` that are there, and how many."""
    return {row["recipient"]: row["events"] for row in await db.fetch(OWED_TO_OTHERS, list(recipients))}


FORGET = """
    WITH owed AS (DELETE FROM outbox WHERE recipient = $1 RETURNING 1),
    parked AS (DELETE FROM outbox_parked WHERE recipient = $1 RETURNING 1),
    known AS (DELETE FROM hearers WHERE recipient = $1 RETURNING 1)
    SELECT (SELECT count(*) FROM owed) AS owed, (SELECT count(*) FROM parked) AS parked,
           (SELECT count(*) FROM known) AS known
"""


async def let_go(db: Database, recipient: str, reason: str) -> int | None:
    """Give up all that somebody is owed who is gone; how many events, or None where he never heard of anything.

    An operator's act, kept with its `reason`. Should he come back, he hears of what is announced from then on.
    """
    async with db.transaction() as tx:
        row = await tx.fetchrow(FORGET, recipient)
        assert row is not None
        if not any(row.values()):
            return None
        before = {"owed": row["owed"], "parked": row["parked"]}
        await staff_acts.record_operator(tx, act=LET_GO, subject=recipient, before=before, reason=reason)
    return int(row["owed"] + row["parked"])
