"""How a SKU is promised beyond what lies on the shelf: not at all, later, or before it is there."""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.services.inventory.promise import Kind, Later

LeadDays = Annotated[int, Meta(ge=0, le=3650)]


class Policy(StrEnum):
    NONE = "none"
    """Only what is on hand is sold."""
    BACKORDER = "backorder"
    """Up to the limit it is sold without being on hand, to be sent within so many days."""
    PREORDER = "preorder"
    """Until it is there on a certain day, it is sold up to the limit; from that day on only what is on hand."""


class Item(msgspec.Struct):
    """What of a SKU is the same for all warehouses. `backordered` units are promised without being on hand; `version`
    counts the changes of all this, `holds` those of them that left how it is promised alone."""

    sku: str
    policy: Policy = Policy.NONE
    backorder_limit: int = 0
    backordered: int = 0
    lead_days: int | None = None
    available_on: date | None = None
    low_stock_at: int | None = None
    version: int = 0
    holds: int = 0

    @property
    def room(self) -> int:
        """So many more can be promised without being on hand."""
        return 0 if self.policy is Policy.NONE else self.backorder_limit - self.backordered

    def later(self, today: date) -> Later:
        """What is promised today of what is not on hand."""
        if self.policy is Policy.PREORDER:
            assert self.available_on is not None, "the CHECK items_policy"
            return Later(Kind.PREORDER_FROM, max(today, self.available_on))
        return Later(Kind.SHIPS_BY, today + timedelta(days=self.lead_days or 0))
