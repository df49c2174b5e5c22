"""The settings of inventory: `STOA_INVENTORY_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from stoa.kit.settings import Days, Number, Positive, WholeSeconds

LONGEST_HOLD_SECONDS = 86_400
"""Nobody holds for longer, however often it is extended: what is held is not sold."""
HoldSeconds = Annotated[int, Meta(ge=1, le=LONGEST_HOLD_SECONDS)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    hold_seconds: HoldSeconds = 900
    """For staff and packages: longer than the slowest bank's page, shorter than a shopper's patience. What an order has
    reserved does not expire."""
    allocation: Literal["priority", "nearest", "single-parcel"] = "priority"
    """From which warehouses an order is sent. `priority`: in the order that the shop has given them. `nearest`: from
    where the way is short. `single-parcel`: from one that has everything, else from few. The last two cost a statement
    more."""
    low_stock_at_most: Number = 5
    """From here on a SKU is listed as low: about what a small shop sells in a day."""
    told_per_unit: Positive = 3
    """Of those who wait for a SKU so many are told for each unit that is back: most of them do not buy it after all."""
    told_again_seconds: WholeSeconds = 86_400
    """Until more of them are told, if some is left: who was told first has a day."""
    subscription_days: Days = 365
    """Then nobody remembers that he wanted it."""
