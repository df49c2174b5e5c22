"""What campaigns take off a purchase, and why one does not: as campaign has said it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from stoa.kit import money
from stoa.kit.money import Money
from stoa.services.checkout.errors import CouponNotApplicable, UnknownCoupon

UNKNOWN_CODE = "unknown-code"
"""What campaign says of a code that there is none of."""


class LineDiscount(msgspec.Struct, frozen=True):
    sku: str
    amount: Money


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """`amount` comes off the lines, by SKU as `lines` says, and `shipping` off shipping: all of it where it is sent by
    one of `shipping_methods`, or with `free_shipping` and none of them by any. `code` where one was entered for it."""

    campaign_id: str
    name: str
    code: str | None
    amount: Money
    lines: list[LineDiscount]
    shipping: Money
    free_shipping: bool
    shipping_methods: list[str]
    how: str

    def frees(self, method: str) -> bool:
        return self.free_shipping and (not self.shipping_methods or method in self.shipping_methods)


class NotApplied(msgspec.Struct, frozen=True, kw_only=True):
    """A code that was entered, or a campaign for which little is missing: `missing`, or `missing_quantity`, more of
    what it is for. `reason` is one of those in docs/algorithms/promotions.md."""

    campaign_id: str | None
    name: str | None
    code: str | None
    reason: str
    detail: str
    missing: Money | None
    missing_quantity: int | None


class Promotions(msgspec.Struct, frozen=True):
    """In the order in which they are applied, each to what those before have left."""

    applied: list[Applied] = []
    not_applied: list[NotApplied] = []

    def off_lines(self, skus: Iterable[str], currency: str) -> list[Money]:
        """What comes off each of these lines."""
        off: dict[str, int] = {}
        for one in self.applied:
            for line in one.lines:
                off[line.sku] = off.get(line.sku, 0) + line.amount.amount
        return [Money(off.get(sku, 0), currency) for sku in skus]

    def on_shipping(self, method: str, cost: Money) -> Promotions:
        """The first that makes this method free takes all of the cost off."""
        at = next((at for at, one in enumerate(self.applied) if one.frees(method)), None)
        if at is None:
            return self
        freed = replace(self.applied[at], shipping=cost)
        return replace(self, applied=[*self.applied[:at], freed, *self.applied[at + 1 :]])

    def off_shipping(self, currency: str) -> Money:
        return money.total((one.shipping for one in self.applied), currency)

    def shipping_how(self, method: str, how: str) -> str:
        """How shipping came about, where one of them has a part in it."""
        freeing = next((one for one in self.applied if one.frees(method)), None)
        return f"{how}, free by {_called(freeing.name, freeing.code)}" if freeing else how

    @property
    def how(self) -> str:
        """In words that a shopper can check."""
        applied = [f"{_called(one.name, one.code)}: {one.how}" for one in self.applied] or ["none applies"]
        return "; ".join(
            [*applied, *(f"{one.code} does not apply: {one.detail}" for one in self.not_applied if one.code)]
        )

    def check_codes(self) -> None:
        """Raises `UnknownCoupon` or `CouponNotApplicable` for the first code that does not apply."""
        for one in self.not_applied:
            if one.code is not None and one.reason == UNKNOWN_CODE:
                raise UnknownCoupon(one.code)
            if one.code is not None:
                raise CouponNotApplicable(one.code, one.reason, one.detail, one.missing, one.missing_quantity)


NONE = Promotions()


def _called(name: str, code: str | None) -> str:
    return f"{name} ({code})" if code else name
