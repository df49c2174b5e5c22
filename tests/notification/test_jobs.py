"""Mails end: first what they said, then that they were sent, and each look reads a bounded part."""

from __future__ import annotations

from datetime import timedelta

from volume import ROWS, fill, read_by

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.kit.money import Money
from stoa.kit.rounds import ONE_ROUND
from stoa.services.notification import repository
from stoa.services.notification.jobs import end_mails
from stoa.services.notification.repository import Refund
from stoa.services.notification.settings import Settings

COLUMNS = "id, event_id, template, recipient, order_id, subject, text_body, html_body, sent_at"
VALUES = """md5(n::text)::uuid, n::text, 'welcome', 'ada@example.com', NULL, 'Welcome', 'text', '<p>html</p>',
            now() - n * interval '{apart}'"""


async def test_what_was_said_ends_before_that_it_was_sent(database):
    db = await database("notification")
    await fill(db, "deliveries", COLUMNS, VALUES.format(apart="1 hour"), rows=24 * 800)
    for _ in range(2):
        await end_mails(db, Settings(body_days=180, delivery_days=730))
        found = await db.fetchrow(
            """SELECT count(*), count(html_body) AS html, count(text_body) AS text,
                      now() - min(sent_at) < interval '731 days' AS ended FROM deliveries"""
        )
        assert (found["ended"], found["html"], found["text"]) == (True, 180 * 24 - 1, 180 * 24 - 1)
        assert found["count"] == 730 * 24 - 1
    (oldest,) = await db.fetch("SELECT id FROM deliveries ORDER BY sent_at LIMIT 1")
    mail = await repository.read_mail(db, oldest["id"])
    assert mail is not None
    assert (mail.text, mail.html, mail.recipient) == (None, None, "ada@example.com")


async def test_whom_to_write_to_ends_with_what_waits_for_the_order(database):
    db = await database("notification")
    old, young = uuid7(), uuid7()
    await db.execute(
        """INSERT INTO order_contacts (order_id, number, email, heard_at)
           VALUES ($1, NULL, NULL, now() - interval '731 days'),
                  ($2, 'S-1', 'ada@example.com', now() - interval '729 days'),
                  (gen_random_uuid(), 'S-2', 'bob@example.com', now() - interval '731 days')""",
        old,
        young,
    )
    async with db.transaction() as tx:
        for order_id in (old, young):
            await repository.add_waiting(tx, [Refund(uuid7(), order_id, Money(1, "GBP"))])
    for _ in range(2):
        await end_mails(db, Settings(delivery_days=730))
        assert [row["order_id"] for row in await db.fetch("SELECT order_id FROM order_contacts")] == [young]
        assert [row["order_id"] for row in await db.fetch("SELECT order_id FROM waiting_refunds")] == [young]
    # What is heard of it lets it begin anew.
    async with db.transaction() as tx:
        await repository.hold_contacts(tx, {young: None})
    assert await db.fetchval("SELECT heard_at > now() - interval '1 hour' FROM order_contacts")


async def test_a_look_reads_one_round_of_many(database):
    db = await database("notification")
    # Of a third of these the planner would rather read all.
    await fill(db, "deliveries", COLUMNS, VALUES.format(apart="1 second"), rows=3 * ROWS)
    now = clock.now()
    for sql in (repository.CUT_BODIES, repository.REMOVE_DELIVERIES):
        assert (await read_by(db, sql, now - timedelta(days=1), ONE_ROUND)).rows <= 3 * ONE_ROUND
        assert (await read_by(db, sql, now - timedelta(days=30), ONE_ROUND)).rows == 0
    contact = "md5(n::text)::uuid, n::text, 'ada@example.com', now() - n * interval '1 second'"
    await fill(db, "order_contacts", "order_id, number, email, heard_at", contact)
    for days, most in ((1, 3 * ONE_ROUND), (30, 0)):
        read = await read_by(db, repository.REMOVE_CONTACTS, now - timedelta(days=days), ONE_ROUND, by_index=True)
        assert read.rows <= most
