"""The mailbox: for admins, in pages, with bodies."""

from functools import partial

import pytest

from stoa.contracts.notification.v1.notification_pb2 import ListDeliveriesRequest
from stoa.contracts.notification.v1.notification_pb2_grpc import (
    NotificationServiceStub,
    add_NotificationServiceServicer_to_server,
)
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.ids import uuid7
from stoa.services.notification import repository
from stoa.services.notification.repository import Mail
from stoa.services.notification.routes import routes
from stoa.services.notification.rpc import NotificationServicer
from stoa.testing import Rest, new_user, prepare_all

ADMIN = new_user("admin")
ORDER = "01a1fc99-1e4a-77b5-9ea7-a05be2504264"


@pytest.fixture
async def db(database):
    return await database("notification")


@pytest.fixture
def rest(db) -> Rest:
    return Rest(routes.bind(db), db)


@pytest.fixture
async def mails(db) -> list[Mail]:
    """Four mails, in the order of their ids: those of one millisecond are in any."""
    made = []
    ids = sorted(uuid7() for _ in range(4))
    for mail_id, (template, recipient, order_id) in zip(
        ids,
        (
            ("welcome", "ada@example.com", None),
            ("order_confirmation", "ada@example.com", ORDER),
            ("order_confirmation", "eve@example.com", uuid7()),
            ("order_shipped", "ada@example.com", ORDER),
        ),
        strict=True,
    ):
        mail = Mail(
            mail_id, template, recipient, order_id, f"About {template}", clock.now(), text="text", html="<p>html</p>"
        )
        async with db.transaction() as tx:
            await repository.add_deliveries(tx, {uuid7(): mail}, carried=False)
        made.append(mail)
    return made


async def test_every_statement_can_be_prepared(db):
    assert "ADD_DELIVERIES" in await prepare_all(db, repository)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", [3, 2, 1, 0]),
        ("?recipient=ada@example.com", [3, 1, 0]),
        ("?recipient=ADA@Example.com", [3, 1, 0]),
        ("?recipient=ada@example.com&template=welcome", [0]),
        ("?template=order_confirmation", [2, 1]),
        (f"?order_id={ORDER}", [3, 1]),
        (f"?order_id={ORDER}&template=order_shipped&recipient=ada@example.com", [3]),
        (f"?order_id={ORDER}&recipient=eve@example.com", []),
    ],
)
async def test_filters(rest, mails, query, wanted):
    page = await rest.ok("GET", f"/notifications{query}", user=ADMIN)
    assert [one["id"] for one in page["items"]] == [mails[at].id for at in wanted]
    told = {"id", "template", "recipient", "order_id", "subject", "sent_at", "carried_at", "undeliverable"}
    assert all(one.keys() == told for one in page["items"])


async def test_pages(rest, mails):
    first = await rest.ok("GET", "/notifications?limit=3", user=ADMIN)
    second = await rest.ok("GET", f"/notifications?limit=3&cursor={first['next_cursor']}", user=ADMIN)
    assert [one["id"] for one in (*first["items"], *second["items"])] == [mail.id for mail in reversed(mails)]
    assert second["next_cursor"] is None


async def test_one_mail_with_its_bodies(rest, mails):
    one = await rest.ok("GET", f"/notifications/{mails[1].id}", user=ADMIN)
    assert (one["subject"], one["order_id"], one["text"], one["html"]) == (
        "About order_confirmation",
        ORDER,
        "text",
        "<p>html</p>",
    )
    missing = await rest.send("GET", f"/notifications/{uuid7()}", user=ADMIN)
    assert (missing.status, missing.problem) == (404, "notification-not-found")


async def test_only_admins(rest, mails):
    for path in ("/notifications", f"/notifications/{mails[0].id}"):
        assert (await rest.send("GET", path)).status == 401
        assert (await rest.send("GET", path, user=new_user("customer", "seller"))).status == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("template=invoice", "template"),
        ("order_id=1", "order_id"),
        ("recipient=nobody", "recipient"),
        ("cursor=!", "cursor"),
    ],
)
async def test_queries_that_are_refused(rest, query, field):
    answer = await rest.send("GET", f"/notifications?{query}", user=ADMIN)
    assert (answer.status, answer.body["field"]) == (422, field)


async def test_the_contract(db, mails):
    registry = Registry()
    partial(add_NotificationServiceServicer_to_server, NotificationServicer(db))(registry)
    channel = InProcessChannel(registry)
    stub = NotificationServiceStub(channel)
    answer = await stub.ListDeliveries(ListDeliveriesRequest(recipient="ada@example.com", limit=2))
    assert [(one.id, one.template) for one in answer.deliveries] == [
        (mails[3].id, "order_shipped"),
        (mails[1].id, "order_confirmation"),
    ]
    await channel.close()
