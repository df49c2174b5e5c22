"""Answers in fewer bytes: who gets them, that they are the same, and what is never compressed."""

from __future__ import annotations

import gzip

import brotli
import pytest
from tests.asgi import ask
from tests.edge.town import LISTS, Product, Town, updated
from tests.signing import bearer, token

from stoa.edge.gateway import encoding
from stoa.edge.gateway.encoding import LEAST_BYTES, coding_for
from stoa.edge.gateway.response_cache import Entry, ResponseCache
from stoa.kit.http.preconditions import coded
from stoa.kit.idempotency import Answer

GZIP = {"accept-encoding": "gzip, deflate"}
BROTLI = {"accept-encoding": "gzip, deflate, br"}
UNPACK = {"gzip": gzip.decompress, "br": brotli.decompress}
LARGE = {**GZIP, "x-large": "x" * 2 * LEAST_BYTES}
"""Whoever gets back what it has sent gets more than goes in one packet."""


@pytest.fixture
def town():
    town = Town()
    for number in range(30):
        town.products[f"p{number}"] = Product(f"p{number}", f"slug-{number}", "a thing with a rather long name")
    return town


@pytest.fixture
def gateway(town):
    return town.gateway()


@pytest.mark.parametrize(
    ("said", "coding"),
    [
        (b"gzip", "gzip"),
        (b"GZIP", "gzip"),
        (b"x-gzip", "gzip"),
        (b"br", "br"),
        (b"gzip, deflate, br", "br"),
        (b"gzip, deflate, br, zstd", "br"),
        (b"br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
        (b"br;q=0.5, gzip", "gzip"),
        (b"br;q=0, gzip;q=0.1", "gzip"),
        (b"br;q=0, *", "gzip"),
        (b"*", "br"),
        (b"gzip;q=0.5, identity;q=0.5", "gzip"),
        (b"", None),
        (b"deflate, zstd", None),
        (b"identity", None),
        (b"gzip;q=0", None),
        (b"gzip; q=0.0, br;q=0, *", None),
        (b"*;q=0", None),
        (b"gzip;q=0.5, br;q=0.9, identity", None),
        (b"gzip;q=much", None),
        (b"notgzip", None),
        (b"\xff", None),
    ],
)
def test_who_takes_what(said, coding):
    assert coding_for(said) == coding


@pytest.mark.parametrize("coding", ["gzip", "br"])
@pytest.mark.parametrize("target", ["/api/v1/products?limit=100", "/api/openapi.json", "/", "/assets/stoa.css"])
async def test_the_same_in_fewer_bytes(gateway, target, coding):
    plain = await ask(gateway, "GET", target)
    taken = {"accept-encoding": coding}
    for _ in range(2):
        packed = await ask(gateway, "GET", target, headers=taken)
        assert (packed.status, packed.headers["content-encoding"]) == (200, coding)
        assert UNPACK[coding](packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 2
        assert packed.headers["content-length"] == str(len(packed.body))
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in plain.headers
        head = await ask(gateway, "HEAD", target, headers=taken)
        assert (head.body, head.headers["content-length"]) == (b"", packed.headers["content-length"])
        assert head.headers["content-encoding"] == coding
        refused = await ask(gateway, "GET", target, headers={"accept-encoding": "zstd"})
        assert (refused.body, "content-encoding" in refused.headers) == (plain.body, False)


@pytest.mark.parametrize("target", ["/api/v1/products?limit=100", "/api/openapi.json"])
async def test_what_a_caller_takes_may_stand_in_several_lines(gateway, target):
    plain = await ask(gateway, "GET", target)
    for lines in (["gzip", "br"], ["br", "gzip"], ["br;q=0.1", "deflate"]):
        packed = await ask(gateway, "GET", target, headers=[("accept-encoding", each) for each in lines])
        assert (packed.headers["content-encoding"], brotli.decompress(packed.body)) == ("br", plain.body)


async def test_small_answers_are_sent_as_they_are(gateway):
    for _ in range(2):
        reply = await ask(gateway, "GET", "/api/v1/products/lamp", headers=GZIP)
        assert (reply.status, len(reply.body) < LEAST_BYTES) == (200, True)
        assert reply.headers.keys().isdisjoint({"content-encoding", "vary"})


async def test_each_form_of_a_stored_answer_has_its_tag(gateway):
    target = "/api/v1/products?limit=100"
    for more in ({}, bearer(token())):
        plain = await ask(gateway, "GET", target, headers=more)
        packed = await ask(gateway, "GET", target, headers={**GZIP, **more})
        best = await ask(gateway, "GET", target, headers={**BROTLI, **more})
        tags = plain.headers["etag"], packed.headers["etag"], best.headers["etag"]
        assert tags[1:] == (coded(tags[0], "gzip"), coded(tags[0], "br"))
        for tag, accepting in zip(tags, ({}, GZIP, BROTLI), strict=True):
            same = await ask(gateway, "GET", target, headers={**accepting, **more, "if-none-match": tag})
            assert (same.status, same.body, same.headers["etag"]) == (304, b"", tag)
            assert same.headers["vary"] == "Accept-Encoding"
            assert same.headers.keys().isdisjoint({"content-encoding", "content-length", "content-type"})
        # Who has the one and asks for the other does not have what it would get.
        assert (await ask(gateway, "GET", target, headers={**GZIP, **more, "if-none-match": tags[0]})).status == 200


async def test_a_stored_answer_is_compressed_once_and_forgotten_with_its_form(gateway, town, monkeypatch):
    packed = 0
    pack = encoding.pack

    def counting(body, coding):
        nonlocal packed
        packed += 1
        return pack(body, coding)

    monkeypatch.setattr(encoding, "pack", counting)
    target = "/api/v1/products?limit=100"
    first = [await ask(gateway, "GET", target, headers=GZIP) for _ in range(5)][-1]
    assert (packed, town.reads) == (1, 1)
    town.products["p1"].name = "another name"
    await gateway.accept([updated("p1")])
    second = await ask(gateway, "GET", target, headers=GZIP)
    assert b"another name" in gzip.decompress(second.body)
    assert first.headers["etag"] != second.headers["etag"]
    assert (packed, town.reads) == (2, 2)


async def test_both_forms_count_for_the_memory_that_is_taken():
    kept = ResponseCache(60, 1_000_000, {})
    key = (b"/lists", b"")

    async def answer() -> Answer:
        return Answer(200, b"x" * 100_000, {"content-type": "application/json"})

    entry = await kept.fetch(key, LISTS, answer)
    assert isinstance(entry, Entry)
    before = kept._bytes
    packed, best = kept.packed(key, entry, "gzip"), kept.packed(key, entry, "br")
    assert kept.packed(key, entry, "gzip") is packed
    assert kept.packed(key, entry, "br") is best
    assert kept.packed(key, entry, None) is entry
    assert kept._bytes == before + len(packed.body) + len(best.body)
    kept.drop("catalog", "")
    assert kept._bytes == 0
    # What is gone takes nothing any more.
    late = await kept.fetch(key, LISTS, answer)
    assert isinstance(late, Entry)
    kept.drop("catalog")
    kept.packed(key, late, "br")
    assert kept._bytes == 0


@pytest.mark.parametrize(
    ("target", "packed"), [("/api/v1/orders", True), ("/api/v1/cart/x", False), ("/api/v1/cart", False)]
)
async def test_of_what_services_answer_only_what_opens_nothing(gateway, target, packed):
    plain = await ask(gateway, "GET", target, headers={**LARGE, "accept-encoding": "identity"})
    reply = await ask(gateway, "GET", target, headers=LARGE)
    assert (plain.status, reply.status) == (200, 200)
    assert ("content-encoding" in reply.headers) is packed
    assert reply.headers["content-length"] == str(len(reply.body))
    if packed:
        assert len(gzip.decompress(reply.body)) > 2 * LEAST_BYTES > len(reply.body)
        head = await ask(gateway, "HEAD", target, headers=LARGE)
        assert (head.body, head.headers["content-encoding"]) == (b"", "gzip")
        assert "content-length" not in head.headers


async def test_what_was_not_a_read_is_sent_as_it_is(gateway):
    for target in ("/api/v1/auth/login", "/api/v1/payments"):
        reply = await ask(gateway, "POST", target, headers=LARGE, raw=b"{}")
        assert (reply.status, "content-encoding" in reply.headers) == (200, False)


async def test_a_service_is_not_asked_to_compress_and_what_it_has_is_left(town, gateway):
    async def has_done_it(scope, receive, send):
        headers = [(b"content-type", b"application/json"), (b"content-encoding", b"br")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"b" * 2 * LEAST_BYTES})

    gateway._upstreams |= {"order": has_done_it}
    reply = await ask(gateway, "GET", "/api/v1/orders", headers=GZIP)
    assert (reply.headers["content-encoding"], reply.body) == ("br", b"b" * 2 * LEAST_BYTES)
    assert "accept-encoding" not in (await ask(town.gateway(), "GET", "/api/v1/cart", headers=GZIP)).json["headers"]
