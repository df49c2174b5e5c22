"""What payment does when it is time, and when woken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable

from stoa.kit.problems import Problem
from stoa.services.payment import repository
from stoa.services.payment.refund_payment import execute_refund
from stoa.services.payment.resolve_payment import resolve
from stoa.services.payment.service import Payments
from stoa.services.payment.void_payment import void
from stoa.services.payment.woken import Woken

log = logging.getLogger(__name__)

ONE_ROUND = 100
"""Payments or refunds in one round: the next round takes the rest."""
AT_ONCE = 2
"""How many of a round the provider is asked about at the same time: of a pool of three, one stays for shoppers."""


class Timers:
    def __init__(self, payments: Payments) -> None:
        self._payments = payments
        self.refunds = Woken("refunds", self.execute_refunds)

    async def execute_refunds(self) -> None:
        """Refunds that are due, oldest first."""
        due = await repository.refunds_due(self._payments.db, ONE_ROUND)
        await _each(execute_refund(self._payments, refund_id) for refund_id in due)

    async def execute_due_refunds(self) -> float | None:
        """The same, for those whose process died and those that a provider did not answer; when the next is due."""
        await self.execute_refunds()
        return await repository.next_refund(self._payments.db)

    async def settle_payments(self) -> float | None:
        """Payments that wait for an answer, or to be voided, and that nobody looks after any more."""
        settings = self._payments.settings
        waits = settings.settle_after_seconds, settings.interrupted_after_seconds
        found = await repository.unsettled(self._payments.db, *waits, ONE_ROUND)
        await _each(self._settle(key, void_reason) for key, void_reason in found)
        return await repository.next_unsettled(self._payments.db, *waits)

    async def _settle(self, key: str, void_reason: str | None) -> None:
        if void_reason is None:
            await resolve(self._payments, key)
        else:
            await void(self._payments, key, void_reason)


async def _each(work: Iterable[Awaitable[object]]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(awaitable: Awaitable[object]) -> None:
        async with slots:
            try:
                await awaitable
            except Problem as problem:
                log.warning("payment left for the next round: %s", problem.detail)

    await asyncio.gather(*(one(each) for each in work))
