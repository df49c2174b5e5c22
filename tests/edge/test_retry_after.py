"""Whoever is told "later" is told when: every 429 and 503, whoever says it and however it comes."""

from __future__ import annotations

import importlib
import pkgutil
from types import SimpleNamespace

import pytest
from tests.asgi import ask
from tests.edge.town import Town

import stoa
from stoa.kit import problems
from stoa.kit.channels.replies import failure, refusal
from stoa.kit.http import asgi
from stoa.kit.http.probes import Probes
from stoa.kit.http.routes import PUBLIC, Raw, Request, Routes
from stoa.kit.idempotency import Answer
from stoa.testing import Rest


def everything_that_means_later() -> list[type[problems.Problem]]:
    for module in pkgutil.walk_packages(stoa.__path__, "stoa."):
        importlib.import_module(module.name)

    def below(kind):
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    return sorted(
        {each for each in below(problems.Problem) if each.status in {429, 503}}, key=lambda each: each.__name__
    )


KINDS = everything_that_means_later()


def made(kind: type[problems.Problem]) -> problems.Problem:
    """One of this kind, whatever its own constructor asks for."""
    problem = kind.__new__(kind)
    problems.Problem.__init__(problem, "Later.")
    return problem


def test_they_were_found():
    names = {each.__name__ for each in KINDS}
    assert {"Overloaded", "RateLimited", "TooManyGuesses", "DatabaseUnavailable", "UpstreamOverdue"} <= names


routes: Routes[SimpleNamespace] = Routes("later")


@routes.get("/cart/raised", who=PUBLIC)
async def raised(says: SimpleNamespace, request: Request) -> None:
    raise says.problem


@routes.get("/cart/called", who=PUBLIC)
async def called(says: SimpleNamespace, request: Request) -> None:
    """As a problem of another service comes."""
    raise failure("Service/Method", refusal(says.problem))


@routes.get("/cart/kept", who=PUBLIC)
async def kept(says: SimpleNamespace, request: Request) -> Raw:
    """As a saga's answer is kept: its bytes and its status."""
    return Raw(says.problem.encode(), problems.CONTENT_TYPE, says.problem.status)


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
async def test_a_service_says_when(kind):
    for path in ("raised", "called", "kept"):
        answer = await Rest(routes.bind(SimpleNamespace(problem=made(kind))), None).send("GET", f"/cart/{path}")
        assert (answer.status, int(answer.headers["retry-after"]) > 0) == (kind.status, True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
async def test_the_gateway_says_when(kind):
    async def raising(scope, receive, send):
        raise made(kind)

    async def saying_nothing(scope, receive, send):
        """What some proxy between us and a service may answer."""
        await send({"type": "http.response.start", "status": kind.status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    gateway = Town().gateway()
    for upstream in (raising, saying_nothing):
        gateway._upstreams |= {"cart": upstream}
        reply = await ask(gateway, "GET", "/api/v1/cart/1")
        assert (reply.status, int(reply.headers["retry-after"]) > 0) == (kind.status, True)


async def test_who_knows_better_is_believed():
    sooner = problems.Unavailable("Later.", retry_after_seconds=7)
    assert asgi.problem_answer(sooner, "r").headers["retry-after"] == "7"
    answer = await Rest(routes.bind(SimpleNamespace(problem=sooner)), None).send("GET", "/cart/called")
    assert answer.headers["retry-after"] == "7"
    pairs = [(b"retry-after", b"7")]
    assert asgi.with_retry_after(503, pairs) == pairs
    assert asgi.with_retry_after(200, []) == []


async def test_a_process_that_is_not_ready_says_when():
    async def gone() -> None:
        raise OSError("nobody there")

    async def nothing(scope, receive, send) -> None:
        await asgi.send_answer(send, Answer(204))

    reply = await ask(Probes("shop", {"database": gone}).before(nothing), "GET", "/readyz")
    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
