"""One mail per event, whatever comes twice, out of order or at the same time."""

import asyncio
from operator import attrgetter

import pytest
from counting import Counting

from stoa.app import SERVICES
from stoa.kit import clock
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.services.notification import repository
from stoa.services.notification.handlers import Post, handlers, write
from stoa.services.notification.mails import Mails

POST = Post(Mails("Stoa"))
HANDLERS = handlers(POST)


def gbp(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "GBP"}


def event(kind: str, **data) -> Event:
    return Event(
        id=uuid7(),
        type=kind,
        source=kind.split(".", maxsplit=1)[0],
        subject=uuid7(),
        time=clock.now(),
        aggregateversion=1,
        traceparent="00-" + "1" * 32 + "-" + "1" * 16 + "-01",
        data=data,
    )


def about(order_id: str, kind: str, **data) -> Event:
    return event(kind, order_id=order_id, number="S-100001", email="ada@example.com", **data)


def placed(order_id: str) -> Event:
    item = {"sku": "MUG", "product_id": uuid7(), "name": "Mug", "quantity": 2, "unit_price": gbp(1999)}
    amounts = {"subtotal": gbp(3998), "discount": gbp(0), "shipping": gbp(495), "tax": gbp(899), "total": gbp(5392)}
    more = {"user_id": None, "reservation_key": "r", "payment_id": uuid7()}
    return about(order_id, "order.placed", items=[item], **amounts, **more)


def low_stock() -> Event:
    return event("inventory.low_stock", sku="MUG", available=3, low_stock_at=5)


def refunded(order_id: str, amount: int) -> Event:
    more = {"refund_id": uuid7(), "refunded_total": gbp(amount), "reason": "order canceled"}
    return event("payment.refunded", payment_id=uuid7(), order_id=order_id, amount=gbp(amount), **more)


@pytest.fixture
async def db(database):
    return await database("notification")


@pytest.fixture
def hear(db):
    async def handle(heard: Event) -> None:
        async with db.transaction() as tx:
            for event in await write(POST, tx, [heard]):
                await HANDLERS[event.type](tx, event)

    return handle


async def sent(db) -> list[tuple[str, str, str]]:
    mails = await repository.list_deliveries(db, limit=100)
    return [(mail.template, mail.recipient, mail.subject) for mail in sorted(mails, key=attrgetter("sent_at"))]


def test_everything_that_is_heard_has_a_handler():
    assert set(HANDLERS) == set(SERVICES["notification"].hears)


async def test_an_order_in_parts(db, hear):
    """Each parcel says what is in it, and what is called off is said."""
    order_id = uuid7()
    mug, spoon = ({"sku": name.upper(), "name": name, "quantity": 1} for name in ("Mug", "Spoon"))
    parcel = {"carrier": "DHL", "tracking_number": "JD01", "tracking_url": None, "shipment_id": uuid7()}
    off = {"source": uuid7(), "reason": "enough", "reservation_key": "r", "payment_id": uuid7(), "refund": gbp(400)}
    await hear(about(order_id, "order.shipped", items=[mug], complete=False, **parcel))
    await hear(about(order_id, "order.items_canceled", items=[spoon], **off))
    await hear(about(order_id, "order.delivered", items=[mug], complete=True, shipment_ids=[parcel["shipment_id"]]))
    assert await sent(db) == [
        ("order_shipped", "ada@example.com", "A part of your order S-100001 is on its way"),
        ("order_items_canceled", "ada@example.com", "A part of your order S-100001 is canceled"),
        ("order_delivered", "ada@example.com", "Your order S-100001 has arrived"),
    ]


async def test_the_life_of_an_order(db, hear):
    order_id = uuid7()
    await hear(
        event("user.registered", user_id=uuid7(), email="ada@example.com", first_name="Ada", last_name="L", phone="")
    )
    await hear(placed(order_id))
    await hear(about(order_id, "order.shipped", carrier="DHL", tracking_number="JD01"))
    await hear(about(order_id, "order.delivered"))
    back = {"return_id": uuid7(), "items": [{"sku": "MUG", "quantity": 1}], "refund": gbp(2399)}
    await hear(about(order_id, "order.returned", reservation_key="r", payment_id=uuid7(), **back))
    await hear(refunded(order_id, 2399))
    assert await sent(db) == [
        ("welcome", "ada@example.com", "Welcome to Stoa"),
        ("order_confirmation", "ada@example.com", "Your order S-100001"),
        ("order_shipped", "ada@example.com", "Your order S-100001 is on its way"),
        ("order_delivered", "ada@example.com", "Your order S-100001 has arrived"),
        ("order_returned", "ada@example.com", "Your return for order S-100001"),
        ("refund_issued", "ada@example.com", "Your refund for order S-100001"),
    ]


async def test_who_shall_prove_an_address_gets_a_code_or_is_told_of_their_account(db, hear):
    await hear(event("user.proof_asked", email="new@example.com", code="0123456789ab"))
    await hear(event("user.proof_asked", email="ada@example.com", code=None))
    assert await sent(db) == [
        ("address_proof", "new@example.com", "Your code for Stoa"),
        ("account_exists", "ada@example.com", "You have an account at Stoa"),
    ]
    (mail, *_) = await repository.list_deliveries(db, template="address_proof", limit=9)
    assert "\n  0123456789ab\n" in (await repository.read_mail(db, mail.id)).text


async def test_who_waited_is_told_once_with_what_ends_the_rest(db, hear):
    back = event("inventory.wait_ended", sku="MUG", name="Enamel mug", email="ada@example.com", token="7b51-9d2e")
    for _ in range(2):
        await hear(back)
    assert await sent(db) == [("back_in_stock", "ada@example.com", "What you waited for is back")]
    (mail,) = await repository.list_deliveries(db, template="back_in_stock", limit=9)
    text = (await repository.read_mail(db, mail.id)).text
    assert "Enamel mug (MUG)" in text
    assert "/stock-subscriptions/7b51-9d2e" in text


async def test_an_event_that_comes_again_sends_nothing(db, hear):
    first, second = placed(uuid7()), placed(uuid7())
    for heard in (first, first, second, first):
        await hear(heard)
    assert [template for template, _, _ in await sent(db)] == ["order_confirmation"] * 2


async def test_a_refund_heard_of_before_its_order_waits_for_the_address(db, hear):
    order_id = uuid7()
    early, late = refunded(order_id, 100), refunded(order_id, 200)
    for heard in (late, early, early):
        await hear(heard)
    assert await sent(db) == []
    await hear(about(order_id, "order.canceled", reason="no", total=gbp(300), reservation_key="r", payment_id=uuid7()))
    await hear(early)
    assert [template for template, _, _ in await sent(db)] == ["order_canceled", "refund_issued", "refund_issued"]
    mails = [
        await repository.read_mail(db, mail.id)
        for mail in await repository.list_deliveries(db, template="refund_issued", limit=9)
    ]
    assert sorted(mail.text.split()[3] for mail in mails) == ["£1.00", "£2.00"]
    assert await db.fetchval("SELECT count(*) FROM waiting_refunds") == 0


async def test_a_refund_and_its_order_at_once_never_miss_each_other(db, hear):
    for number in range(1, 16):
        order_id = uuid7()
        await asyncio.gather(hear(refunded(order_id, 100)), hear(placed(order_id)))
        templates = [template for template, _, _ in await sent(db)]
        assert (templates.count("refund_issued"), templates.count("order_confirmation")) == (number, number)


async def test_a_refund_of_what_was_never_placed_sends_nothing(db, hear):
    await hear(refunded(uuid7(), 100))
    assert await sent(db) == []


async def test_the_mails_to_who_is_deleted_go_and_nobody_elses(db, hear):
    await hear(event("user.registered", email="ada@example.com", first_name="Ada"))
    await hear(event("user.registered", email="bea@example.com", first_name="Bea"))
    # What is personal is told once: a repeat knows no address, which may be somebody else's by then.
    await hear(event("user.deleted", user_id=uuid7()))
    assert len(await repository.list_deliveries(db, limit=10)) == 2
    await hear(event("user.deleted", user_id=uuid7(), email="ada@example.com"))
    assert [mail.recipient for mail in await repository.list_deliveries(db, limit=10)] == ["bea@example.com"]


@pytest.mark.parametrize("count", [1, 20, 256])
async def test_a_batch_costs_what_one_event_does(db, count):
    counting = Counting(db)
    async with counting.transaction() as tx:
        await write(POST, tx, [placed(uuid7())])
    orders = [uuid7() for _ in range(count)]
    batch = [placed(order_id) for order_id in orders] + [refunded(order_id, 100) for order_id in orders]
    await counting.taken()
    async with counting.transaction() as tx:
        assert list(await write(POST, tx, batch)) == []
    assert await counting.taken() == [repository.HOLD_CONTACTS, repository.ADD_DELIVERIES, "COMMIT"]
    await counting.close()
    kinds = await db.fetch("SELECT template, count(DISTINCT order_id) AS count FROM deliveries GROUP BY 1 ORDER BY 1")
    assert [(row["template"], row["count"]) for row in kinds] == [
        ("order_confirmation", count + 1),
        ("refund_issued", count),
    ]


async def test_in_one_batch_each_refund_finds_its_order_or_waits_for_it(db, hear):
    waiting, here, nowhere = uuid7(), uuid7(), uuid7()
    await hear(refunded(waiting, 100))
    gone = event("user.deleted", user_id=uuid7(), email="eve@example.com")
    batch = [refunded(here, 200), placed(here), gone, placed(waiting), refunded(waiting, 300), refunded(nowhere, 400)]
    batch.append(event("user.registered", email="bea@example.com", first_name="Bea"))
    for _ in range(2):  # a repeat sends nothing
        async with db.transaction() as tx:
            assert list(await write(POST, tx, batch)) == [gone]
    about = await db.fetch("SELECT template, order_id FROM deliveries WHERE order_id IS NOT NULL")
    assert sorted((row["template"], row["order_id"]) for row in about) == sorted(
        [("order_confirmation", here), ("order_confirmation", waiting)]
        + [("refund_issued", order_id) for order_id in (here, waiting, waiting)]
    )
    assert await db.fetchval("SELECT count(*) FROM deliveries WHERE recipient = 'bea@example.com'") == 1
    assert await db.fetchval("SELECT order_id FROM waiting_refunds") == nowhere


async def test_staff_are_written_to_when_little_is_left(db):
    told = low_stock()
    for post in (POST, Post(Mails("Stoa"), staff_email="staff@example.com")):
        async with db.transaction() as tx:
            assert await write(post, tx, [told]) == []
    [mail] = await db.fetch("SELECT recipient, template, subject FROM deliveries")
    assert dict(mail) == {
        "recipient": "staff@example.com",
        "template": "low_stock",
        "subject": "Little is left in stock",
    }
