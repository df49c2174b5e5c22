"""Every inbox with two runners, after a rush: nobody deadlocks, and every effect comes once."""

from __future__ import annotations

import asyncio
from contextvars import Context

from journeys.client import Shopper
from order.test_money_back import admin, bought, ship, visitor

from stoa.app import SERVICES
from stoa.audit.audit import audit
from stoa.kit.db import Database, WritesMet
from stoa.kit.inbox import Inbox
from stoa.runtime.hosted import Hosted

__all__ = ["admin", "visitor"]  # fixtures, of the tests of money

BUYERS = 30

TROUBLE = "SELECT count(*) FROM inbox WHERE attempts > 0 OR done_at IS NULL"


def twin(hosted: Hosted) -> Inbox:
    """A runner as another process of the service has it: on connections of its own."""
    db = Database(hosted.service.name, hosted.stored.db.dsn, 2)
    return Inbox(hosted.service, db, hosted.parts.handlers, hosted.parts.batch_handler)


async def test_two_runners_of_every_inbox_after_a_rush(shop, visitor: Shopper, admin: Shopper, caplog):
    hearing = [each for each in shop.process.services if each.parts.handlers]
    assert {each.service.name for each in hearing} == {one.name for one in SERVICES.values() if one.hears}
    # What happens meanwhile waits for them.
    await asyncio.gather(*(each.stored.inbox.stop() for each in hearing))

    async def buy(number: int) -> None:
        buyer = await visitor.register(f"Buyer{number}")
        order = await bought(buyer)
        path = f"/orders/{order['id']}"
        if number % 3 == 0:
            await buyer.ok("POST", f"{path}/cancel", {"reason": "changed my mind"})
        elif number % 3 == 1:
            await ship(admin, order)
            lines = [{"sku": line["sku"], "quantity": line["quantity"]} for line in order["items"]]
            await admin.ok("POST", f"{path}/return", {"items": lines, "reason": "sent back"}, status=201)

    await asyncio.gather(*map(buy, range(BUYERS)))

    loop = asyncio.get_running_loop()
    twins = [twin(each) for each in hearing]
    runners = [*(each.stored.inbox for each in hearing), *twins]
    running = [loop.create_task(each.run(), context=Context()) for each in runners]
    try:
        await shop.settle(60)
    finally:
        await asyncio.gather(*(each.stop() for each in twins))
    for name, db in shop.databases.items():
        assert (name, await db.fetchval(TROUBLE)) == (name, 0)
    # A deadlock ends as this: the event is tried again, and nobody would notice.
    assert WritesMet.__name__ not in caplog.text
    assert [verdict for verdict in await audit(shop.databases, looks=3) if verdict.findings] == []
    await asyncio.gather(*(each.stored.inbox.stop() for each in hearing))
    await asyncio.gather(*running, return_exceptions=True)
