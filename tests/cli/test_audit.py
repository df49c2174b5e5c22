"""What `stoa audit` is told: since when."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta

import pytest

from stoa.app import GET_PERSONAL, SERVICES, subscribers
from stoa.audit.audit import INVARIANTS
from stoa.cli import audit
from stoa.cli.audit import add_arguments
from stoa.cli.console import Console
from stoa.kit import clock, hearers
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.outbox import Outbox
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.kept_files import kept_files
from stoa.runtime.secrets import Secrets
from stoa.services.catalog.events import ProductCreated

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)


def since(*words: str) -> datetime | None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    moment: datetime | None = parser.parse_args(words).since
    return moment


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("24h", NOW - timedelta(days=1)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T14:00+02:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
    ],
)
def test_a_span_or_a_moment(monkeypatch, text: str, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert since("--since", text) == moment


def test_without_it_everything_is_compared() -> None:
    assert since() is None


@pytest.mark.parametrize("text", ["", "yesterday", "24", "-1h", "999999d", "2026-13-01"])
def test_what_is_no_moment_is_refused(capsys, text: str) -> None:
    with pytest.raises(SystemExit) as refused:
        since(f"--since={text}")
    assert refused.value.code == 2
    assert f"{text!r} is no span like 24h" in capsys.readouterr().err


async def test_what_is_still_on_its_way_is_said(postgres_server, tmp_path, capsys) -> None:
    """As after `stoa seed` or `stoa import` on a shop that does not run: it looks lost, and is not."""
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets("a secret of this test, long enough"))
    files = kept_files(tmp_path, {})
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    assert await audit.audit(access, files, Console(), looks=1) == 0
    capsys.readouterr()
    catalog = Database("catalog", access.dsn_of(SERVICES["catalog"]), 1)
    outbox = Outbox(SERVICES["catalog"], subscribers, GET_PERSONAL)
    await hearers.remember(catalog, outbox.goes_to)
    async with catalog.transaction() as tx:
        fact = ProductCreated(product_id=uuid7(), slug="mug", seller_id=None, skus=[], files={})
        await outbox.announce(tx, subject=fact.product_id, version=1, fact=fact)
    await catalog.close()
    assert await audit.audit(access, files, Console(), looks=1) == 1
    said = capsys.readouterr().out
    assert INVARIANTS[4].statement in said
    # To search, inventory, media and the gateway.
    assert "4 deliveries are still on their way: a shop that runs brings them; look again then." in said
