"""Giftwrap in a whole shop: it stands with the others, and hears what they announce."""

from __future__ import annotations

from stoa_giftwrap.contracts.v1.giftwrap_pb2 import GetWrapRequest
from stoa_giftwrap.contracts.v1.giftwrap_pb2_grpc import GiftwrapServiceStub

from stoa.audit.audit import INVARIANTS, audit
from stoa.kit import problems
from stoa.kit.ids import uuid7

PLACED = """
    INSERT INTO wraps (order_id, user_id, paper, version) VALUES ($1, $1, $2, 1)
"""
ANNOUNCED = """
    INSERT INTO event_log (event_id, type, subject, aggregate_version, data, time, traceparent)
    VALUES ($1, 'giftwrap.chosen', $2, 1, jsonb_build_object('paper', $3::text), now(), '')
"""


async def test_it_answers_through_the_gateway(shop):
    async with shop.http.get("/api/v1/giftwraps") as answer:
        assert (answer.status, await answer.json()) == (200, {"items": ["plain", "stars"]})
        assert "public" in answer.headers["cache-control"]
    try:
        await shop.stub(GiftwrapServiceStub).GetWrap(GetWrapRequest(order_id=uuid7()))
    except problems.Problem as problem:
        assert problem.slug == "no-such-order"
    else:
        raise AssertionError("an order that was never placed")


async def test_the_audit_sees_what_was_announced_otherwise(shop):
    order_id = uuid7()
    assert INVARIANTS[-1].statement == "an order is wrapped as was announced"
    await shop.databases["giftwrap"].execute(PLACED, order_id, "plain")
    await shop.databases["giftwrap"].execute(ANNOUNCED, uuid7(), order_id, "stars")
    verdicts = await audit(shop.databases, looks=1)
    (found,) = verdicts[-1].findings
    assert (verdicts[-1].invariant.number, found.subject) == (len(INVARIANTS), order_id)
    assert found.what == "was announced to be wrapped in stars, and is not"
    await shop.databases["giftwrap"].execute("DELETE FROM wraps")
    await shop.databases["giftwrap"].execute("DELETE FROM event_log WHERE type = 'giftwrap.chosen'")
