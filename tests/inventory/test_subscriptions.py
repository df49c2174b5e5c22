"""Who waits for a SKU is told once, in rounds, first come first served; and no answer tells who waits."""

from __future__ import annotations

import asyncio
from contextvars import Context
from datetime import timedelta

import holding
import pytest
from holding import waits
from inventory.conftest import Shop, inventory_with
from runners import deadlocks

from stoa.app import SERVICES, subscribers
from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceServicer, add_CatalogServiceServicer_to_server
from stoa.kit import clock
from stoa.kit.channels.registry import Registry
from stoa.kit.events import Event
from stoa.kit.ids import first_uuid7, uuid7
from stoa.services.inventory import subscriptions_repository
from stoa.services.inventory.handlers import handle_batch
from stoa.services.inventory.jobs import jobs
from stoa.services.inventory.routes import routes
from stoa.services.inventory.subscriptions import MOST_OF_AN_ADDRESS, remove_old, subscribe, tell_who_waits
from stoa.testing import Rest, new_user

ADMIN = new_user("admin")
ADA = new_user()
BOB = new_user()


class Catalog(CatalogServiceServicer):
    """Sells whatever it is asked for."""

    async def GetVariants(self, request, context):  # noqa: N802, ARG002
        variants = [catalog_pb2.Variant(sku=sku, product_name="Enamel", variant_name=sku) for sku in request.skus]
        return catalog_pb2.GetVariantsResponse(variants=variants)


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    add_CatalogServiceServicer_to_server(Catalog(), registry)
    return registry


@pytest.fixture
async def waiting(database, registry) -> Shop:
    """A shop beside a catalog, with a mug and a pan that are sold out."""
    shop = Shop(inventory_with(await database("inventory"), registry))
    for sku in ("MUG", "PAN"):
        await shop.put(sku, 1)
        await shop.put(sku, 0)
    return shop


@pytest.fixture
def rest(waiting) -> Rest:
    return Rest(routes.bind(waiting.inventory), waiting.db)


async def told(shop) -> list[tuple[str, str]]:
    """SKU and address of whom is to be told, in the order in which it was announced."""
    rows = await shop.db.fetch(
        "SELECT log.data ->> 'sku' AS sku, personal.data ->> 'email' AS email "
        "FROM event_log AS log JOIN event_personal AS personal USING (id) "
        "WHERE type = 'inventory.wait_ended' ORDER BY id"
    )
    return [(row["sku"], row["email"]) for row in rows]


def deleted(user) -> Event:
    about = {"id": uuid7(), "type": "user.deleted", "source": "auth", "subject": user.id, "aggregateversion": 1}
    return Event(**about, time=clock.now(), traceparent="", data={"user_id": user.id})


async def left(shop, sku="MUG") -> list[str]:
    rows = await shop.db.fetch("SELECT email FROM stock_subscriptions WHERE sku = $1 ORDER BY place", sku)
    return [row["email"] for row in rows]


async def test_who_waits_is_told_once_when_it_is_back(rest, waiting):
    path = "/inventory/MUG/subscriptions"
    await rest.ok("POST", path, {"email": "Guest@Example.com"}, status=202)
    await rest.ok("POST", path, {"email": ADA.email.upper()}, status=202, user=ADA)
    other = await rest.send("POST", path, {"email": "other@example.com"}, user=ADA)
    assert (other.status, other.problem, other.body["field"]) == (422, "not-your-address", "email")
    for _ in range(2):
        await rest.ok("POST", path, {"email": "guest@example.com"}, status=202)
    assert await left(waiting) == ["guest@example.com", ADA.email]
    await tell_who_waits(waiting.inventory)
    assert await told(waiting) == []
    await waiting.put("MUG", 5)
    for _ in range(2):
        await tell_who_waits(waiting.inventory)
    assert await told(waiting) == [("MUG", "guest@example.com"), ("MUG", ADA.email)]
    assert await waiting.db.fetchval("SELECT data ->> 'name' FROM event_log WHERE type = 'inventory.wait_ended'") == (
        "Enamel (MUG)"
    )
    assert await left(waiting) == []
    assert await waiting.db.fetchval("SELECT count(*) FROM awaited_skus") == 0
    await waiting.put("MUG", 0)
    await waiting.put("MUG", 5)
    await tell_who_waits(waiting.inventory)
    assert len(await told(waiting)) == 2, "whoever was told waits no longer"


async def test_few_units_are_told_to_few_the_first_first(waiting):
    """Three units, three told for each: nine now, and after a while nine more if some are left."""
    inventory = waiting.inventory
    for at in range(25):
        await subscribe(inventory, "MUG", f"{at:02}@example.com", None)
    await waiting.put("MUG", 3)
    for _ in range(3):
        await tell_who_waits(inventory)
    first = [("MUG", f"{at:02}@example.com") for at in range(9)]
    assert await told(waiting) == first
    # A day later two are left.
    await waiting.put("MUG", 2)
    await waiting.db.execute("UPDATE awaited_skus SET due_at = due_at - interval '1 day 1 second'")
    await tell_who_waits(inventory)
    assert await told(waiting) == [*first, *(("MUG", f"{at:02}@example.com") for at in range(9, 15))]
    # And then none: nobody is told, and all wait until it is back.
    await waiting.put("MUG", 0)
    await waiting.db.execute("UPDATE awaited_skus SET due_at = due_at - interval '1 day 1 second'")
    await tell_who_waits(inventory)
    assert len(await told(waiting)) == 15
    assert await waiting.db.fetchval("SELECT due_at FROM awaited_skus") is None
    await waiting.put("MUG", 100)
    await tell_who_waits(inventory)
    assert len(await told(waiting)) == 25


async def test_many_are_told_in_pieces(waiting):
    async with waiting.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO stock_subscriptions (id, sku, email, token) "
            "SELECT gen_random_uuid(), 'MUG', n || '@example.com', gen_random_uuid() FROM generate_series(1, 500) AS n"
        )
        await tx.execute("INSERT INTO awaited_skus (sku) VALUES ('MUG')")
    await waiting.put("MUG", 150)
    await tell_who_waits(waiting.inventory)
    assert len(await told(waiting)) == 450, "150 units, three for each"
    assert len(await left(waiting)) == 50


async def test_two_jobs_at_once_tell_each_once(waiting, registry):
    other = Shop(inventory_with(waiting.db, registry))
    for at in range(40):
        await subscribe(waiting.inventory, ("MUG", "PAN")[at % 2], f"{at}@example.com", None)
    await waiting.put("MUG", 10)
    await waiting.put("PAN", 10)
    await asyncio.gather(*(tell_who_waits(one.inventory) for one in (waiting, other, waiting, other)))
    assert len(await told(waiting)) == len(set(await told(waiting))) == 40


async def test_nobody_is_lost_between_coming_and_being_back(waiting, registry):
    """Who subscribes while goods come is told, or was refused because they are there."""
    other = Shop(inventory_with(waiting.db, registry))
    for round_ in range(12):
        await waiting.put("MUG", 0)
        coming = [subscribe(other.inventory, "MUG", f"{round_}-{at}@example.com", None) for at in range(3)]
        answers = await asyncio.gather(waiting.put("MUG", 5), *coming, return_exceptions=True)
        await tell_who_waits(waiting.inventory)
        refused = [type(one).__name__ for one in answers if one is not None]
        assert set(refused) <= {"InStock"}
        assert await left(waiting) == []
        assert len({email for _, email in await told(waiting) if email.startswith(f"{round_}-")}) == 3 - len(refused)


async def test_what_can_be_bought_is_not_waited_for(rest, waiting):
    await waiting.put("MUG", 1)
    answer = await rest.send("POST", "/inventory/MUG/subscriptions", {"email": "a@example.com"})
    assert (answer.status, answer.problem, answer.body["field"]) == (409, "in-stock", "sku")
    for sku in ("NONE", "x" * 65):
        answer = await rest.send("POST", f"/inventory/{sku}/subscriptions", {"email": "a@example.com"})
        assert (answer.status, answer.problem, answer.body["field"]) == (404, "no-such-sku", "sku")
    for body, problem in (({}, "email-missing"), ({"email": "nobody"}, "unprocessable")):
        answer = await rest.send("POST", "/inventory/PAN/subscriptions", body)
        assert (answer.status, answer.problem, answer.body["field"]) == (422, problem, "email")
    assert await waiting.db.fetchval("SELECT count(*) FROM stock_subscriptions") == 0


async def test_an_address_waits_for_so_many_at_most_and_nobody_is_told(rest, waiting):
    """Whoever enters another's address fills nobody's mailbox, and learns nothing."""
    for at in range(MOST_OF_AN_ADDRESS + 5):
        await waiting.put(f"S{at}", 0)
        await rest.ok("POST", f"/inventory/S{at}/subscriptions", {"email": "ada@example.com"}, status=202)
    assert await waiting.db.fetchval("SELECT count(*) FROM stock_subscriptions") == MOST_OF_AN_ADDRESS


async def test_the_token_of_a_mail_ends_all_of_its_address(rest, waiting):
    for sku, email in (("MUG", "a@example.com"), ("PAN", "a@example.com"), ("PAN", "b@example.com")):
        await subscribe(waiting.inventory, sku, email, None)
    await waiting.put("MUG", 1)
    await tell_who_waits(waiting.inventory)
    token = await waiting.db.fetchval("SELECT data ->> 'token' FROM event_personal")
    for _ in range(2):
        await rest.ok("DELETE", f"/stock-subscriptions/{token}", status=204)
    assert await left(waiting, "PAN") == ["b@example.com"]
    await rest.ok("DELETE", f"/stock-subscriptions/{uuid7()}", status=204)


async def test_who_is_signed_in_ends_his_own(rest, waiting):
    for user in (ADA, ADMIN):
        await rest.ok("POST", "/inventory/MUG/subscriptions", status=202, user=user)
    await rest.ok("DELETE", "/inventory/MUG/subscriptions", status=204, user=ADA)
    assert await left(waiting) == [ADMIN.email]
    assert (await rest.send("DELETE", "/inventory/MUG/subscriptions")).status == 401


async def test_a_deleted_account_waits_for_nothing(rest, waiting):
    await rest.ok("POST", "/inventory/MUG/subscriptions", status=202, user=ADA)
    await subscribe(waiting.inventory, "MUG", "b@example.com", None)
    await waiting.hear("user.deleted", user_id=ADA.id, order_id=ADA.id)
    assert await left(waiting) == ["b@example.com"]


@pytest.mark.parametrize("accounts", [(ADA, ADA), (ADA, BOB)], ids=["one account", "two of a batch"])
async def test_who_goes_while_he_is_told_waits_in_no_circle(waiting, postgres, accounts):
    """Who goes leaves the SKUs in the order in which who tells takes them."""
    first, second = accounts
    await subscribe(waiting.inventory, "PAN", first.email, first.id)
    await subscribe(waiting.inventory, "MUG", second.email, second.id)
    for sku in ("MUG", "PAN"):
        await waiting.put(sku, 1)
    gone = [deleted(account) for account in dict.fromkeys(accounts)]

    async def forget() -> None:
        async with waiting.db.transaction() as tx:
            assert await handle_batch(tx, gone) == []

    async with holding.held(waiting.db.dsn, "SELECT FROM stock_subscriptions WHERE sku = $1 FOR UPDATE", "MUG"):
        telling = asyncio.create_task(tell_who_waits(waiting.inventory))
        await waits(waiting.db, "DELETE FROM stock_subscriptions")
        forgetting = asyncio.create_task(forget())
        await waits(waiting.db, "WHERE user_id")
    await asyncio.gather(telling, forgetting)
    assert (await left(waiting, "MUG"), await left(waiting, "PAN")) == ([], [])
    assert await deadlocks(postgres, waiting.db) == 0


async def test_who_subscribes_again_while_he_is_told_waits_in_no_circle(waiting, postgres):
    await subscribe(waiting.inventory, "MUG", "a@example.com", None)
    for on_hand in (1, 0):
        await waiting.put("MUG", on_hand)
    async with waiting.db.transaction() as tx:
        assert await subscriptions_repository.take_due(tx, ["MUG"], clock.now())
        coming_back = subscribe(waiting.inventory, "MUG", "a@example.com", None)
        again = asyncio.get_running_loop().create_task(coming_back, context=Context())
        await waits(waiting.db, "INSERT INTO awaited_skus")
        assert len(await subscriptions_repository.take_first(tx, {"MUG": 1})) == 1
        await subscriptions_repository.nobody_waits(tx, ["MUG"])
    await again
    assert await left(waiting) == ["a@example.com"]
    await waiting.put("MUG", 1)
    await tell_who_waits(waiting.inventory)
    assert await told(waiting) == [("MUG", "a@example.com")]
    assert await deadlocks(postgres, waiting.db) == 0


async def test_in_the_place_of_who_leaves_the_next_is_told(waiting):
    for name in "abcd":
        await subscribe(waiting.inventory, "MUG", f"{name}@example.com", None)
    await waiting.put("MUG", 1)
    async with holding.held(
        waiting.db.dsn, "DELETE FROM stock_subscriptions WHERE email = $1 RETURNING id", "a@example.com"
    ):
        telling = asyncio.create_task(tell_who_waits(waiting.inventory))
        await waits(waiting.db, "DELETE FROM stock_subscriptions")
    await telling
    assert [email for _, email in await told(waiting)] == ["b@example.com", "c@example.com", "d@example.com"]


async def test_who_has_waited_for_a_year_is_forgotten(waiting):
    old = first_uuid7(clock.now() - timedelta(days=waiting.inventory.settings.subscription_days + 1))
    await subscribe(waiting.inventory, "MUG", "new@example.com", None)
    await subscribe(waiting.inventory, "MUG", "old@example.com", None)
    await waiting.db.execute("UPDATE stock_subscriptions SET id = $1 WHERE email LIKE 'old%'", old)
    assert await remove_old(waiting.inventory, 10) == 1
    assert await left(waiting) == ["new@example.com"]


async def test_the_job_sleeps_until_the_next_round(waiting):
    [job] = [job for job in jobs(waiting.inventory) if job.name == "tell-who-waits"]
    assert await job.run() is None
    for at in range(4):
        await subscribe(waiting.inventory, "MUG", f"{at}@example.com", None)
    assert await job.run() is None, "nothing is back"
    await waiting.put("MUG", 1)
    seconds = await job.run()
    assert seconds is not None
    assert 86_300 < seconds <= 86_400
    assert len(await told(waiting)) == 3


def test_mails_are_written_of_it():
    assert subscribers("inventory.wait_ended") == ("notification",)
    assert "user.deleted" in SERVICES["inventory"].hears
