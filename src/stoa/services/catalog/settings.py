"""The settings of catalog: `STOA_CATALOG_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.settings import Currency


@dataclass(frozen=True, kw_only=True)
class Settings:
    currency: Currency = "GBP"
    """The one currency of all prices: a cart has one total."""
