"""The settings of inventory: `STOA_INVENTORY_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    hold_seconds: int = 900
    """Longer than the slowest bank's page, shorter than a shopper's patience."""
    expire_every_seconds: float = 5.0
    """How late a hold may be given back: others see the goods again within this time."""
    low_stock_at_most: int = 5
    """From here on a SKU is listed as low: about what a small shop sells in a day."""
