"""The settings of payment, each with its reason."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from stoa.kit.settings import Seconds, WholeSeconds
from stoa.ports.choice import Behind

Url = Annotated[str, Meta(pattern=r"^https?://[!-~]+(?!\n)$")]


@dataclass(frozen=True)
class Settings:
    provider: Annotated[str, Behind("payment", ("simulator", "stripe"))] = "simulator"
    """Who is asked for new payments: `simulator` moves no money; others come with packages (docs/extending.md)."""

    stripe_api_key: str = ""
    """The secret or restricted key of the shop's account at Stripe: it may write payment intents and refunds."""

    stripe_webhook_secret: str = ""
    """What Stripe signs webhooks with: its dashboard says it of the endpoint `/api/v1/payments/webhooks/stripe`."""

    stripe_endpoint: Url = "https://api.stripe.com"
    """Where Stripe is spoken: another for tests against a server of one's own."""

    provider_timeout_seconds: Seconds = 3.0
    """Above a provider's slow tail, and well below the deadline of a call, so that we can still answer it. Stripe is
    asked twice within it."""

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
