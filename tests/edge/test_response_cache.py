"""Public reads come from stored bytes, and never after a change has been heard of."""

from __future__ import annotations

import asyncio

import pytest
from tests.asgi import ask
from tests.edge.town import LISTS, Town, updated
from tests.signing import bearer, token

from stoa.edge.gateway import response_cache
from stoa.edge.gateway.encoding import LEAST_BYTES
from stoa.edge.gateway.response_cache import ENTRY_OVERHEAD, Entry, ResponseCache
from stoa.kit.http.preconditions import coded
from stoa.kit.idempotency import Answer


@pytest.fixture
def town():
    return Town()


@pytest.fixture
def gateway(town):
    return town.gateway()


async def test_the_second_read_asks_nobody(town, gateway):
    first = await ask(gateway, "GET", "/api/v1/products/lamp")
    second = await ask(gateway, "GET", "/api/v1/products/lamp")
    assert first.json == {"id": "lamp", "slug": "slug-lamp", "name": "lamp 1", "version": 1}
    assert (second.status, second.body, town.reads) == (200, first.body, 1)
    assert second.headers["etag"] == first.headers["etag"]
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert second.headers["cache-control"] == first.headers["cache-control"] == "public, no-cache"
    assert set(second.headers) == set(first.headers)


@pytest.mark.parametrize("target", ["/api/v1/products?limit=1", "/api/v1/products", "/api/v1/categories"])
async def test_lists_too(town, gateway, target):
    bodies = {(await ask(gateway, "GET", target)).body for _ in range(3)}
    assert (len(bodies), town.reads) == (1, 1)


async def test_with_and_without_version_is_the_same(town, gateway):
    for target in ("/api/v1/products/lamp", "/api/products/lamp", "/api/products/lamp"):
        assert (await ask(gateway, "GET", target)).status == 200
    assert town.reads == 1


async def test_outside_the_api_nothing_is_found_whatever_is_stored(town, gateway):
    assert (await ask(gateway, "GET", "/api/v1/products/lamp")).status == 200
    for target in ("/products/lamp", "/v1/products/lamp", "//products/lamp"):
        assert (await ask(gateway, "GET", target)).problem == "no-such-path"


async def test_the_order_of_parameters_does_not_matter(town, gateway):
    await ask(gateway, "GET", "/api/v1/products?limit=1&cursor=a")
    await ask(gateway, "GET", "/api/v1/products?cursor=a&limit=1")
    assert town.reads == 1


@pytest.mark.parametrize("empty", ["&", "&&&&", "&" * 500])
async def test_empty_parameters_make_no_other_answer(town, gateway, empty):
    # Nor for who joins the fetch: a service refuses a query of so many parts.
    asked = [ask(gateway, "GET", f"/api/v1/products?{each}") for each in (f"{empty}limit=1{empty}", "limit=1")]
    first, second = await asyncio.gather(*asked)
    assert (first.status, second.status, first.body, town.reads) == (200, 200, second.body, 1)
    for query in (empty, ""):
        assert (await ask(gateway, "GET", f"/api/v1/products?{query}")).status == 200
    assert town.reads == 2


async def test_head_and_unchanged(town, gateway):
    first = await ask(gateway, "GET", "/api/v1/products/lamp")
    head = await ask(gateway, "HEAD", "/api/v1/products/lamp")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(first.body)))
    etag = first.headers["etag"]
    for sent in (etag, f"W/{etag}", f'"x", {etag}', "*"):
        for more in ({}, bearer(token())):
            reply = await ask(gateway, "GET", "/api/v1/products/lamp", headers={"if-none-match": sent, **more})
            assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
            assert "content-length" not in reply.headers
    for more in ({}, bearer(token())):
        lines = [("if-none-match", etag), ("if-none-match", '"x"'), *more.items()]
        assert (await ask(gateway, "GET", "/api/v1/products/lamp", headers=lines)).status == 304
    assert (await ask(gateway, "GET", "/api/v1/products/lamp", headers={"if-none-match": '"x"'})).status == 200
    assert town.reads == 1


async def test_what_one_caller_has_already_is_nobody_elses_answer(town, gateway):
    etag = (await ask(gateway, "GET", "/api/v1/products/lamp")).headers["etag"]
    await gateway.accept([updated("lamp")])
    known, new = await asyncio.gather(
        ask(gateway, "GET", "/api/v1/products/lamp", headers={"if-none-match": etag}),
        ask(gateway, "GET", "/api/v1/products/lamp"),
    )
    assert (known.status, new.status, town.reads) == (304, 200, 2)


async def test_the_tag_of_a_stored_read_lets_its_reader_change_what_it_shows(town, gateway):
    town.products["lamp"].name = "lamp " * LEAST_BYTES
    admin = bearer(token(roles=("admin",)))
    target = "/api/v1/products/lamp"
    readers: list[dict[str, str]] = [{}, admin, {"accept-encoding": "gzip"}, {"accept-encoding": "gzip", **admin}]
    for version, reader in enumerate(readers, 1):
        for _ in range(2):  # fetched, and stored
            read = await ask(gateway, "GET", target, headers=reader)
        tag = read.headers["etag"]
        assert tag.startswith(f'"{version}-')
        sent = {"if-match": tag, **admin}
        change = [ask(gateway, "PUT", target, raw=b"x" * LEAST_BYTES * 2, headers=sent) for _ in range(2)]
        assert sorted(each.status for each in await asyncio.gather(*change)) == [200, 412]
        assert town.products["lamp"].version == version + 1
        assert (await ask(gateway, "GET", target, headers={**reader, "if-none-match": tag})).status == 200


async def test_a_read_that_is_not_stored_has_a_tag_for_each_form(town, gateway):
    seller = bearer(token(roles=("seller",)))
    town.description_of_draft = "of the seller " * LEAST_BYTES
    tags = []
    for more in ({}, {"accept-encoding": "gzip"}):
        reply = await ask(gateway, "GET", "/api/v1/products/draft", headers={**seller, **more})
        tags.append(reply.headers["etag"])
        sent = {**seller, **more, "if-none-match": tags[-1]}
        same = await ask(gateway, "GET", "/api/v1/products/draft", headers=sent)
        assert (same.status, same.body, same.headers["etag"]) == (304, b"", tags[-1])
    assert tags[1] == coded(tags[0], "gzip")


async def test_a_signed_in_shopper_gets_the_same_bytes_and_so_does_a_forged_token(town, gateway):
    guest = await ask(gateway, "GET", "/api/v1/products/lamp")
    member = await ask(gateway, "GET", "/api/v1/products/lamp", headers=bearer(token()))
    assert (member.body, town.reads) == (guest.body, 1)
    forged = await ask(gateway, "GET", "/api/v1/products/lamp", headers=bearer("a.b.c"))
    assert (forged.status, forged.body, town.reads) == (200, guest.body, 1)


async def test_what_somebody_reads_first_is_what_everybody_may_see(town, gateway):
    # The catalog of these tests fails when it is asked for public bytes in somebody's name.
    assert (await ask(gateway, "GET", "/api/v1/products/lamp", headers=bearer(token()))).status == 200


async def test_who_is_shown_more_is_answered_in_his_name_and_as_it_is_now(town, gateway):
    admin = bearer(token(roles=("admin",)))
    guest = await ask(gateway, "GET", "/api/v1/products/lamp")
    town.products["lamp"].version = 2  # by another gateway's editor: no event has come yet
    reads = [await ask(gateway, "GET", "/api/v1/products/lamp", headers=admin) for _ in range(2)]
    assert [(each.json["name"], each.json["version"]) for each in reads] == [("lamp 1, for editors", 2)] * 2
    assert reads[0].headers["cache-control"] == "no-store"
    again = await ask(gateway, "GET", "/api/v1/products/lamp")
    assert (again.body, town.reads) == (guest.body, 3)


async def test_prices_of_a_group_are_asked_for_by_whoever_is_in_it_and_never_kept(town, gateway):
    trader, ada = bearer(token("tom", groups=["trade", "club"])), bearer(token())
    for _ in range(2):
        reply = await ask(gateway, "GET", "/api/v1/prices", headers=trader)
        assert (reply.json["items"][0]["name"], reply.headers["cache-control"]) == ("club and trade", "no-store")
    assert town.reads == 2
    for headers in (ada, {}, ada):
        reply = await ask(gateway, "GET", "/api/v1/prices", headers=headers)
        assert reply.json["items"][0]["name"] == "everybody"
    assert town.reads == 3
    # What is not by group is everybody's to whoever is in one, too.
    await ask(gateway, "GET", "/api/v1/products", headers=trader)
    await ask(gateway, "GET", "/api/v1/products")
    assert town.reads == 4


async def test_what_a_guest_may_not_see_is_asked_for_in_the_callers_name_and_not_kept(town, gateway):
    for user in ("ada", "eve"):
        headers = bearer(token(user, roles=("seller",)))
        reply = await ask(gateway, "GET", "/api/v1/products/draft", headers=headers)
        assert (reply.json["name"], reply.headers["cache-control"]) == (f"of {user}", "no-store")
    assert (await ask(gateway, "GET", "/api/v1/products/draft", headers=bearer(token("ada")))).problem == "not-found"
    assert (await ask(gateway, "GET", "/api/v1/products/draft")).problem == "not-found"


async def test_failures_are_not_kept(town, gateway):
    for _ in range(2):
        assert (await ask(gateway, "GET", "/api/v1/products/nothing")).problem == "not-found"
    assert town.reads == 2
    assert (await ask(gateway, "GET", "/api/v1/products?limit=0")).problem == "unprocessable limit"


async def test_what_is_not_public_is_not_kept(town, gateway):
    for user in ("ada", "eve"):
        reply = await ask(gateway, "GET", "/api/v1/products/lamp/similar", headers=bearer(token(user)))
        assert (reply.json["user_id"], reply.headers["cache-control"]) == (user, "no-store")


@pytest.mark.parametrize("target", ["/api/v1/products/lamp", "/api/v1/products/slug-lamp", "/api/v1/products"])
async def test_an_event_drops_the_product_by_every_name_and_the_lists(town, gateway, target):
    await ask(gateway, "GET", target)
    town.products["lamp"].name = "lamp 2"
    assert b"lamp 1" in (await ask(gateway, "GET", target)).body
    assert not await gateway.accept([updated("lamp")])
    assert b"lamp 2" in (await ask(gateway, "GET", target)).body


async def test_an_event_leaves_other_products(town, gateway):
    await ask(gateway, "GET", "/api/v1/products/lamp")
    await gateway.accept([updated("vase")])
    await ask(gateway, "GET", "/api/v1/products/lamp")
    assert town.reads == 1


async def test_who_changes_something_here_sees_it_at_once(town, gateway):
    await ask(gateway, "GET", "/api/v1/products/lamp")
    await ask(gateway, "GET", "/api/v1/products")
    renamed = await ask(gateway, "PUT", "/api/v1/products/lamp", raw=b"lamp 2", headers=bearer(token(roles=("admin",))))
    assert renamed.status == 200
    assert (await ask(gateway, "GET", "/api/v1/products/lamp")).json["name"] == "lamp 2"
    assert (await ask(gateway, "GET", "/api/v1/products")).json["items"][0]["name"] == "lamp 2"


async def test_a_change_that_is_refused_drops_nothing(town, gateway):
    await ask(gateway, "GET", "/api/v1/products/lamp")
    refused = await ask(gateway, "PUT", "/api/v1/products/lamp", raw=b"lamp 2")
    assert refused.status == 401
    assert (await ask(gateway, "GET", "/api/v1/products/lamp")).status == 200
    assert town.reads == 1


async def test_a_hundred_at_once_ask_once(town, gateway):
    town.passing.clear()
    asked = [asyncio.create_task(ask(gateway, "GET", "/api/v1/products/lamp")) for _ in range(100)]
    await town.arrived.wait()
    town.passing.set()
    bodies = {(await each).body for each in asked}
    assert (len(bodies), town.reads) == (1, 1)


async def test_an_answer_that_was_overtaken_by_a_change_is_not_kept(town, gateway):
    town.passing.clear()
    slow = asyncio.create_task(ask(gateway, "GET", "/api/v1/products/lamp"))
    await town.arrived.wait()
    # The old product has been read; now it changes, and the event arrives before the answer does.
    town.products["lamp"].name = "lamp 2"
    await gateway.accept([updated("lamp")])
    town.arrived.clear()
    after = asyncio.create_task(ask(gateway, "GET", "/api/v1/products/lamp"))
    await town.arrived.wait()
    town.passing.set()
    assert (await slow).status == 200
    # Who asked after the change did not join the fetch from before it.
    assert ((await after).json["name"], town.reads) == ("lamp 2", 2)
    assert (await ask(gateway, "GET", "/api/v1/products/lamp")).json["name"] == "lamp 2"


async def test_who_started_a_fetch_may_go_away(town, gateway):
    town.passing.clear()
    first = asyncio.create_task(ask(gateway, "GET", "/api/v1/products/lamp"))
    await town.arrived.wait()
    second = asyncio.create_task(ask(gateway, "GET", "/api/v1/products/lamp"))
    await asyncio.sleep(0)
    first.cancel()
    town.passing.set()
    assert (await second).json["name"] == "lamp 1"
    assert town.reads == 1


async def test_the_time_limit_is_the_safety_net(town, gateway, monkeypatch):
    await ask(gateway, "GET", "/api/v1/products/lamp")
    town.products["lamp"].name = "lamp 2"
    real = response_cache.time.monotonic
    monkeypatch.setattr(response_cache.time, "monotonic", lambda: real() + 6)
    assert (await ask(gateway, "GET", "/api/v1/products/lamp")).json["name"] == "lamp 2"


def answering(body: bytes):
    async def answer() -> Answer:
        return Answer(200, body, {"content-type": "application/json"})

    return answer


async def test_memory_is_bounded():
    etag = '"' + 32 * "0" + '"'
    headers = ("content-type", "application/json", "content-length", "100", "etag", etag, "x", "yy")
    entry_bytes = ENTRY_OVERHEAD + sum(map(len, ("/lists/10", "limit=1", *headers))) + 100
    kept = ResponseCache(60, 10 * entry_bytes, {"x": "yy"})
    for number in range(10, 100):
        entry = await kept.fetch((b"/lists/%d" % number, b"limit=1"), LISTS, answering(b"x" * 100))
        assert isinstance(entry, Entry)
    assert [number for number in range(100) if kept.find((b"/lists/%d" % number, b"limit=1"))] == list(range(90, 100))
    assert kept._bytes == 10 * entry_bytes
    long = (b"/lists/%s" % (b"l" * 200), b"q" * 8000)
    assert isinstance(await kept.fetch(long, LISTS, answering(b"x")), Entry)
    assert len(kept._entries) < 5
    large = await kept.fetch((b"/large", b""), LISTS, answering(b"x" * response_cache.LARGEST_ANSWER))
    assert isinstance(large, Answer)
    kept.drop("user")
    assert kept._bytes
    kept.drop("catalog")
    assert (kept._bytes, kept._entries, kept._keys_of) == (0, {}, {})


async def test_turned_off_every_read_asks_the_service(town):
    gateway = town.gateway(remember_seconds=0)
    for target in ("/api/v1/products/lamp", "/api/v1/products"):
        town.reads = 0
        first = await ask(gateway, "GET", target)
        again = await asyncio.gather(*(ask(gateway, "GET", target) for _ in range(4)))
        assert (town.reads, {each.body for each in again}) == (5, {first.body})
        # What a read is told with its bytes it still is.
        same = await ask(gateway, "GET", target, headers={"if-none-match": first.headers["etag"]})
        assert (same.status, same.headers["etag"], town.reads) == (304, first.headers["etag"], 6)
        assert first.headers["cache-control"] == "public, no-cache"
    assert not gateway._cache._entries
