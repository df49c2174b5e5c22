"""What one order announces anywhere carries the trace of the request that placed it, whoever shared its commits."""

from __future__ import annotations

import asyncio
import os

from stoa.testing import new_user


async def test_each_of_many_orders_at_once_keeps_its_trace_through_every_batch(house) -> None:
    buyers, traces = [], [os.urandom(16).hex() for _ in range(8)]
    for _ in traces:
        buyer, sku = new_user(), await house.market.offer(on_hand=1)
        await house.market.fill(buyer.id, **{sku: 1})
        buyers.append((buyer, sku))
    placed = await asyncio.gather(
        *(
            house.buy(buyer, traceparent=f"00-{trace}-{'1' * 16}-01")
            for (buyer, _), trace in zip(buyers, traces, strict=True)
        )
    )
    assert [each.answer and each.answer.status for each in placed] == [201] * 8

    for (_, sku), trace, one in zip(buyers, traces, placed, strict=True):
        payment_id = await house.market.db("order").fetchval(
            "SELECT payment_id FROM orders WHERE id = $1", one.order_id
        )
        announced = [
            (row["type"], row["traceparent"].split("-")[1])
            for service, subject in (("order", one.order_id), ("payment", payment_id), ("inventory", sku))
            for row in await house.market.db(service).fetch(
                "SELECT type, traceparent FROM event_log WHERE subject = $1 ORDER BY id", subject
            )
            if row["type"] != "inventory.back_in_stock"
        ]
        assert announced == [("order.placed", trace), ("payment.succeeded", trace), ("inventory.sold_out", trace)]
