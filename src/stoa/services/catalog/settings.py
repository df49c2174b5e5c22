"""The settings of catalog: `STOA_CATALOG_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.settings import Currency, Days, Locales


@dataclass(frozen=True, kw_only=True)
class Settings:
    currency: Currency = "GBP"
    """The currency of variants' own prices, and of carts: a cart has one total. Price lists may have others."""
    locales: Locales = ("en", "de")
    """The shop's languages, at most 20. Things are written in the first, and may be translated into the others."""

    import_days: Days = 30
    """How long it is kept what a file of products did, and what of it was refused: who was away for a while still mends
    it."""
