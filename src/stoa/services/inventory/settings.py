"""The settings of inventory: `STOA_INVENTORY_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from stoa.kit.settings import Number

HoldSeconds = Annotated[int, Meta(ge=1, le=86_400)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    hold_seconds: HoldSeconds = 900
    """For staff and packages: longer than the slowest bank's page, shorter than a shopper's patience. What an order has
    reserved does not expire."""
    low_stock_at_most: Number = 5
    """From here on a SKU is listed as low: about what a small shop sells in a day."""
