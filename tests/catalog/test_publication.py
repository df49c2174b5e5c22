"""What is sold from one moment to another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import asyncpg
import pytest
from volume import fill, read_by

from stoa.kit.clock import now
from stoa.kit.db import Database
from stoa.services.catalog import publication as rounds
from stoa.services.catalog import publication_repository, variants_repository
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.pricing import EVERYBODY
from stoa.services.catalog.publication import publish_due
from stoa.testing import prepare_all

from .conftest import ADMIN, SELLER

EARLIER, LATER, MUCH_LATER = (now() + timedelta(hours=hours) for hours in (-1, 1, 2))


def text(moment):
    return None if moment is None else moment.isoformat()


def dates(publish_at=None, unpublish_at=None):
    return {"publish_at": text(publish_at), "unpublish_at": text(unpublish_at)}


async def pass_by(shop, hours):
    """As if so many hours had gone by."""
    await shop.db.execute(
        "UPDATE products SET publish_at = publish_at - $1::interval, unpublish_at = unpublish_at - $1::interval",
        timedelta(hours=hours),
    )


async def stands(shop, slug, user=ADMIN):
    product = await shop.rest.ok("GET", f"/products/{slug}", user=user)
    return product["status"], product["standing"], product["version"]


async def test_every_statement_fits_the_schema(shop):
    assert len(await prepare_all(shop.db, publication_repository)) == 2


async def test_it_is_sold_from_one_moment_to_the_other(shop):
    made = await shop.add("mug", 500, **dates(LATER, MUCH_LATER))
    assert (made["status"], made["standing"]) == ("active", "scheduled")
    assert [datetime.fromisoformat(made[name]) for name in ("publish_at", "unpublish_at")] == [LATER, MUCH_LATER]

    async def sold():
        listed = await shop.slugs("") == ["mug"]
        shown = (await shop.rest.send("GET", "/products/mug")).status == 200
        bought = list(await variants_repository.variants_for_sale(shop.db, ["MUG-0"], EVERYBODY)) == ["MUG-0"]
        assert listed == shown == bought
        return listed

    assert not await sold()
    assert await shop.slugs("status=scheduled", ADMIN) == ["mug"]
    seconds = await publish_due(shop.catalog)
    assert 0 < seconds <= 3600
    await pass_by(shop, 1)
    assert 0 < await publish_due(shop.catalog) <= 3600
    assert await stands(shop, "mug") == ("active", "active", 2)
    assert await sold()
    await pass_by(shop, 1)
    assert await publish_due(shop.catalog) is None
    assert await stands(shop, "mug") == ("active", "ended", 3)
    assert not await sold()
    assert await shop.slugs("status=ended", ADMIN) == ["mug"]
    assert [row[:3] for row in await shop.announced()] == [
        ("product.created", "mug", 1),
        ("product.updated", "mug", 2),
        ("product.updated", "mug", 3),
    ]
    changed = await shop.db.fetchval("SELECT data->'changed' FROM event_log ORDER BY id DESC LIMIT 1")
    assert changed == ["standing"]


@pytest.mark.parametrize(
    ("body", "standing"),
    [
        (dates(EARLIER), "active"),
        (dates(EARLIER, LATER), "active"),
        (dates(None, LATER), "active"),
        (dates(LATER), "scheduled"),
        (dates(None, EARLIER), "ended"),
        (dates(LATER) | {"status": "draft"}, "draft"),
    ],
)
async def test_its_dates_say_at_once_where_it_stands(shop, body, standing):
    assert (await shop.add("mug", 500, **body))["standing"] == standing
    await shop.add("cup", 500)
    assert (await shop.rest.ok("PATCH", "/products/cup", body, user=ADMIN))["standing"] == standing
    # And without them again.
    patched = await shop.rest.ok("PATCH", "/products/cup", {"status": "active"} | dates(), user=ADMIN)
    assert (patched["standing"], patched["publish_at"], patched["unpublish_at"]) == ("active", None, None)


async def test_what_was_missed_altogether_is_never_sold(shop):
    await shop.add("mug", 500, **dates(LATER, MUCH_LATER))
    await pass_by(shop, 3)
    await publish_due(shop.catalog)
    assert await stands(shop, "mug") == ("active", "ended", 2)


async def test_a_draft_or_what_is_archived_stays_so(shop):
    await shop.add("draft", 500, status="draft", **dates(LATER))
    await shop.add("gone", 500, **dates(LATER))
    await shop.rest.ok("DELETE", "/products/gone", status=204, user=ADMIN)
    assert await publish_due(shop.catalog) is None
    await pass_by(shop, 1)
    assert await publish_due(shop.catalog) is None
    assert [(await stands(shop, slug))[1] for slug in ("draft", "gone")] == ["draft", "archived"]


async def test_what_staff_withhold_is_published_and_stays_withheld(shop):
    await shop.add("mug", 500, user=SELLER, **dates(LATER))
    await shop.rest.ok("POST", "/products/mug/withhold", {"reason": "Why"}, user=ADMIN)
    await pass_by(shop, 1)
    await publish_due(shop.catalog)
    assert (await stands(shop, "mug"))[1] == "withheld"
    await shop.rest.ok("POST", "/products/mug/reinstate", {"reason": "Why"}, user=ADMIN)
    assert (await stands(shop, "mug"))[1] == "active"


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        (dates(LATER, LATER), "unpublished-before-published", "unpublish_at"),
        (dates(MUCH_LATER, LATER), "unpublished-before-published", "unpublish_at"),
        ({"publish_at": "0001-01-01T00:00:00+14:00"}, "date-out-of-range", "publish_at"),
        ({"unpublish_at": "9999-12-31T23:59:59-14:00"}, "date-out-of-range", "unpublish_at"),
        ({"publish_at": "2030-01-01T00:00:00"}, "unprocessable", "publish_at"),
    ],
)
async def test_what_cannot_be_is_refused(shop, body, problem, field):
    await shop.add("mug", 500, **dates(None, MUCH_LATER))
    before = await shop.rest.ok("GET", "/products/mug")
    answer = await shop.rest.send("PATCH", "/products/mug", body, user=ADMIN)
    assert (answer.status, answer.problem, answer.body["field"]) == (422, problem, field)
    assert await shop.rest.ok("GET", "/products/mug") == before
    assert len(await shop.announced()) == 1


async def test_a_seller_of_nothing_is_not_scheduled(shop):
    answer = await shop.rest.send("POST", "/products", {"name": "Mug", "status": "active"} | dates(LATER), user=ADMIN)
    assert (answer.status, answer.problem) == (422, "nothing-for-sale")


async def test_many_at_once(shop):
    for at in range(3):
        await shop.add(f"p{at}", 500)
    items = [{"slug": f"p{at}"} | dates(LATER) for at in range(3)]
    items[1] |= {"status": "draft"}
    items[2] |= dates(LATER, EARLIER)
    answer = await shop.rest.ok("POST", "/products/bulk", {"products": items}, user=ADMIN)
    assert [one["outcome"] for one in answer["items"]] == ["updated", "updated", "refused"]
    assert answer["items"][2]["problem"]["field"] == "products[2].unpublish_at"
    assert [(await stands(shop, f"p{at}"))[1] for at in range(3)] == ["scheduled", "draft", "active"]


async def test_the_job_sleeps_until_the_next_is_due(shop):
    """It is on sale within a second of its time, whoever asks."""
    publish = next(job.run for job in jobs(shop.catalog) if job.name == "publish")
    assert await publish() is None
    due = now() + timedelta(seconds=0.4)
    await shop.add("mug", 500, **dates(due))
    seconds = await publish()
    assert 0 < seconds <= 0.4
    await asyncio.sleep(seconds + 0.01)
    assert await publish() is None
    assert await shop.slugs("") == ["mug"]


async def test_two_processes_turn_each_product_once(shop, monkeypatch):
    monkeypatch.setattr(rounds, "ONE_ROUND", 3)
    for at in range(12):
        await shop.add(f"p{at}", 500, **dates(LATER))
    await pass_by(shop, 1)
    twin = replace(shop.catalog, db=Database("catalog", shop.db.dsn, shop.db.size))
    async with asyncio.timeout(20):
        while await asyncio.gather(*map(publish_due, (shop.catalog, twin))) != [None, None]:
            pass
    await twin.db.close()
    assert len(await shop.slugs("")) == 12
    assert sorted(row[2] for row in await shop.announced()) == [1] * 12 + [2] * 12


async def test_who_holds_a_product_is_not_waited_for(shop):
    """And what he makes of it counts."""
    await shop.add("mug", 500, **dates(LATER))
    await shop.add("cup", 500, **dates(LATER))
    await pass_by(shop, 1)
    other = await asyncpg.connect(shop.db.dsn)
    async with other.transaction():
        await other.execute("SELECT FROM products WHERE slug = 'mug' FOR UPDATE")
        assert await publish_due(shop.catalog) < 0
        assert await shop.slugs("") == ["cup"]
    patched = shop.rest.ok("PATCH", "/products/mug", dates(LATER), user=ADMIN)
    await asyncio.gather(patched, publish_due(shop.catalog))
    await publish_due(shop.catalog)
    assert (await stands(shop, "mug"))[1] == "scheduled"
    await other.close()


async def test_what_is_due_is_found_among_many(database):
    db = await database("catalog")
    columns = "id, slug, name, status, currency, publish_at, unpublish_at"
    values = """
        lpad(to_hex(n), 32, '0')::uuid, 'p' || n, 'P', CASE n % 3 WHEN 0 THEN 'scheduled' ELSE 'active' END, 'GBP',
        CASE WHEN n % 3 < 2 THEN now() + n * interval '1 second' END,
        CASE WHEN n % 2 = 0 THEN now() + interval '1 year' END
    """
    await fill(db, "products", columns, values, 20_000)
    assert (await read_by(db, publication_repository.SECONDS_TO_NEXT)).rows <= 2
    await db.execute("UPDATE products SET publish_at = now() - interval '1 day' WHERE id < lpad('200', 32, '0')::uuid")
    assert (await read_by(db, publication_repository.TURN_DUE, 50)).rows <= 100
