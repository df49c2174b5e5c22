"""One process with everything in it: its parts hear each other, and it finishes what is in flight."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from stoa.app import GATEWAY, PERMISSIONS, SERVICES
from stoa.contracts.catalog.v1.catalog_pb2 import GetVariantsRequest
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.kit import db
from stoa.kit.channels import InProcessChannel, RemoteChannel
from stoa.kit.db import Database, DiskFull
from stoa.kit.pulse import Pulse
from stoa.kit.service import LargestBody, UndeclaredCall
from stoa.kit.streams import UndeclaredStream
from stoa.kit.tokens import Verifier
from stoa.runtime.hosted import Folders, Hosted, ServiceResources, WrongParts
from stoa.runtime.jobs import Job, JobRunner
from stoa.services import user as users

NOWHERE = Folders(Path("/nowhere/files"), Path("/nowhere/cache"))


async def register(http: aiohttp.ClientSession) -> dict:
    person = {
        "email": f"{uuid4().hex}@example.com",
        "password": "a long passphrase",
        "first_name": "Ada",
        "last_name": "Lovelace",
    }
    async with http.post("/api/v1/auth/register", json=person) as answer:
        assert answer.status == 201, await answer.text()
        return await answer.json()


async def test_what_one_service_announces_others_have_heard(shop) -> None:
    account = await register(shop.http)
    await shop.settle()
    signed_in = {"Authorization": f"Bearer {account['access_token']}"}
    async with shop.http.get("/api/v1/users/profile", headers=signed_in) as answer:
        assert answer.status == 200
        assert (await answer.json())["first_name"] == "Ada"
    handled = "SELECT count(*) FROM inbox WHERE subject = $1 AND done_at IS NOT NULL"
    for hearer in ("user", "notification"):
        assert await shop.databases[hearer].fetchval(handled, account["user"]["id"]) == 1


async def test_a_service_takes_what_it_declares_to_take(shop_with, monkeypatch) -> None:
    bodies = (LargestBody("POST /auth/login", 2 << 20),)
    monkeypatch.setitem(SERVICES, "auth", replace(SERVICES["auth"], bodies=bodies))
    shop = await shop_with()
    nobody = b'{"email":"nobody@example.com","password":"a long passphrase"}'
    for size, status in ((1 << 20, 401), (2 << 20, 401), ((2 << 20) + 1, 413)):
        json = {"Content-Type": "application/json"}
        async with shop.http.post("/api/v1/auth/login", data=BytesIO(nobody.ljust(size)), headers=json) as answer:
            assert answer.status == status, await answer.text()


async def test_the_probes_answer_at_both_doors_and_the_figures_at_one(shop) -> None:
    admin = f"http://127.0.0.1:{shop.process.admin_port}"
    for url in ("/healthz", "/readyz", f"{admin}/healthz", f"{admin}/readyz", f"{admin}/metrics"):
        async with shop.http.get(url) as answer:
            assert answer.status == 200, url
    # What the operators' door does not answer is in no description.
    async with aiohttp.ClientSession() as plain:
        for url in (f"http://127.0.0.1:{shop.process.port}/metrics", f"{admin}/api/v1/products", f"{admin}/"):
            async with plain.get(url) as answer:
                assert answer.status == 404, url
                assert (await answer.json(content_type=None))["type"] == "/problems/no-such-path"


async def test_whoever_fills_the_shop_keeps_nobody_from_the_probes(shop_with) -> None:
    shop = await shop_with(most_connections=5)
    async with shop.databases["auth"].transaction() as tx:
        await tx.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        at_work = [asyncio.create_task(register(shop.http)) for _ in range(5)]
        async with asyncio.timeout(10):
            while not await tx.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
            async with aiohttp.ClientSession() as other:
                while True:
                    async with other.get(f"http://127.0.0.1:{shop.process.port}/healthz") as answer:
                        if answer.status == 503:
                            break
                async with other.get(f"http://127.0.0.1:{shop.process.admin_port}/healthz") as answer:
                    assert answer.status == 200
    await asyncio.gather(*at_work)


async def test_not_ready_names_the_service_whose_database_is_gone(shop_with) -> None:
    shop = await shop_with()
    await shop.databases["cart"].close()
    async with shop.http.get("/readyz") as answer:
        assert answer.status == 503
        assert list((await answer.json())["troubles"]) == ["cart"]


async def test_not_ready_says_that_the_disk_is_full(shop_with, monkeypatch) -> None:
    shop = await shop_with()
    full = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = 'disk_full'; END $$"
    with pytest.raises(DiskFull) as told:
        await shop.databases["cart"].execute(full)
    with monkeypatch.context() as still:
        still.setattr(db, "WRITE_SOMETHING", full)
        async with shop.http.get("/readyz") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
            assert (await answer.json())["troubles"] == {"cart": str(told.value)}
    async with asyncio.timeout(5), aiohttp.ClientSession() as other:
        while True:
            async with other.get(f"http://127.0.0.1:{shop.process.port}/readyz") as answer:
                if answer.status == 200:
                    break


async def test_calls_stay_in_the_process_unless_they_are_forced_out(shop, shop_with) -> None:
    forced = await shop_with(force_grpc=True)
    here, there = (each.process.neighbors.channel(SERVICES["cart"], "catalog") for each in (shop, forced))
    assert (type(here), type(there)) == (InProcessChannel, RemoteChannel)
    for each in (shop, forced):
        answer = await each.stub(CatalogServiceStub).GetVariants(GetVariantsRequest(skus=["NONE"]))
        assert list(answer.variants) == []
    await register(forced.http)
    await forced.settle()


async def test_an_undeclared_edge_is_refused(shop) -> None:
    with pytest.raises(UndeclaredCall, match=r"auth calls order, and its line in stoa\.app does not list it"):
        shop.process.neighbors.channel(SERVICES["auth"], "order")
    shop.process.neighbors.channel(GATEWAY, "auth")


async def test_a_service_handles_exactly_what_the_app_says_it_hears(shop) -> None:
    deaf = replace(SERVICES["user"], hears=())
    verifier = Verifier(shop.process._signing_keys, PERMISSIONS)
    resources = ServiceResources(deaf, Database("user", "", 1), verifier, shop.process.neighbors, {}, folders=NOWHERE)
    with pytest.raises(
        WrongParts,
        match=r"user handles \['file\.ready', 'user\.deleted', 'user\.registered'\], and is declared to hear \[\]",
    ):
        hosted(resources)


def hosted(resources: ServiceResources) -> None:
    """Refused before anything else is needed."""
    Hosted(resources, bus=None, calls=None, pulse=Pulse(), stream_days=7)  # type: ignore[arg-type]


async def test_a_service_follows_exactly_what_the_app_says(shop, monkeypatch) -> None:
    verifier = Verifier(shop.process._signing_keys, PERMISSIONS)

    def reading(*topics: str, writes: tuple[str, ...] = ()) -> ServiceResources:
        monkeypatch.setitem(SERVICES, "catalog", replace(SERVICES["catalog"], streams=writes))
        said = replace(SERVICES["user"], follows=topics, streams=("cart-events",))
        return ServiceResources(said, Database("user", "", 1), verifier, shop.process.neighbors, {}, folders=NOWHERE)

    with pytest.raises(WrongParts, match=r"user reads \[\], and is declared to follow \['product-views'\]"):
        hosted(reading("product-views", writes=("product-views",)))

    resources = reading()
    assert resources.stream("cart-events").topic == "cart-events"
    with pytest.raises(UndeclaredStream, match=r"user writes 'search-events', which stoa\.app does not list"):
        resources.stream("search-events")


async def test_who_follows_what_nobody_writes_any_more_starts_and_says_so(shop_with, said, monkeypatch) -> None:
    monkeypatch.setitem(SERVICES, "user", replace(SERVICES["user"], follows=("product-views",)))
    build = users.build
    monkeypatch.setattr(users, "build", lambda given: replace(build(given), followers={"product-views": read_nothing}))
    shop = await shop_with()
    assert [message for _, message in said if "follows" in message] == [
        "user: follows product-views, which nobody writes"
    ]
    await shop.settle()


async def read_nothing(tx, events) -> None:
    pass


async def test_a_shop_has_settled_when_all_that_was_appended_is_read(shop_with, monkeypatch) -> None:
    monkeypatch.setitem(SERVICES, "catalog", replace(SERVICES["catalog"], streams=("product-views",)))
    monkeypatch.setitem(SERVICES, "user", replace(SERVICES["user"], follows=("product-views",)))
    numbers: list[int] = []

    async def read(tx, events) -> None:
        numbers.extend(event["n"] for event in events)

    build = users.build
    monkeypatch.setattr(users, "build", lambda given: replace(build(given), followers={"product-views": read}))
    shop = await shop_with()
    (stream,) = next(each for each in shop.process.services if each.service.name == "catalog").stored.streams
    stream.append({"n": 1}, {"n": 2})
    await shop.settle()
    assert numbers == [1, 2]


async def test_a_service_has_exactly_the_routes_that_the_app_says(shop) -> None:
    user = SERVICES["user"]
    verifier = Verifier(shop.process._signing_keys, PERMISSIONS)
    for paths, wrong in [
        ([each for each in user.paths if "wishlist/" not in each], "DELETE /users/wishlist/{product_or_sku}"),
        ((*user.paths, "GET POST /users/yachts"), "GET /users/yachts, POST /users/yachts"),
    ]:
        said = replace(user, paths=tuple(paths))
        resources = ServiceResources(
            said, Database("user", "", 1), verifier, shop.process.neighbors, {}, folders=NOWHERE
        )
        with pytest.raises(WrongParts) as refused:
            hosted(resources)
        assert str(refused.value) == f"user: its routes and its declaration do not both have {wrong}"


async def test_a_job_finishes_its_round_and_a_failing_one_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    rounds: list[str] = []
    under_way, may_end, twice = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def long() -> None:
        under_way.set()
        await may_end.wait()
        rounds.append("long")

    async def broken() -> None:
        rounds.append("broken")
        if rounds.count("broken") == 2:
            twice.set()
        raise RuntimeError("on purpose")

    runner = JobRunner("cart", [Job("long", long, every_seconds=60), Job("broken", broken)], Pulse())
    with caplog.at_level(logging.ERROR):
        runner.start()
        await asyncio.wait_for(asyncio.gather(under_way.wait(), twice.wait()), 5)
    stopping = asyncio.create_task(runner.stop(5))
    await asyncio.sleep(0)
    may_end.set()
    await stopping
    assert "long" in rounds
    assert "a job failed" in caplog.text
