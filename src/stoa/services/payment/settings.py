"""The settings of payment, each with its reason."""

from dataclasses import dataclass
from typing import Annotated

from stoa.kit.settings import Seconds, WholeSeconds
from stoa.ports.choice import Behind


@dataclass(frozen=True)
class Settings:
    provider: Annotated[str, Behind("payment", ("simulator",))] = "simulator"
    """Who is asked for new payments: `simulator` moves no money; others come with packages (docs/extending.md)."""

    provider_timeout_seconds: Seconds = 3.0
    """Above a provider's slow tail, and well below the deadline of a call, so that we can still answer it."""

    settle_after_seconds: Seconds = 10.0
    """A payment unknown for so long has nobody left who resolves it: the timer does."""

    interrupted_after_seconds: Seconds = 900.0
    """How long a payment that our own fault kept from the provider is left to whoever asked for it, who alone has the
    card's token: many times as long as a checkout asks before it gives up."""

    refund_retry_most_seconds: Seconds = 300.0
    """The longest pause after a provider has not answered a refund: one that was down for a day is asked again
    within five minutes."""

    webhook_tolerance_seconds: WholeSeconds = 300
    """How far a webhook's timestamp may be from our clock: what is older is a replay."""
