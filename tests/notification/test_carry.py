"""Mails are handed over until they are taken, at least once, always under one id."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.ports.mail import OutgoingMail, Undeliverable
from stoa.services.notification import carry, repository
from stoa.services.notification.carry import AT_ONCE, MOST_ATTEMPTS, Carrying
from stoa.services.notification.jobs import end_mails
from stoa.services.notification.repository import Mail
from stoa.services.notification.settings import Settings


class Postman:
    """Takes mails, but for what a test has him do with some."""

    def __init__(self) -> None:
        self.taken: list[OutgoingMail] = []
        self.fails: dict[str, Exception] = {}
        self.together = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def send(self, mail: OutgoingMail) -> None:
        self.together += 1
        try:
            await self.hold.wait()
        finally:
            self.together -= 1
        if error := self.fails.get(mail.recipient):
            raise error
        self.taken.append(mail)


@pytest.fixture
async def db(database):
    return await database("notification")


@pytest.fixture
def postman() -> Postman:
    return Postman()


async def write(db, recipient: str = "ada@example.com", *, carried: bool = True) -> str:
    mail = Mail(uuid7(), "welcome", recipient, None, "Welcome", clock.now(), text="Hello", html="<p>Hello</p>")
    async with db.transaction() as tx:
        await repository.add_deliveries(tx, {uuid7(): mail}, carried=carried)
    return mail.id


async def state(db, mail_id: str) -> tuple[bool, bool, int, str | None]:
    """Whether it is due some time, whether it was carried, how often it was tried, and why it will not be."""
    row = await db.fetchrow(
        """SELECT due_at IS NOT NULL, carried_at IS NOT NULL, attempts, undeliverable FROM deliveries WHERE id = $1""",
        mail_id,
    )
    return tuple(row)


async def make_due(db) -> None:
    await db.execute("UPDATE deliveries SET due_at = now() WHERE due_at IS NOT NULL")


async def test_a_mail_is_handed_over_once(db, postman):
    mail_id = await write(db)
    assert await Carrying(db, postman).round() is None
    assert await Carrying(db, postman).round() is None
    assert postman.taken == [OutgoingMail(mail_id, "ada@example.com", "Welcome", "Hello", "<p>Hello</p>")]
    assert await state(db, mail_id) == (False, True, 1, None)


async def test_what_only_lies_in_the_mailbox_is_never_due(db, postman):
    await write(db, carried=False)
    assert await Carrying(db, postman).round() is None
    assert postman.taken == []


async def test_who_is_away_is_tried_again_under_the_same_id(db, postman):
    mail_id = await write(db)
    postman.fails["ada@example.com"] = OSError("away")
    next_seconds = await Carrying(db, postman).round()
    assert next_seconds is not None
    assert await state(db, mail_id) == (True, False, 1, None)
    postman.fails.clear()
    await make_due(db)
    await Carrying(db, postman).round()
    assert [mail.id for mail in postman.taken] == [mail_id]
    assert await state(db, mail_id) == (False, True, 2, None)


async def test_what_is_refused_for_good_is_not_tried_again(db, postman):
    mail_id = await write(db)
    postman.fails["ada@example.com"] = Undeliverable("there is no such mailbox\nand more")
    assert await Carrying(db, postman).round() is None
    assert await state(db, mail_id) == (False, False, 1, "there is no such mailbox")


async def test_some_day_it_is_given_up(db, postman):
    mail_id = await write(db)
    postman.fails["ada@example.com"] = OSError("away")
    await db.execute("UPDATE deliveries SET attempts = $1", MOST_ATTEMPTS - 1)
    assert await Carrying(db, postman).round() is None
    assert await state(db, mail_id) == (False, False, MOST_ATTEMPTS, f"not taken in {MOST_ATTEMPTS} tries: away")


async def test_one_who_is_refused_keeps_no_other_back(db, postman):
    for number in range(2 * AT_ONCE):
        await write(db, f"{number}@example.com")
    for number in range(0, AT_ONCE, 2):
        postman.fails[f"{number}@example.com"] = OSError("away")
    postman.hold.clear()
    first = asyncio.create_task(Carrying(db, postman).round())
    while postman.together < AT_ONCE:
        await asyncio.sleep(0)
    postman.hold.set()
    await first
    await Carrying(db, postman).round()
    assert len(postman.taken) == 2 * AT_ONCE - AT_ONCE // 2


async def test_two_processes_hand_over_each_mail_once(db, postman):
    written = [await write(db) for _ in range(3 * AT_ONCE)]
    await asyncio.gather(*(Carrying(db, postman).round() for _ in range(3)))
    assert Counter(mail.id for mail in postman.taken) == Counter(written)


async def test_what_a_dead_process_had_claimed_comes_again(db, postman):
    mail_id = await write(db)
    postman.hold.clear()
    dying = asyncio.create_task(Carrying(db, postman).round())
    while postman.together == 0:
        await asyncio.sleep(0)
    dying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dying
    assert await state(db, mail_id) == (True, False, 1, None)
    next_seconds = await repository.next_due(db)
    assert next_seconds is not None
    assert 0 < next_seconds <= carry.CLAIM_SECONDS
    postman.hold.set()
    await make_due(db)
    assert await Carrying(db, postman).round() is None
    assert [mail.id for mail in postman.taken] == [mail_id]


async def test_who_never_answers_is_given_his_time(db, postman, monkeypatch):
    monkeypatch.setattr(carry, "HANDED_OVER_WITHIN_SECONDS", 0.05)
    mail_id = await write(db)
    postman.hold.clear()
    await Carrying(db, postman).round()
    assert await state(db, mail_id) == (True, False, 1, None)


async def test_a_mail_that_waits_keeps_its_bodies(db):
    waits, lies = await write(db), await write(db, carried=False)
    await db.execute("UPDATE deliveries SET sent_at = $1", clock.now() - timedelta(days=5))
    await end_mails(db, Settings(body_days=1))
    bodies = {row["id"]: row["text_body"] for row in await db.fetch("SELECT id, text_body FROM deliveries")}
    assert bodies == {waits: "Hello", lies: None}
