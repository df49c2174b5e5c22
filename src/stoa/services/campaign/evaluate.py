"""What comes off a cart, and why something does not: pure.

Campaigns are tried one after the other, the greater priority first, then the older. Each is applied to what those
before have left, unless it does not go together with one of them. docs/algorithms/promotions.md has worked tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from stoa.kit.http.types import Price
from stoa.kit.money import Money
from stoa.services.campaign.campaign import NEVER, Campaign, Counts, Coupon, amount_in, code_of
from stoa.services.campaign.cart import Cart
from stoa.services.campaign.effects import Part, take, threshold_of
from stoa.services.campaign.schedule import has_begun, is_open, is_over

MOST_HINTS = 5
"""Of campaigns that nearly apply, and for which no code was entered."""


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """`lines` is what comes off each line of the cart, in its order. With `free_shipping` it is free by these
    `methods`, or where there are none by any."""

    campaign: Campaign
    code: str
    lines: Sequence[int]
    free_shipping: bool
    methods: Sequence[str]
    how: str

    @property
    def amount(self) -> int:
        return sum(self.lines)


class NotApplied(msgspec.Struct, frozen=True, kw_only=True):
    """`reason` is a slug. `missing_minor` or `missing_quantity` is how much more of what it is for would do."""

    campaign: Campaign | None
    code: str
    reason: str
    detail: str
    missing_minor: int = 0
    missing_quantity: int = 0


class Evaluation(msgspec.Struct, frozen=True):
    """`asks_has_ordered`: it depends on whether the customer has bought before, which is not known."""

    applied: Sequence[Applied]
    not_applied: Sequence[NotApplied]
    asks_has_ordered: bool = False


class Why(msgspec.Struct, frozen=True):
    """Why a campaign does not apply."""

    reason: str
    detail: str
    missing_minor: int = 0
    missing_quantity: int = 0

    def of(self, campaign: Campaign | None, code: str) -> NotApplied:
        return NotApplied(
            campaign=campaign,
            code=code,
            reason=self.reason,
            detail=self.detail,
            missing_minor=self.missing_minor,
            missing_quantity=self.missing_quantity,
        )


UNKNOWN_CODE = Why("unknown-code", "There is no such code.")
CAMPAIGN_OVER = Why("campaign-over", "The campaign does not run now.")
COUPON_OVER = Why("coupon-over", "The code is no longer taken.")
NOT_YET = Why("not-yet", "It has not begun yet.")
NOT_NOW = Why("not-now", "It holds at other hours of the week.")
SIGN_IN = Why("sign-in-needed", "It is for customers who are signed in.")
NOT_YOUR_GROUP = Why("not-your-group", "It is for other customers.")
NOT_FIRST_ORDER = Why("not-first-order", "It is for a customer's first order.")
NO_AMOUNT = Why("no-amount-in-currency", "It has no amount in the currency of the cart.")
NOTHING_IT_IS_FOR = Why("nothing-it-is-for", "Nothing in the cart is what it is for.")
COUPON_USED_UP = Why("coupon-used-up", "The code was used as often as it may be.")
CAMPAIGN_USED_UP = Why("campaign-used-up", "The campaign was used as often as it may be.")
CUSTOMER_USED_UP = Why("customer-used-up", "You have used it as often as you may.")
BUDGET_SPENT = Why("budget-spent", "What may come off in all is spent.")
NOTHING_LEFT = Why("nothing-left", "There is nothing left that it could take off.")
SAME_CAMPAIGN = Why("same-campaign", "Another code of the same campaign is applied.")


class Entered(msgspec.Struct, frozen=True):
    """A code that a shopper entered, and what it was found to be."""

    said: str
    coupon: Coupon | None


class Known(msgspec.Struct, frozen=True):
    """`campaigns` are those that run, by id; `counts` of those whose uses are limited, as of `now`."""

    campaigns: Mapping[str, Campaign]
    counts: Mapping[str, Counts]
    now: datetime


def evaluate(cart: Cart, automatic: Iterable[Campaign], entered: Sequence[Entered], known: Known) -> Evaluation:
    """Of the campaigns that need no code, and those of the codes that were entered."""
    candidates: dict[str, tuple[Campaign, Entered | None]] = {one.id: (one, None) for one in automatic}
    refused: list[NotApplied] = []
    for code in {code_of(one.said): one for one in entered}.values():
        campaign = known.campaigns.get(code.coupon.campaign_id) if code.coupon else None
        why = _not_taken(code.coupon, campaign, known.now)
        if why is None and campaign is not None and campaign.id in candidates:
            why = SAME_CAMPAIGN
        if why is not None:
            refused.append(why.of(campaign, code.said))
        elif campaign is not None:
            candidates[campaign.id] = (campaign, code)
    trying = _Trying(cart, known)
    hints: list[NotApplied] = []
    for campaign, by in sorted(candidates.values(), key=lambda one: (-one[0].priority, one[0].id)):
        why = trying.apply(campaign, by)
        if why is not None and by is not None:
            refused.append(why.of(campaign, by.said))
        elif why is not None and (why.missing_minor or why.missing_quantity):
            hints.append(why.of(campaign, ""))
    asks = cart.has_ordered is None and any(one.conditions.first_order for one, _ in candidates.values())
    return Evaluation(trying.applied, [*refused, *hints[:MOST_HINTS]], asks and cart.user_id is not None)


class _Trying:
    """One campaign after the other: what is applied so far, and what that has left of each line."""

    def __init__(self, cart: Cart, known: Known) -> None:
        self.applied: list[Applied] = []
        self._cart = cart
        self._known = known
        self._left = [line.subtotal for line in cart.lines]

    def apply(self, campaign: Campaign, by: Entered | None) -> Why | None:
        """Unless it does not apply: then why."""
        counts = self._known.counts.get(campaign.id, NEVER)
        cart, currency = self._cart, self._cart.currency
        places = cart.chosen(campaign.selection)
        parts = [Part(cart.lines[at].quantity, cart.lines[at].unit_price_minor, self._left[at]) for at in places]
        why = (
            _not_for(campaign, cart, self._known.now)
            or _used_up(campaign, currency, counts)
            or (None if places else NOTHING_IT_IS_FOR)
            or _short_of(campaign, parts, currency)
            or self._not_combinable(campaign)
        )
        if why is not None:
            return why
        off, how = _take_all(campaign, parts, currency)
        frees, methods = _frees(campaign)
        if not any(off) and not (frees and self._frees_more(methods)):
            return NOTHING_LEFT
        budget = amount_in(campaign.limits.budget, currency)
        if budget is not None and sum(off) > budget - counts.spent.get(currency, 0):
            return BUDGET_SPENT
        lines = [0] * len(cart.lines)
        for at, amount in zip(places, off, strict=True):
            lines[at] = amount
            self._left[at] -= amount
        self.applied.append(
            Applied(
                campaign=campaign,
                code=by.coupon.code if by and by.coupon else "",
                lines=lines,
                free_shipping=frees,
                methods=methods,
                how="; ".join(how),
            )
        )
        return None

    def _not_combinable(self, campaign: Campaign) -> Why | None:
        other = next((one.campaign for one in self.applied if not campaign.combines_with(one.campaign)), None)
        return Why("not-combinable", f"It does not go together with {other.name}.") if other else None

    def _frees_more(self, methods: Sequence[str]) -> bool:
        """Whether shipping is not free by all of these already."""
        freed = [one for one in self.applied if one.free_shipping]
        if any(not one.methods for one in freed):
            return False
        return not methods or not set(methods) <= {method for one in freed for method in one.methods}


def _not_taken(coupon: Coupon | None, campaign: Campaign | None, now: datetime) -> Why | None:
    """Why a code is not taken, whatever is in the cart."""
    if coupon is None:
        return UNKNOWN_CODE
    if campaign is None:
        return CAMPAIGN_OVER
    used_up = coupon.most_uses is not None and coupon.used >= coupon.most_uses
    return _first(
        (coupon.revoked or is_over(coupon.ends_at, now), COUPON_OVER),
        (not has_begun(coupon.starts_at, now), NOT_YET),
        (used_up, COUPON_USED_UP),
    )


def _not_for(campaign: Campaign, cart: Cart, now: datetime) -> Why | None:
    """Why it is not for this customer, at this moment, in this currency."""
    groups, first_order = campaign.conditions.customer_groups, campaign.conditions.first_order
    return _first(
        (is_over(campaign.ends_at, now), CAMPAIGN_OVER),
        (not has_begun(campaign.starts_at, now), NOT_YET),
        (not is_open(campaign.hours, now), NOT_NOW),
        (cart.user_id is None and (campaign.per_customer is not None or bool(groups)), SIGN_IN),
        (bool(groups) and set(groups).isdisjoint(cart.groups), NOT_YOUR_GROUP),
        (first_order and cart.has_ordered is not False, NOT_FIRST_ORDER),
        (not all(_has_figures(amounts, cart.currency) for amounts in _amounts_of(campaign)), NO_AMOUNT),
    )


def _first(*said: tuple[bool, Why]) -> Why | None:
    return next((why for is_so, why in said if is_so), None)


def _amounts_of(campaign: Campaign) -> Iterable[Sequence[Price]]:
    """All lists of amounts that it has."""
    yield campaign.conditions.least_subtotal
    yield campaign.limits.budget
    for effect in campaign.effects:
        yield effect.amounts
        for tier in effect.tiers:
            yield tier.amounts
            yield tier.least_subtotal


def _has_figures(amounts: Sequence[Price], currency: str) -> bool:
    return not amounts or amount_in(amounts, currency) is not None


def _used_up(campaign: Campaign, currency: str, counts: Counts) -> Why | None:
    limits, budget = campaign.limits, amount_in(campaign.limits.budget, currency)
    return _first(
        (limits.most_uses is not None and counts.used >= limits.most_uses, CAMPAIGN_USED_UP),
        (campaign.per_customer is not None and counts.by_customer >= campaign.per_customer, CUSTOMER_USED_UP),
        (budget is not None and counts.spent.get(currency, 0) >= budget, BUDGET_SPENT),
    )


def _short_of(campaign: Campaign, parts: Sequence[Part], currency: str) -> Why | None:
    """What is missing, as a figure where it is the only thing."""
    quantity, subtotal = sum(part.quantity for part in parts), sum(part.subtotal for part in parts)
    conditions = campaign.conditions
    money = max((amount_in(conditions.least_subtotal, currency) or 0) - subtotal, 0)
    units = max((conditions.least_quantity or 0) - quantity, 0)
    for effect in campaign.effects:
        if effect.kind == "buy_get":
            units = max(units, (effect.buy or 0) + (effect.get or 0) - quantity)
        if effect.tiers:
            lowest = min(threshold_of(tier, currency) or 0 for tier in effect.tiers)
            if effect.tiers[0].least_quantity is not None:
                units = max(units, lowest - quantity)
            else:
                money = max(money, lowest - subtotal)
    if money and units:
        return Why("subtotal-too-low", f"{Money(money, currency)} and {units} more of what it is for would do.")
    if money:
        detail = f"{Money(money, currency)} more of what it is for would do."
        return Why("subtotal-too-low", detail, missing_minor=money)
    if units:
        return Why("quantity-too-low", f"{units} more of what it is for would do.", missing_quantity=units)
    return None


def _take_all(campaign: Campaign, parts: Sequence[Part], currency: str) -> tuple[list[int], list[str]]:
    """What all its effects take off each part, each of what those before have left."""
    off = [0] * len(parts)
    how: list[str] = []
    for effect in campaign.effects:
        if effect.kind == "free_shipping":
            how.append(f"free shipping by {', '.join(effect.methods)}" if effect.methods else "free shipping")
            continue
        now = [msgspec.structs.replace(part, left=part.left - was) for part, was in zip(parts, off, strict=True)]
        taken = take(effect, now, currency)
        if taken is not None:
            off = [was + more for was, more in zip(off, taken.off, strict=True)]
            how.append(taken.how)
    return off, how


def _frees(campaign: Campaign) -> tuple[bool, Sequence[str]]:
    freeing = [effect for effect in campaign.effects if effect.kind == "free_shipping"]
    if not all(effect.methods for effect in freeing):
        return True, ()
    return bool(freeing), sorted({method for effect in freeing for method in effect.methods})
