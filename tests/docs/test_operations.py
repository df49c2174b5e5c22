"""docs/operations.md, done: the database is reached, dumped and restored; what was parked goes on; a key is made."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest
from docs.conftest import Reader
from docs.pages import ROOT, blocks, table
from journeys.client import Shopper
from journeys.conftest import shop_on

from stoa.app import OURS, SERVICES
from stoa.kit import outbox
from stoa.kit.db import Database
from stoa.kit.telemetry import logs, metrics
from stoa.runtime import secrets as secrets_of
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access
from stoa.runtime.postgres import dsn_of_running
from stoa.runtime.settings import ProcessSettings

OPERATIONS = ROOT / "docs" / "operations.md"
SCRIPTS = blocks(OPERATIONS, "sh")
WAIT_SECONDS = 60.0


TRIED = (
    "SELECT status",
    "stoa shell",
    "stoa backup",
    "compatible_with",
    "parked --redrive",
    "events replay",
    "parked discard --service",
    "rotate-key",
    "user create",
    "stoa acts",
)


def script(with_text: str) -> str:
    """The one block that has this text."""
    (found,) = [block.text for block in SCRIPTS if with_text in block.text]
    return found


def test_every_block_is_done_here():
    assert [sum(word in block.text for word in TRIED) for block in SCRIPTS] == [1] * len(TRIED)


@pytest.fixture
async def database_of(reader: Reader) -> AsyncIterator[Callable[[str], Database]]:
    secrets = secrets_of.load(reader.data_dir / "secrets.json", {})
    dsn = dsn_of_running(reader.data_dir / "postgres", secrets.superuser)
    assert dsn is not None
    opened: dict[str, Database] = {}

    def of(service: str) -> Database:
        return opened.setdefault(service, Database(service, Access(dsn, secrets).dsn_of(SERVICES[service]), 1))

    yield of
    for each in opened.values():
        await each.close()


async def until(db: Database, sql: str, *arguments: object) -> None:
    """Wait until what `sql` asks is true."""
    give_up = time.monotonic() + WAIT_SECONDS
    while not await db.fetchval(sql, *arguments):
        assert time.monotonic() < give_up, sql
        await asyncio.sleep(0.05)


async def test_the_database_is_reached(reader: Reader, placed: dict):
    printed = reader.run(reader.at_home(script("SELECT status")))
    assert re.search(r"confirmed +\| +[1-9]", printed)


async def test_a_script_for_the_shell(reader: Reader, placed: dict):
    assert int(reader.run(reader.at_home(script("stoa shell")))) >= 1


async def test_the_migrations_say_what_they_are_compatible_with(reader: Reader):
    printed = reader.run(reader.at_home(script("compatible_with")))
    assert re.search(r"kit/0001_kit\.sql +\| *\n", printed)


@pytest.fixture
async def placed(visitor: Shopper, admin: Shopper, new_product: Callable) -> dict:
    """An order, with all its effects."""
    sku = await new_product(price=700, on_hand=5)
    ada = await visitor.register()
    await ada.fill_cart(**{sku: 2})
    order = await ada.buy()
    await admin.until(f"/inventory/{sku}", lambda stock: (stock["on_hand"], stock["reserved"]) == (3, 0))
    await admin.until(f"/notifications?order_id={order['id']}", lambda mails: len(mails["items"]) == 1)
    return order


async def test_what_is_backed_up_is_restored(reader: Reader, placed: dict, admin: Shopper, tmp_path: Path):
    """While the shop runs, whatever is under way in it; the administrator's password is what it was."""
    reader.run(reader.at_home(script("stoa backup"), restored=str(tmp_path / "restored")), tmp_path)
    with shop_on(tmp_path / "restored") as url:
        copy = await Shopper(admin.session, url).sign_in(*written_down(reader))
        order = await copy.ok("GET", f"/orders/{placed['id']}")
        assert order == await admin.ok("GET", f"/orders/{placed['id']}")
        elsewhere = Reader(url, tmp_path / "restored")
        assert elsewhere.run([sys.executable, "-m", "stoa.cli.main", "audit"]).endswith("All 9 invariants hold.\n")
    assert "Demo shop" not in (tmp_path / "shop.log").read_text()


def written_down(reader: Reader) -> tuple[str, str]:
    """The administrator's e-mail address and password."""
    lines = dict(line.split(": ", 1) for line in (reader.data_dir / "admin.txt").read_text().splitlines())
    return lines["email"], lines["password"]


async def test_what_failed_and_is_parked_goes_on(
    reader: Reader, placed: dict, database_of: Callable[[str], Database], admin: Shopper
):
    inbox = database_of("notification")
    event = str(uuid4())
    # As the inbox leaves it after its last attempt.
    await inbox.execute(
        """INSERT INTO inbox (event_id, type, source, subject, aggregate_version, time, traceparent, data, attempts,
                              error, parked_at)
           SELECT $1, 'order.delivered', 'order', subject, aggregate_version + 1, now(), traceparent,
                  data || '{"email": "ada@example.com"}', 12, 'KeyError: carrier', now()
           FROM inbox WHERE subject = $2 AND type = 'order.placed'""",
        event,
        placed["id"],
    )
    printed = reader.run(reader.at_home(script("parked --redrive")))
    assert f"notification could not handle order.delivered {event} of {placed['id']}" in printed
    assert "after 12 attempts: KeyError: carrier" in printed
    await until(inbox, "SELECT done_at IS NOT NULL FROM inbox WHERE event_id = $1", event)
    mails = await admin.until(f"/notifications?order_id={placed['id']}", lambda body: len(body["items"]) == 2)
    assert {mail["template"] for mail in mails["items"]} == {"order_confirmation", "order_delivered"}


async def test_what_was_refused_and_is_parked_goes_on(
    reader: Reader, placed: dict, database_of: Callable[[str], Database]
):
    order, inbox = database_of("order"), database_of("notification")
    event = str(uuid4())
    # As the relay leaves it when the recipient has refused it.
    await order.execute(
        """WITH logged AS (
               INSERT INTO event_log (event_id, type, subject, aggregate_version, time, traceparent, data)
               SELECT $1, 'order.delivered', subject, aggregate_version + 1, now(), traceparent, data
               FROM event_log WHERE subject = $2 AND type = 'order.placed' RETURNING id, subject),
           personal AS (INSERT INTO event_personal SELECT id, '{"email": "ada@example.com"}' FROM logged)
           INSERT INTO outbox_parked (recipient, id, shard, subject, reason)
           SELECT 'notification', id, $3, subject, 'notification does not hear of order.delivered' FROM logged""",
        event,
        placed["id"],
        outbox.shard_of(placed["id"]),
    )
    printed = reader.run(reader.at_home(script("parked --redrive")))
    assert f"notification refused order.delivered {event} of {placed['id']} from order" in printed
    await until(inbox, "SELECT EXISTS (SELECT FROM inbox WHERE event_id = $1 AND done_at IS NOT NULL)", event)


async def test_what_a_service_never_got_is_delivered_again(
    reader: Reader, placed: dict, database_of: Callable[[str], Database]
):
    order, inventory = database_of("order"), database_of("inventory")
    product = placed["items"][0]["product_id"]
    sku = placed["items"][0]["sku"]
    # As if inventory had come after the product: it has not heard of it, and nobody owes it anything.
    await inventory.execute("DELETE FROM owners WHERE sku = $1", sku)
    await inventory.execute("DELETE FROM inbox WHERE subject = $1", product)
    printed = reader.run(reader.at_home(script("events replay")))
    assert re.search(r"inventory gets 1 events of .* UTC or later that it did not have\.", printed)
    assert await inventory.fetchval("SELECT count(*) FROM owners WHERE sku = $1", sku) == 1
    assert "inventory gets 0 events" in reader.run(reader.at_home(script("events replay")))
    assert await order.fetchval("SELECT count(*) FROM outbox WHERE recipient = 'inventory'") == 0


async def test_what_is_owed_to_a_service_that_is_gone_is_seen_and_given_up(
    reader: Reader, placed: dict, database_of: Callable[[str], Database]
):
    order = database_of("order")
    await order.execute(
        "INSERT INTO outbox (recipient, id, shard) SELECT 'giftwrap', id, 0 FROM event_log WHERE subject = $1",
        placed["id"],
    )
    listed = reader.run(reader.at_home(script("parked --redrive").splitlines()[0]))
    assert "giftwrap is gone, and order owes it 1 events: install it again, or" in listed
    printed = reader.run(reader.at_home(script("parked discard --service")))
    assert "1 events are discarded: giftwrap will not have their effect." in printed
    assert await order.fetchval("SELECT count(*) FROM outbox WHERE recipient = 'giftwrap'") == 0


async def test_a_next_signing_key(reader: Reader, database_of: Callable[[str], Database]):
    auth = database_of("auth")
    before = {row["kid"] for row in await auth.fetch("SELECT kid::text FROM signing_keys")}
    printed = reader.run(reader.at_home(script("rotate-key")))
    made = printed.split()[-1].rstrip(".")
    after = {row["kid"] for row in await auth.fetch("SELECT kid::text FROM signing_keys")}
    assert after == before | {made}
    assert made not in before


async def test_who_did_it(reader: Reader, visitor: Shopper, admin: Shopper):
    ada = await visitor.register()
    assert ada.user is not None and admin.user is not None
    await admin.ok("PUT", f"/auth/users/{ada.user['id']}/roles", {"roles": ["seller"]})
    printed = reader.run(reader.at_home(script("stoa acts").replace("--limit 20", "--limit 1000")))
    assert re.search(
        rf"  {admin.user['id']}  user\.roles_changed {ada.user['id']} in auth\n"
        r' +{"roles":\["customer"\]} → {"roles":\["seller"\]}  request \S+\n',
        printed,
    )
    # The administrator came from a command line.
    assert re.search(rf"  operator  user\.imported {admin.user['id']} in auth\n", printed)


async def test_another_administrator(reader: Reader, visitor: Shopper):
    printed = reader.run(reader.at_home(script("user create")))
    email, password = re.search(r"The password of (\S+) is (\S+)\n", printed).groups()
    account = await visitor.ok("POST", "/auth/login", {"email": email, "password": password})
    assert account["user"]["roles"] == ["admin"]


def test_the_connections_add_up():
    """As many as are there today, and some more, are below the figure: a new service is no line of the page."""
    figures = r"most (\d+) each and 1 more where they announce.* all announce 15 × (\d+) \+ 15 = (\d+)"
    (stated,) = re.findall(figures, " ".join(OPERATIONS.read_text().split()))
    pool = ProcessSettings().pool_size
    assert [*map(int, stated)] == [pool, pool, 15 * pool + 15]
    assert len(OURS) <= 15


def test_the_metrics():
    """Every figure of the platform, with its labels, and no other."""
    shown = {row[0]: row[1] for row in table(OPERATIONS, "| metric | labels | what it counts |")}
    ours = {
        each._name + ("_total" if each._type == "counter" else ""): ", ".join(each._labelnames)
        for each in vars(metrics).values()
        if hasattr(each, "_labelnames")
    }
    assert shown == ours


async def test_the_probes(reader: Reader, visitor: Shopper):
    """At their own port, which the start says; all but the figures at the shop's too."""
    said = (reader.data_dir.parent / "shop.log").read_text()
    for path, *_ in table(OPERATIONS, "| path | says | for |"):
        for url in re.findall(r"Probes +(http://[\d.:]+)/readyz", said):
            async with visitor.session.get(url + path) as answer:
                assert answer.status == 200, path
        async with visitor.session.get(visitor.base_url + path) as answer:
            assert answer.status == (404 if path == "/metrics" else 200), path
    # The scraper's targets are those of the shape that is shown with them.
    targets = re.findall(r'"(127\.0\.0\.1:\d+)"', OPERATIONS.read_text())
    assert targets == [str(plan.admin) for plan in topologies.load("three-services", {}).processes]


def test_the_data_directory(reader: Reader):
    """What the page lists is what a running shop has, and nothing more."""
    listed = {row[0].rstrip("/") for row in table(OPERATIONS, "| file | what it is |")}
    assert {file.name for file in reader.data_dir.iterdir()} == listed
    for path in re.findall(r"postgres/\w+", OPERATIONS.read_text()):
        assert (reader.data_dir / path).exists()


def test_the_members_of_a_log_line():
    section = " ".join(OPERATIONS.read_text().split("## Logs")[1].split("## ")[0].split())
    shown = re.findall(r"`(\w+)`", section.split("Each has")[1].split("The trace")[0])
    record = logging.makeLogRecord({"name": "stoa.test", "msg": "hello", "levelname": "INFO"})
    written = json.loads(logs.Json("shop", {}).format(record))
    assert [*written, "user_id"] == shown
