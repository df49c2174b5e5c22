"""The port to a payment provider: what we ask of one, and what one says.

Every act carries an idempotency key and may be repeated with it: the provider does it once and says again what
happened. An answer that does not come in time leaves open whether money moved, and only `query` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from stoa.kit.money import Money


class Status(StrEnum):
    ABSENT = "absent"
    """The provider knows nothing under this key."""
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    VOIDED = "voided"
    DECLINED = "declined"


class Said(msgspec.Struct, frozen=True):
    """What the provider says of a payment now. `reference` is the provider's own; `reason` is why it was declined:
    `payment-declined`, `insufficient-funds` or `unknown-token`, and what is none of them counts as the first.
    `refunded_minor` is what it has given back so far, by whomever it was asked: `query` says it, None where the
    provider does not."""

    status: Status
    reference: str = ""
    reason: str = ""
    refunded_minor: int | None = None


class SaidOfRefund(msgspec.Struct, frozen=True):
    """Whether the money went back; where not, it never will under this key."""

    done: bool
    reference: str = ""


class Heard(msgspec.Struct, frozen=True):
    """What a genuine webhook is about. `id` is the provider's, by which a second delivery is known."""

    id: str
    key: str
    order_id: str
    amount: Money


class KeptCard(msgspec.Struct, frozen=True):
    """A card that the provider keeps: `reference` goes in the place of a token from now on, and is good for as long as
    the card. The rest is what a shopper knows it by; `expires` is its month, `2029-05`, or empty where it has none."""

    reference: str
    brand: str
    last4: str
    expires: str


class CardRefused(Exception):
    """For `KeepsCards.keep` to raise: the provider knows no such card, or will not keep it."""


class NotGenuine(Exception):
    """For `PaymentProvider.read_webhook` to raise: the signature is missing, wrong or too old."""


@runtime_checkable
class KeepsCards(Protocol):
    """What a provider may do beyond taking payments: where it does not, the shop keeps no cards."""

    async def keep(self, token: str, *, customer: str) -> KeptCard:
        """Keep the card for the customer of this id. A repeat keeps it once. Raises `CardRefused`."""

    async def forget(self, reference: str) -> None:
        """Keep it no more, if it still is kept."""


class PaymentProvider(Protocol):
    async def authorize(self, key: str, *, order_id: str, amount: Money, token: str) -> Said:
        """Hold the money. AUTHORIZED, DECLINED, or VOIDED for a key that `void` has seen first. A repeat may
        say CAPTURED where that has happened since: a shop that was restored asks for what it had begun."""

    async def query(self, key: str) -> Said:
        """What happened under the key; changes nothing."""

    async def capture(self, key: str) -> Said:
        """Take the held money: CAPTURED, or what stands in the way."""

    async def void(self, key: str) -> Said:
        """Let go of the held money: VOIDED. An unknown key becomes VOIDED too, and a late `authorize` is
        refused; what is CAPTURED or DECLINED stays so, and is said."""

    async def refund(self, key: str, *, refund_key: str, amount: Money) -> SaidOfRefund:
        """Give back part of a captured payment, once per `refund_key`."""

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Heard | None:
        """What a webhook is about, None where that is nothing that we ask about. Header names are in lower case.

        Raises `NotGenuine`, or `ValueError` for what is signed and cannot be read. It is never believed further than
        that: `query` says what happened.
        """
