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

    clean_every_seconds: Seconds = 3600.0
    """Nobody waits for the cleaning, and an hour's worth of carts is a small piece of work."""
