"""The settings of catalog: `STOA_CATALOG_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    currency: str = "GBP"
    """The one currency of all prices: a cart has one total."""
