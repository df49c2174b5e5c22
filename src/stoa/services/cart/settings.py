"""The settings of cart, each with its reason."""

from dataclasses import dataclass

from stoa.kit.settings import Currency, Days, Seconds


@dataclass(frozen=True)
class Settings:
    currency: Currency = "GBP"
    """In which carts count: prices are asked for in it."""

    guest_cart_days: Days = 30
    """How long a guest cart stays untouched: as long as the cookie that names it usually does, and far longer than
    any checkout of it."""

    abandoned_after_seconds: Seconds = 3600.0
    """A cart with something in it that nobody has touched for so long was left: `cart.abandoned` is announced. Longer
    than most purchases take, and not so long that the shopper has forgotten it."""

    watch_every_seconds: Seconds = 300.0
    """How often such carts are looked for: a reminder that comes some minutes later is none the worse."""

    clean_every_seconds: Seconds = 3600.0
    """Nobody waits for the cleaning, and an hour's worth of carts is a small piece of work."""
