"""Routes that take their body, or give their answer, in pieces."""

from __future__ import annotations

import asyncio

import pytest
from tests.asgi import ask
from tests.signing import jwks

from stoa.app import PERMISSIONS
from stoa.kit import context
from stoa.kit.http import app as layer
from stoa.kit.http import asgi
from stoa.kit.http.app import build
from stoa.kit.http.openapi import openapi
from stoa.kit.http.routes import OPTIONAL, OWN, PUBLIC, REQUIRED, SIGNED_IN, UNKEPT, Raw, Request, Routes, Streamed
from stoa.kit.http.streaming import BodyStream
from stoa.kit.tokens import Verifier


class Tank:
    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.ran: list[str] = []
        self.deadline: float | None = 0.0


async def letters():
    for each in (b"a", b"b", b"c"):
        yield each


tank_routes: Routes[Tank] = Routes("tank")


@tank_routes.post("/tank", who=PUBLIC, body=BodyStream, idempotent=OWN)
async def fill(tank: Tank, request: Request[BodyStream]) -> Raw:
    tank.ran.append(f"key {request.idempotency_key}")
    tank.deadline = context.current().deadline
    async for piece in request.body:
        tank.pieces.append(piece)
    return Raw(b"".join(tank.pieces), "text/plain")


@tank_routes.put("/tank", who=PUBLIC, body=BodyStream, idempotent=UNKEPT)
async def ignore(tank: Tank, request: Request[BodyStream]) -> Streamed:
    tank.ran.append("ignored")
    return Streamed(letters(), "text/plain", headers={"etag": '"abc"'})


@tank_routes.patch("/tank", who=PUBLIC, body=BodyStream, idempotent=UNKEPT)
async def sleep(tank: Tank, request: Request[BodyStream]) -> None:
    await asyncio.Event().wait()


@tank_routes.delete("/tank", who=SIGNED_IN, body=BodyStream, idempotent=UNKEPT)
async def empty(tank: Tank, request: Request[BodyStream]) -> None:
    tank.ran.append("emptied")


@tank_routes.get("/tank", who=PUBLIC)
async def show(tank: Tank, request: Request) -> Streamed:
    return Streamed(letters(), "text/plain", length=3, headers={"etag": '"abc"', "cache-control": "public, immutable"})


@tank_routes.post("/kept", who=PUBLIC)
async def kept(tank: Tank, request: Request) -> Streamed:
    return Streamed(letters(), "text/plain")


@pytest.fixture
def tank():
    return Tank()


@pytest.fixture
def api(tank):
    async def keys() -> str:
        return jwks("first")

    most = {("POST", "/tank"): 10, ("PUT", "/tank"): 10}
    return build([tank_routes.bind(tank)], verifier=Verifier(keys, PERMISSIONS), largest_bodies=most)


async def test_the_pieces_come_as_they_were_sent(api, tank):
    reply = await ask(api, "POST", "/api/v1/tank", chunks=[b"one", b"", b"two"], headers={"idempotency-key": "k"})
    assert (reply.status, reply.body) == (200, b"onetwo")
    assert (tank.pieces, tank.ran, tank.deadline) == ([b"one", b"two"], ["key k"], None)


async def test_what_is_too_large_cuts_its_handler_off(api, tank):
    reply = await ask(api, "POST", "/api/v1/tank", chunks=[b"12345", b"678901"])
    assert (reply.status, reply.problem, reply.json["limit"]) == (413, "body-too-large", 10)
    assert tank.pieces == [b"12345"]

    announced = await ask(api, "POST", "/api/v1/tank", raw=b"x" * 11)
    assert (announced.status, announced.problem, len(tank.ran)) == (413, "body-too-large", 1)


async def test_a_piece_that_does_not_come_is_waited_for_so_long(api, monkeypatch):
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.02)

    async def receive():
        return await asyncio.get_running_loop().create_future()

    stream = BodyStream()
    with pytest.raises(asgi.BodyTooSlow):
        await stream.fill(receive, 10, 1.0)


async def test_a_handler_that_takes_nothing_is_overdue(api, monkeypatch):
    monkeypatch.setattr(layer, "LONGEST_REQUEST_SECONDS", 0.02)
    reply = await ask(api, "PATCH", "/api/v1/tank", chunks=[b"a", b"b", b"c"])
    assert (reply.status, reply.problem) == (503, "overdue")


async def test_who_may_not_is_told_before_anything_is_read(api, tank):
    reply = await ask(api, "DELETE", "/api/v1/tank", chunks=[b"a"])
    assert (reply.status, reply.problem, tank.ran) == (401, "unauthorized", [])


async def test_who_goes_before_the_end_is_not_answered(api, tank):
    reply = await ask(api, "POST", "/api/v1/tank", chunks=[])
    assert (reply.status, tank.pieces) == (0, [])


async def test_a_body_may_be_left_unread(api, tank):
    reply = await ask(api, "PUT", "/api/v1/tank", chunks=[b"1", b"2", b"3"])
    assert (reply.status, reply.body, tank.ran) == (200, b"abc", ["ignored"])


async def test_a_stream_that_is_taken_over_loses_nothing():
    pieces = [b"one", b"two", b"three"]
    stream = BodyStream()

    async def receive():
        if not pieces:
            return await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    first = asyncio.create_task(stream.fill(receive, 100, 10.0))
    while len(pieces) > 1:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    second = asyncio.create_task(stream.fill(receive, 100, 10.0))
    assert [each async for each in stream] == [b"one", b"two", b"three"]
    assert stream.ended
    second.cancel()


async def test_an_answer_in_pieces_says_what_is_known_of_it(api):
    reply = await ask(api, "GET", "/api/v1/tank")
    assert (reply.body, reply.headers["content-length"], reply.headers["etag"]) == (b"abc", "3", '"abc"')
    head = await ask(api, "HEAD", "/api/v1/tank")
    assert (head.body, head.headers["content-length"]) == (b"", "3")
    known = await ask(api, "GET", "/api/v1/tank", headers={"if-none-match": '"abc"'})
    assert (known.status, known.body) == (304, b"")
    # Whoever keeps it would forget how long it is good, if that were not said again.
    assert (known.headers["cache-control"], "content-type" in known.headers) == ("public, immutable", False)


async def test_a_route_that_keeps_its_answers_has_none_that_passes(api):
    reply = await ask(api, "POST", "/api/v1/kept")
    assert (reply.status, reply.problem) == (500, "internal-error")


@pytest.mark.parametrize("idempotent", [OPTIONAL, REQUIRED])
def test_the_answer_to_a_streamed_body_cannot_be_kept(idempotent):
    routes: Routes[Tank] = Routes("tank")
    with pytest.raises(ValueError, match="POST /tank streams its body: no answer can be kept"):
        routes.post("/tank", who=PUBLIC, body=BodyStream, idempotent=idempotent)


def test_it_is_described_as_bytes():
    described = openapi([tank_routes.bind(Tank())], "/api/v1")["paths"]["/tank"]["post"]
    assert list(described["requestBody"]["content"]) == ["application/octet-stream"]
    assert "415" not in described["responses"]
