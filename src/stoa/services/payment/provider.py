"""The port to a payment provider: what we ask of one, and what one says.

Every act carries an idempotency key and may be repeated with it: the provider does it once and says
again what happened. An answer that does not come within our timeout is `ProviderSilent`: the money may
or may not have moved, and only `query` tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from stoa.kit.db import refuse_inside_transaction
from stoa.kit.money import Money
from stoa.services.payment.errors import ProviderSilent

T = TypeVar("T")


class Status(StrEnum):
    ABSENT = "absent"
    """The provider knows nothing under this key."""
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    DECLINED = "declined"


@dataclass(frozen=True)
class Said:
    """What the provider says of a payment now. `reason` is why it was declined, as one of `errors.DECLINES`."""

    status: Status
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True)
class SaidOfRefund:
    """Whether the money went back; where not, it never will under this key."""

    done: bool
    reference: str = ""


class Provider(Protocol):
    async def authorize(self, key: str, *, order_id: str, amount: Money, token: str) -> Said:
        """Hold the money. AUTHORIZED, DECLINED, or VOIDED for a key that `void` has seen first."""

    async def query(self, key: str) -> Said:
        """What happened under the key; changes nothing."""

    async def capture(self, key: str) -> Said:
        """Take the held money: CAPTURED, or what stands in the way."""

    async def void(self, key: str) -> Said:
        """Let go of the held money: VOIDED. An unknown key becomes VOIDED too, and a late `authorize` is
        refused; what is CAPTURED or DECLINED stays so, and is said."""

    async def refund(self, key: str, *, refund_key: str, amount: Money) -> SaidOfRefund:
        """Give back part of a captured payment, once per `refund_key`."""


async def within(seconds: float, asked: Coroutine[Any, Any, T]) -> T:
    """The provider's answer. Raises `ProviderSilent` when it takes longer.

    Never with a transaction open: a lock would be held for as long as a foreign system likes.
    """
    try:
        refuse_inside_transaction("the payment provider is asked")
    except BaseException:
        asked.close()
        raise
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except TimeoutError:
        raise ProviderSilent from None
