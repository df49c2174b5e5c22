"""What the acts of payment work with."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.together import Together
from stoa.ports.asking import answer_of
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.errors import ProviderSilent
from stoa.services.payment.order_status import OrderStatus, Standings
from stoa.services.payment.providers import Providers
from stoa.services.payment.recording import VoidAsked
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.settings import Settings
from stoa.services.payment.single_flight import SingleFlight
from stoa.services.payment.states import Payment

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Payments:
    """Payments of a moment share a read, and the batchers one commit (`recording.py`).

    `additions` records that an authorization is asked for, and answers with the payment and whether it is
    new; `void_asks` records that a payment shall be undone; `by_key` finds it; `answers` records what the
    provider said. `order_status` asks how an order stands: None for one that is not there; `standings` asks what of
    their totals many keep.
    """

    db: Database
    outbox: Outbox
    settings: Settings
    providers: Providers
    order_status: OrderStatus
    standings: Standings
    additions: Batcher[NewPayment, tuple[Payment, bool]]
    void_asks: Batcher[VoidAsked, Payment]
    by_key: Together[str, Payment]
    answers: Batcher[ProviderAnswer, Payment]
    single_flight: SingleFlight = field(default_factory=SingleFlight)

    async def ask(self, asked: Coroutine[Any, Any, T]) -> T:
        """The provider's answer, within our timeout. Raises `ProviderSilent`."""
        return await answer_of("the payment provider", asked, self.settings.provider_timeout_seconds, ProviderSilent())
