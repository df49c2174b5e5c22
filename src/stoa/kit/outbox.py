"""Announcing: a fact is a row in the transaction that makes it true, so it is announced exactly if it is true.

    async with db.transaction() as tx:
        order = await repository.cancel(tx, order_id)           # locks the aggregate's row
        await outbox.announce(tx, subject=order.id, version=order.version, fact=OrderCanceled(...))

The aggregate's row is locked first: then, for one subject, the order of the rows is the order of the
commits. `stoa.kit.relay` takes the rows to those who hear of them; a fact that nobody hears of stays in
the event log.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

import msgspec

from stoa.kit import clock, context, parking
from stoa.kit.by_index import plan_by_index
from stoa.kit.db import Database, Transaction, affected, after_commit
from stoa.kit.events import Event, Fact, Owed, Said, said_of
from stoa.kit.ids import uuid7
from stoa.kit.rounds import ONE_ROUND
from stoa.kit.service import Service

SHARDS = 16
"""Into how many parts the subjects of a service are divided: as many relays may share the work."""
KEPT = timedelta(days=30)
"""How long the log of what was announced goes back: as long as an inbox knows what it has done."""

PARKING = 0x57_0A_03
"""The advisory lock under which events are parked and put back, so that none is parked behind nothing."""

CHANNEL = "stoa_outbox"
"""Where relays listen for what other processes announced or put back."""
TELL_OTHERS = "SELECT pg_notify($1, '')"

# The ids are given in the order of the arguments: PostgreSQL numbers the rows of an INSERT … SELECT after sorting.
# Whether anything was owed to anybody before is asked where it matters. The aggregate's row is locked: so what was said
# of it before, by whomever, was committed before and is seen, or has arrived. What is known to have arrived and is not
# deleted yet is in nobody's way.
ANNOUNCE = """
    WITH logged AS (
        INSERT INTO event_log (event_id, type, subject, aggregate_version, time, traceparent, data)
        SELECT event_id, type, subject, version, $6, traceparent, data::jsonb
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $7::text[])
             WITH ORDINALITY AS fact (event_id, type, subject, version, data, traceparent, position)
        ORDER BY position
        RETURNING id, event_id, type
    ), personal AS (
        INSERT INTO event_personal (id, data)
        SELECT logged.id, fact.data::jsonb
        FROM logged JOIN unnest($1::uuid[], $11::text[]) AS fact (event_id, data) USING (event_id)
        WHERE fact.data IS NOT NULL
    ), owed AS (
        INSERT INTO outbox (recipient, id, shard)
        SELECT goes_to.recipient, logged.id, place.shard
        FROM logged
        JOIN unnest($1::uuid[], $8::smallint[]) AS place (event_id, shard) USING (event_id)
        JOIN unnest($9::text[], $10::text[]) AS goes_to (type, recipient) USING (type)
    )
    SELECT id, $12 AND (
        EXISTS (SELECT FROM outbox
                WHERE (recipient, id) NOT IN (SELECT * FROM unnest($13::text[], $14::bigint[])))
        OR EXISTS (SELECT FROM outbox_parked)) AS behind
    FROM logged ORDER BY id
"""

# From one recipient to the next by the index: the rows of a queue are many, its recipients few.
OWED_RECIPIENTS = """
    WITH RECURSIVE owed (recipient) AS (
        (SELECT recipient FROM outbox ORDER BY recipient LIMIT 1)
        UNION ALL
        SELECT (SELECT outbox.recipient FROM outbox WHERE outbox.recipient > owed.recipient
                ORDER BY outbox.recipient LIMIT 1)
        FROM owed WHERE owed.recipient IS NOT NULL
    )
"""
"""What a statement begins with that asks who is owed anything."""

REDRIVE = """
    WITH back AS (
        DELETE FROM outbox_parked
        WHERE recipient = $1 AND ($2::text IS NULL OR subject = $2)
        RETURNING recipient, id, shard
    )
    INSERT INTO outbox (recipient, id, shard) SELECT recipient, id, shard FROM back
"""

REFUSED_AGAIN = timedelta(minutes=5)
"""How long what was refused stays parked, before whoever refused it is asked again: he may be of a newer version by
then."""

# With all that is behind it: what is newer and stays parked would have it parked behind that.
PUT_BACK_REFUSED = """
    WITH refused AS MATERIALIZED (
        SELECT DISTINCT recipient, subject FROM (
            SELECT recipient, subject FROM outbox_parked
            WHERE recipient = ANY ($1) AND parked_at < now() - $2::interval ORDER BY id LIMIT $3) AS first
    ), back AS (
        DELETE FROM outbox_parked AS parked USING refused
        WHERE (parked.recipient, parked.subject) = (refused.recipient, refused.subject)
        RETURNING parked.recipient, parked.id, parked.shard
    )
    INSERT INTO outbox (recipient, id, shard) SELECT recipient, id, shard FROM back
"""

DISCARD = """
    DELETE FROM outbox_parked AS parked USING event_log AS log
    WHERE parked.recipient = $1 AND log.event_id = $2 AND parked.id = log.id
    RETURNING log.type, log.subject
"""

# It walks along the ids, whose order is that of time but for what was under way at once: what is still owed is
# passed by once in a walk, and the walk ends where it meets what is too young.
PRUNE = """
    WITH oldest AS MATERIALIZED (SELECT id, time FROM event_log WHERE id > $1 ORDER BY id LIMIT $3),
    gone AS (
        DELETE FROM event_log USING oldest
        WHERE event_log.id = oldest.id AND oldest.time < $2
          AND NOT EXISTS (SELECT FROM outbox WHERE outbox.id = oldest.id)
          AND NOT EXISTS (SELECT FROM outbox_parked AS parked WHERE parked.id = oldest.id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone) AS gone, (SELECT max(id) FROM oldest HAVING bool_and(time < $2)) AS walked_to
"""


# What a relay left when it died between a delivery and the end of what was personal in it, and what a discard leaves.
FORGET_PERSONAL = """
    WITH first AS MATERIALIZED (SELECT id FROM event_personal WHERE id > $1 ORDER BY id LIMIT $2),
    gone AS (
        DELETE FROM event_personal USING first
        WHERE event_personal.id = first.id
          AND NOT EXISTS (SELECT FROM outbox WHERE outbox.id = first.id)
          AND NOT EXISTS (SELECT FROM outbox_parked AS parked WHERE parked.id = first.id)
    )
    SELECT max(id) FROM first
"""


News = dict[str, list[Owed]]
"""What was just committed, by the recipient who is owed it."""


class UndeclaredEvent(Exception):
    """A service announced a type that its line in `stoa.app` does not list under `announces`."""


class Announcement(msgspec.Struct, frozen=True):
    """That `fact` became true of the aggregate `subject`, which it made `version` of.

    `traceparent` is of whoever made it so, where that is not who announces it: a batch has many callers.
    """

    subject: str
    version: int
    fact: Fact
    traceparent: str | None = None


class Outbox:
    """What one service announces from this process.

    `subscribers` names who hears of an event type, `get_personal` those whom it tells what is personal.
    """

    def __init__(
        self,
        service: Service,
        subscribers: Callable[[str], Sequence[str]],
        get_personal: Collection[str] = (),
    ) -> None:
        self.service = service
        self.get_personal = get_personal
        self.goes_to = {event_type: tuple(subscribers(event_type)) for event_type in service.announces}
        """Who hears of each type that it announces."""
        self.hand_over: Callable[[News], None] = _nobody_takes_it
        """Set by the process's relay: called after a commit with what is owed now."""
        self.arrived: set[tuple[str, int]] = set()
        """Kept by the process's relay: to whom what has arrived that may still be in the outbox."""

    @property
    def recipients(self) -> frozenset[str]:
        """Everybody who hears of anything that this service announces."""
        return frozenset(name for names in self.goes_to.values() for name in names)

    async def announce(self, tx: Transaction, *, subject: str, version: int, fact: Fact) -> str:
        """Announce one fact when `tx` commits; the event's id. Raises `UndeclaredEvent`."""
        return (await self.announce_all(tx, [Announcement(subject, version, fact)]))[0]

    async def announce_all(self, tx: Transaction, announcements: Sequence[Announcement]) -> list[str]:
        """Announce several, in this order and in one statement; the events' ids. Raises `UndeclaredEvent`."""
        if not announcements:
            return []
        types = [each.fact.event_type() for each in announcements]
        for undeclared in set(types) - self.goes_to.keys():
            raise UndeclaredEvent(f"{self.service.name} announces {undeclared!r}, which stoa.app does not list")
        ids = [uuid7() for _ in announcements]
        now = clock.now()
        here = context.current().traceparent
        traces = [each.traceparent or here for each in announcements]
        said = [said_of(each.fact) for each in announcements]
        goes_to = [(event_type, recipient) for event_type in set(types) for recipient in self.goes_to[event_type]]
        logged = await tx.fetch(
            ANNOUNCE,
            ids,
            types,
            [each.subject for each in announcements],
            [each.version for each in announcements],
            [each.open for each in said],
            now,
            traces,
            [shard_of(each.subject) for each in announcements],
            [event_type for event_type, _ in goes_to],
            [recipient for _, recipient in goes_to],
            [
                each.personal if self._is_told(event_type) else None
                for event_type, each in zip(types, said, strict=True)
            ],
            not all(each.fact.is_first() for each in announcements),
            [recipient for recipient, _ in self.arrived],
            [number for _, number in self.arrived],
        )
        if goes_to:
            events = [
                Event(
                    id=event_id,
                    type=event_type,
                    source=self.service.name,
                    subject=each.subject,
                    time=now,
                    aggregateversion=each.version,
                    traceparent=trace,
                    data=what.open,
                )
                for event_id, event_type, each, trace, what in zip(ids, types, announcements, traces, said, strict=True)
            ]
            news: News = {}
            for row, event, each, what in zip(logged, events, announcements, said, strict=True):
                is_next = each.fact.is_first() or not row["behind"]
                for recipient, owed in self._owed(row["id"], event, what, is_next=is_next):
                    news.setdefault(recipient, []).append(owed)
            after_commit(lambda: self.hand_over(news))
        return ids

    def _owed(self, number: int, event: Event, said: Said, *, is_next: bool) -> Iterator[tuple[str, Owed]]:
        """To whom it goes, encoded once for all who are told the same."""
        documents: dict[bool, bytes] = {}
        for recipient in self.goes_to[event.type]:
            with_personal = bool(said.names) and recipient in self.get_personal
            if with_personal not in documents:
                documents[with_personal] = (event.telling(said) if with_personal else event).encode()
            yield recipient, Owed(number, event.id, event.subject, documents[with_personal], is_next)

    def _is_told(self, event_type: str) -> bool:
        """Whether anybody who hears of it gets what is personal: else that is not even kept."""
        return any(recipient in self.get_personal for recipient in self.goes_to[event_type])


def shard_of(subject: str) -> int:
    """The part of the outbox that an aggregate's events are in: the same in every process and version."""
    return zlib.crc32(subject.encode()) % SHARDS


async def redrive(db: Database, recipient: str, subject: str | None = None) -> int:
    """Put what is parked for a recipient (of one subject, or all) back in its old place; how many events.

    An operator's act. What the recipient got before keeps its effect once. A repeat puts nothing back.
    """
    async with db.transaction() as tx:
        await parking.lock(tx, PARKING)
        back = affected(await tx.execute(REDRIVE, recipient, subject))
        if back:
            await parking.record_redriven(tx, subject or recipient, recipient, back)
        await tx.execute(TELL_OTHERS, CHANNEL)
        return back


async def put_back_refused(db: Database, recipients: Collection[str]) -> int:
    """Have those who refused something a while ago asked again, each subject in its old place; how many events."""
    async with db.transaction() as tx:
        await parking.lock(tx, PARKING)
        back = affected(await tx.execute(PUT_BACK_REFUSED, list(recipients), REFUSED_AGAIN, ONE_ROUND))
        if back:
            await tx.execute(TELL_OTHERS, CHANNEL)
    return back


async def discard(db: Database, recipient: str, event_id: str, reason: str) -> bool:
    """Give up bringing a parked event to its recipient, for good; whether it was parked.

    An operator's act, kept with its `reason`: the audit no longer asks for the effect. What was parked behind it is
    back in its old place.
    """
    async with db.transaction() as tx:
        await parking.lock(tx, PARKING)
        event = await tx.fetchrow(DISCARD, recipient, event_id)
        if event is None:
            return False
        await parking.record_discarded(tx, event_id, event, recipient, reason)
        await tx.execute(REDRIVE, recipient, event["subject"])
        await tx.execute(TELL_OTHERS, CHANNEL)
    return True


async def prune(db: Database, older_than: timedelta = KEPT) -> int:
    """Forget what was announced longer ago and has reached everybody; how many events."""
    before = clock.now() - older_than
    total = 0
    walked_to: int | None = 0
    while walked_to is not None:
        async with db.transaction() as tx:
            await plan_by_index(tx)
            row = await tx.fetchrow(PRUNE, walked_to, before, ONE_ROUND)
        assert row is not None
        total, walked_to = total + row["gone"], row["walked_to"]
    return total


async def forget_personal(db: Database) -> None:
    """Forget what is personal in events that have reached everybody."""
    walked_to: int | None = 0
    while walked_to is not None:
        async with db.transaction() as tx:
            await plan_by_index(tx)
            walked_to = await tx.fetchval(FORGET_PERSONAL, walked_to, ONE_ROUND)


def _nobody_takes_it(news: News) -> None:
    """No relay runs in this process yet: its first look finds the rows."""
