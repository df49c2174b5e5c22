"""All SQL of notification."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

import msgspec

from stoa.kit import ids
from stoa.kit.by_index import plan_by_index
from stoa.kit.db import Database, Db, Transaction, affected, later
from stoa.kit.money import Money
from stoa.ports.mail import OutgoingMail


class Delivery(msgspec.Struct, frozen=True):
    """A mail that was written. `order_id` is None where it is about no order.

    `carried_at` is when whoever carries the shop's mails had it, `undeliverable` why nobody will; both are None while
    it waits, and where the shop has nobody who does.
    """

    id: str
    template: str
    recipient: str
    order_id: str | None
    subject: str
    sent_at: datetime
    carried_at: datetime | None = None
    undeliverable: str | None = None


class Mail(Delivery, frozen=True, kw_only=True):
    """The same with its bodies, which are None once they were cut."""

    text: str | None
    html: str | None


class Due(msgspec.Struct, frozen=True):
    """A mail to be handed over, for the `attempts`-th time."""

    attempts: int
    mail: OutgoingMail


ADD_DELIVERIES = """
    INSERT INTO deliveries (id, event_id, template, recipient, order_id, subject, text_body, html_body, sent_at, due_at)
    SELECT mail.*, CASE WHEN $10::boolean THEN sent_at END
    FROM unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
        $9::timestamptz[]
    ) AS mail (id, event_id, template, recipient, order_id, subject, text_body, html_body, sent_at)
    ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
"""


async def add_deliveries(tx: Transaction, mails: Mapping[str, Mail], *, carried: bool) -> None:
    """Put mails into the mailbox, one for each event by its id, and once; those that are to be `carried` are due at
    once."""
    await later(
        tx,
        ADD_DELIVERIES,
        [mail.id for mail in mails.values()],
        list(mails),
        [mail.template for mail in mails.values()],
        [mail.recipient for mail in mails.values()],
        [mail.order_id for mail in mails.values()],
        [mail.subject for mail in mails.values()],
        [mail.text for mail in mails.values()],
        [mail.html for mail in mails.values()],
        [mail.sent_at for mail in mails.values()],
        carried,
    )


# Left to whoever claims it for a while. A mail that is due has its bodies: none is cut before.
CLAIM_DUE = """
    UPDATE deliveries AS mail SET attempts = attempts + 1, due_at = now() + make_interval(secs => $2)
    FROM (SELECT id FROM deliveries WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
    WHERE mail.id = due.id
    RETURNING mail.id, mail.recipient, mail.subject, mail.text_body AS text, mail.html_body AS html, mail.attempts
"""


async def claim_due(db: Db, most: int, seconds: float) -> list[Due]:
    """Mails that are due, the longest first, not due again for so many seconds."""
    rows = [dict(row) for row in await db.fetch(CLAIM_DUE, most, seconds)]
    return [Due(attempts=row.pop("attempts"), mail=OutgoingMail(**row)) for row in rows]


NEXT_DUE = """
    SELECT extract(epoch FROM due_at - now())::float8 FROM deliveries WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1
"""


async def next_due(db: Db) -> float | None:
    """In how many seconds the next mail is due, 0 or less for now; None where none is."""
    seconds: float | None = await db.fetchval(NEXT_DUE)
    return seconds


NOTE_CARRIED = "UPDATE deliveries SET due_at = NULL, carried_at = now() WHERE id = $1"


async def note_carried(db: Db, delivery_id: str) -> None:
    await db.execute(NOTE_CARRIED, delivery_id)


POSTPONE = "UPDATE deliveries SET due_at = now() + make_interval(secs => $2) WHERE id = $1 AND due_at IS NOT NULL"


async def postpone(db: Db, delivery_id: str, seconds: float) -> None:
    await db.execute(POSTPONE, delivery_id, seconds)


GIVE_UP = "UPDATE deliveries SET due_at = NULL, undeliverable = $2 WHERE id = $1"


async def give_up(db: Db, delivery_id: str, why: str) -> None:
    await db.execute(GIVE_UP, delivery_id, why)


_DELIVERIES = "SELECT id, template, recipient, order_id, subject, sent_at, carried_at, undeliverable FROM deliveries "

# One statement for each filter that has an index to walk; what else is asked narrows it down.
DELIVERIES_ABOUT = (
    _DELIVERIES
    + """
    WHERE order_id = $1 AND id < $2
      AND ($3::text IS NULL OR recipient = $3) AND ($4::text IS NULL OR template = $4)
    ORDER BY id DESC LIMIT $5
"""
)
DELIVERIES_TO = (
    _DELIVERIES
    + """
    WHERE recipient = $1 AND id < $2 AND ($3::text IS NULL OR template = $3)
    ORDER BY id DESC LIMIT $4
"""
)
# In the words of its index: of a template that few have PostgreSQL would else read the deliveries of all.
DELIVERIES_OF = (
    _DELIVERIES + "WHERE template >= $1 AND (template, id) < ($1, $2) ORDER BY template DESC, id DESC LIMIT $3"
)
ALL_DELIVERIES = _DELIVERIES + "WHERE id < $1 ORDER BY id DESC LIMIT $2"


async def list_deliveries(
    db: Db,
    *,
    recipient: str | None = None,
    template: str | None = None,
    order_id: str | None = None,
    before: str | None = None,
    limit: int,
) -> list[Delivery]:
    """Newest first, from after the delivery `before`."""
    before = before or ids.LAST
    if order_id is not None:
        rows = await db.fetch(DELIVERIES_ABOUT, order_id, before, recipient, template, limit)
    elif recipient is not None:
        rows = await db.fetch(DELIVERIES_TO, recipient, before, template, limit)
    elif template is not None:
        rows = await db.fetch(DELIVERIES_OF, template, before, limit)
    else:
        rows = await db.fetch(ALL_DELIVERIES, before, limit)
    return [Delivery(**row) for row in rows]


READ_MAIL = """
    SELECT id, template, recipient, order_id, subject, sent_at, carried_at, undeliverable,
           text_body AS text, html_body AS html
    FROM deliveries WHERE id = $1
"""


async def read_mail(db: Db, delivery_id: str) -> Mail | None:
    row = await db.fetchrow(READ_MAIL, delivery_id)
    return None if row is None else Mail(**row)


CUT_BODIES = """
    UPDATE deliveries SET text_body = NULL, html_body = NULL
    WHERE id = ANY (ARRAY(
        SELECT id FROM deliveries WHERE html_body IS NOT NULL AND sent_at < $1 AND due_at IS NULL
        ORDER BY sent_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def cut_bodies(db: Db, sent_before: datetime, most: int) -> int:
    """Of so many of the oldest; how many."""
    return affected(await db.execute(CUT_BODIES, sent_before, most))


FORGET_RECIPIENT = "DELETE FROM deliveries WHERE recipient = $1"


async def forget_recipient(tx: Transaction, recipient: str) -> None:
    await tx.execute(FORGET_RECIPIENT, recipient)


REMOVE_DELIVERIES = """
    DELETE FROM deliveries
    WHERE id = ANY (ARRAY(
        SELECT id FROM deliveries WHERE sent_at < $1 ORDER BY sent_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def remove_deliveries(db: Db, sent_before: datetime, most: int) -> int:
    """So many of the oldest; how many."""
    return affected(await db.execute(REMOVE_DELIVERIES, sent_before, most))


class Contact(msgspec.Struct, frozen=True):
    number: str
    email: str


class Held(NamedTuple):
    """Whom to write to about an order, None where it was not heard of yet. A refund may have waited for that only where
    something `was_heard` of the order before.
    """

    contact: Contact | None
    was_heard: bool


# Written even where nothing changes: the row lock makes what waits for an address and what brings it
# take turns, so that neither can miss the other. In the order of the ids, so that they take turns and no more.
# Only a row that was there before has been locked by who writes it, which xmax tells.
HOLD_CONTACTS = """
    INSERT INTO order_contacts AS known (order_id, number, email)
    SELECT order_id, number, email FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (order_id, number, email)
    ORDER BY order_id
    ON CONFLICT (order_id) DO UPDATE
    SET number = coalesce(excluded.number, known.number), email = coalesce(excluded.email, known.email),
        heard_at = excluded.heard_at
    RETURNING order_id, number, email, xmax <> 0 AS was_heard
"""


async def hold_contacts(tx: Transaction, contacts: Mapping[str, Contact | None]) -> dict[str, Held]:
    """Keep, by order, whom to write to, None where an event only asks for it; what is known. The rows stay locked."""
    rows = await tx.fetch(
        HOLD_CONTACTS,
        list(contacts),
        [contact and contact.number for contact in contacts.values()],
        [contact and contact.email for contact in contacts.values()],
    )
    return {
        row["order_id"]: Held(
            None if row["email"] is None else Contact(row["number"], row["email"]), was_heard=row["was_heard"]
        )
        for row in rows
    }


# The refunds that wait for its order go with it. One that an event holds at this moment stays.
REMOVE_CONTACTS = """
    DELETE FROM order_contacts
    WHERE order_id = ANY (ARRAY(
        SELECT order_id FROM order_contacts WHERE heard_at < $1 ORDER BY heard_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def remove_contacts(db: Database, heard_before: datetime, most: int) -> int:
    """Of so many orders of which nothing was heard for the longest; how many."""
    async with db.transaction() as tx:
        await plan_by_index(tx)
        return affected(await tx.execute(REMOVE_CONTACTS, heard_before, most))


class Refund(msgspec.Struct, frozen=True):
    """`event_id` is of the event that told of it."""

    event_id: str
    order_id: str
    amount: Money


ADD_WAITING = """
    INSERT INTO waiting_refunds (event_id, order_id, amount_minor, currency)
    SELECT * FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[]) AS refund ORDER BY 1
    ON CONFLICT DO NOTHING
"""


async def add_waiting(tx: Transaction, refunds: Sequence[Refund]) -> None:
    """Keep refunds until their orders, whose rows are held, are heard of."""
    await tx.execute(
        ADD_WAITING,
        [refund.event_id for refund in refunds],
        [refund.order_id for refund in refunds],
        [refund.amount.amount for refund in refunds],
        [refund.amount.currency for refund in refunds],
    )


TAKE_WAITING = """
    DELETE FROM waiting_refunds WHERE order_id = ANY ($1::uuid[])
    RETURNING event_id, order_id, amount_minor, currency
"""


async def take_waiting(tx: Transaction, order_ids: Collection[str]) -> list[Refund]:
    """The refunds that waited for these orders, by event id: the order in which they were announced."""
    rows = await tx.fetch(TAKE_WAITING, list(order_ids))
    refunds = [Refund(row["event_id"], row["order_id"], Money(row["amount_minor"], row["currency"])) for row in rows]
    return sorted(refunds, key=attrgetter("event_id"))
