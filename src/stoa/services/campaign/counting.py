"""Whether what each of many checkouts uses may still be used, in the order in which they came: pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from stoa.kit.problems import Problem
from stoa.services.campaign.campaign import Coupon, Limits, amount_in
from stoa.services.campaign.errors import (
    BudgetSpent,
    CampaignOver,
    CampaignUsedUp,
    CouponOver,
    CouponUsedUp,
    CustomerUsedUp,
    RedemptionReleased,
)
from stoa.services.campaign.schedule import is_over


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign that a checkout uses, by a code where it needs one."""

    campaign_id: str
    code: str
    amount_minor: int
    shipping_minor: int


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """All that one checkout uses: all of it or nothing."""

    checkout_id: str
    order_id: str
    user_id: str | None
    currency: str
    uses: Sequence[Use]


class Running(NamedTuple):
    """What of a locked campaign decides whether it may be used."""

    id: str
    state: str
    ends_at: datetime | None
    limits: Limits
    per_customer: int | None
    used: int


class Known(NamedTuple):
    """Beside locked campaigns: how the checkouts stand, coupons by code, spending and customers' uses by campaign."""

    states: Mapping[str, str]
    coupons: Mapping[str, Coupon]
    spent: Mapping[tuple[str, str], int]
    by_customer: Mapping[tuple[str, str], int]


class Decided(msgspec.Struct, frozen=True):
    """What becomes of each, in their order: None where it is redeemed, now or before; and the rows to write."""

    outcomes: Sequence[Problem | None]
    rows: Sequence[Mapping[str, Any]]


def decide(asked: Sequence[Redemption], campaigns: Mapping[str, Running], known: Known, now: datetime) -> Decided:
    """Of locked campaigns."""
    counters = _Counters(campaigns, known, now)
    states = dict(known.states)
    outcomes: list[Problem | None] = []
    rows: list[Mapping[str, Any]] = []
    for one in asked:
        problem: Problem | None = None
        state = states.get(one.checkout_id)
        if state == "released":
            problem = RedemptionReleased()
        elif state is None:
            problem = next((said for use in one.uses if (said := counters.refusal(one, use))), None)
            if problem is None:
                states[one.checkout_id] = "redeemed"
                rows += [counters.count(one, use) for use in one.uses]
        outcomes.append(problem)
    return Decided(outcomes, rows)


class _Counters:
    """As they are with what was granted so far."""

    def __init__(self, campaigns: Mapping[str, Running], known: Known, now: datetime) -> None:
        self._campaigns = campaigns
        self._coupons = known.coupons
        self._now = now
        self._used = Counter({one.id: one.used for one in campaigns.values()})
        self._of_coupon = Counter({one.id: one.used for one in known.coupons.values()})
        self._spent = Counter(known.spent)
        self._by_customer = Counter(known.by_customer)

    def refusal(self, asked: Redemption, use: Use) -> Problem | None:
        campaign = self._campaigns.get(use.campaign_id)
        if campaign is None:
            return CampaignOver(use.campaign_id, use.code)
        coupon, limits, per_customer = self._coupon(use), campaign.limits, campaign.per_customer
        budget = amount_in(limits.budget, asked.currency)
        spent = self._spent[campaign.id, asked.currency] + use.amount_minor
        by_customer = self._by_customer[campaign.id, asked.user_id or ""]
        refusals = (
            (campaign.state != "active" or is_over(campaign.ends_at, self._now), CampaignOver),
            (bool(use.code) and (coupon is None or coupon.revoked or is_over(coupon.ends_at, self._now)), CouponOver),
            (coupon is not None and _is_used_up(coupon.most_uses, self._of_coupon[coupon.id]), CouponUsedUp),
            (_is_used_up(limits.most_uses, self._used[campaign.id]), CampaignUsedUp),
            (per_customer is not None and (asked.user_id is None or by_customer >= per_customer), CustomerUsedUp),
            (budget is not None and spent > budget, BudgetSpent),
        )
        return next((refused(use.campaign_id, use.code) for is_so, refused in refusals if is_so), None)

    def count(self, asked: Redemption, use: Use) -> Mapping[str, Any]:
        """One more; the row to write of it."""
        coupon = self._coupon(use)
        campaign = self._campaigns[use.campaign_id]
        self._used[campaign.id] += 1
        self._spent[campaign.id, asked.currency] += use.amount_minor
        if coupon is not None:
            self._of_coupon[coupon.id] += 1
        if asked.user_id is not None:
            self._by_customer[campaign.id, asked.user_id] += 1
        return {
            "checkout_id": asked.checkout_id,
            "order_id": asked.order_id,
            "user_id": asked.user_id,
            "campaign_id": campaign.id,
            "coupon_id": coupon.id if coupon else None,
            "currency": asked.currency,
            "amount_minor": use.amount_minor,
            "shipping_minor": use.shipping_minor,
            "per_customer": campaign.per_customer,
        }

    def _coupon(self, use: Use) -> Coupon | None:
        """The campaign's own."""
        coupon = self._coupons.get(use.code)
        return coupon if coupon is not None and coupon.campaign_id == use.campaign_id else None


def _is_used_up(most: int | None, used: int) -> bool:
    return most is not None and used >= most
