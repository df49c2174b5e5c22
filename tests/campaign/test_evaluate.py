"""What comes off a cart, worked out by hand, and why something does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from campaign.conftest import TEN_PERCENT, campaign_of, cart_of, gbp, line

from stoa.kit.ids import uuid7
from stoa.services.campaign.campaign import Counts, Coupon
from stoa.services.campaign.evaluate import Entered, Known, evaluate

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
MUG, CUP = uuid7(), uuid7()


def evaluated(cart, *campaigns, codes=(), counts=None, now=NOW):
    """`codes` are pairs of what was entered and the coupon it was found to be."""
    automatic = [one for one in campaigns if not one.by_coupon]
    known = Known({one.id: one for one in campaigns}, counts or {}, now)
    return evaluate(cart, automatic, [Entered(*one) for one in codes], known)


def coupon_of(campaign, code="SPRING", **said):
    terms = {"most_uses": None, "used": 0, "starts_at": None, "ends_at": None, "revoked": False} | said
    return Coupon(id=uuid7(), campaign_id=campaign.id, code=code, **terms)


def off(evaluation):
    """What comes off each line."""
    return [sum(amounts) for amounts in zip(*(one.lines for one in evaluation.applied), strict=True)]


CART = cart_of(line("A", 2, 1000), line("B", 1, 333), line("C", 3, 250))  # 20.00, 3.33, 7.50: 30.83

WORKED = [
    # 10 % of 30.83 is 3.083, so 3.08: 1.998, 0.3327, 0.7493 of it.
    (TEN_PERCENT, [200, 33, 75], "10 % of 30.83 GBP"),
    # 12.5 % of 30.83 is 3.85375, so 3.85.
    ({"kind": "percentage", "basis_points": 1250}, [250, 41, 94], "12.5 % of 30.83 GBP"),
    ({"kind": "percentage", "basis_points": 10000}, [2000, 333, 750], "100 % of 30.83 GBP"),
    # 5.00 in proportion: 3.2436, 0.5401, 1.2164.
    ({"kind": "amount", "amounts": [gbp(500)]}, [324, 54, 122], "5.00 GBP off"),
    ({"kind": "amount", "amounts": [gbp(9999)]}, [2000, 333, 750], "99.99 GBP off"),
    ({"kind": "unit_amount", "amounts": [gbp(300)]}, [600, 300, 750], "3.00 GBP off each of 6 units"),
    # Six units, so two of them free: the cheapest, both of C.
    (
        {"kind": "buy_get", "buy": 2, "get": 1, "basis_points": 10000},
        [0, 0, 500],
        "2 of 6 units 100 % off: 1 for 2 bought",
    ),
    # Four units: all of C, and B.
    (
        {"kind": "buy_get", "buy": 1, "get": 2, "basis_points": 5000},
        [0, 167, 375],
        "4 of 6 units 50 % off: 2 for 1 bought",
    ),
    (
        {"kind": "buy_get", "buy": 1, "get": 2, "basis_points": 5000, "most_times": 1},
        [0, 0, 250],
        "2 of 6 units 50 % off: 2 for 1 bought",
    ),
    (
        {
            "kind": "tiered",
            "tiers": [{"least_quantity": 2, "basis_points": 500}, {"least_quantity": 6, "basis_points": 2000}],
        },
        [400, 67, 150],
        "20 % of 30.83 GBP",
    ),
    (
        {
            "kind": "tiered",
            "tiers": [
                {"least_subtotal": [gbp(3000)], "amounts": [gbp(300)]},
                {"least_subtotal": [gbp(5000)], "amounts": [gbp(900)]},
            ],
        },
        [195, 32, 73],
        "3.00 GBP off",
    ),
]


@pytest.mark.parametrize(("effect", "lines", "how"), WORKED)
def test_worked_by_hand(effect, lines, how):
    [applied] = evaluated(CART, campaign_of(effects=[effect])).applied
    assert (list(applied.lines), applied.how) == (lines, how)
    assert applied.amount == sum(lines)


def test_several_effects_of_one_campaign_are_each_of_what_is_left():
    effects = [
        {"kind": "percentage", "basis_points": 5000},
        {"kind": "amount", "amounts": [gbp(100)]},
        {"kind": "free_shipping"},
    ]
    [applied] = evaluated(cart_of(line("A", 1, 1000)), campaign_of(effects=effects)).applied
    assert (applied.lines, applied.free_shipping, applied.methods) == ([600], True, ())
    assert applied.how == "50 % of 10.00 GBP; 1.00 GBP off; free shipping"


@pytest.mark.parametrize(
    ("selection", "lines"),
    [
        ({"skus": ["A"]}, [100, 0, 0]),
        ({"products": [MUG]}, [0, 100, 0]),
        ({"skus": ["A"], "products": [MUG]}, [100, 100, 0]),
        ({"categories": [CUP]}, [0, 100, 100]),
        ({"collections": [CUP]}, [100, 0, 0]),
        ({"brands": [CUP]}, [0, 0, 100]),
        ({"categories": [CUP], "brands": [CUP, MUG]}, [0, 0, 100]),
        ({}, [100, 100, 100]),
    ],
)
def test_only_the_lines_it_is_for(selection, lines):
    cart = cart_of(
        line("A", 1, 1000, collections=[MUG, CUP]),
        line("B", 1, 1000, product_id=MUG, categories=[CUP]),
        line("C", 1, 1000, categories=[MUG, CUP], brand=CUP),
    )
    [applied] = evaluated(cart, campaign_of(selection=selection)).applied
    assert applied.lines == lines


def test_the_greater_priority_comes_first_then_the_older():
    older, newer, first = campaign_of("older"), campaign_of("newer"), campaign_of("first", priority=1)
    evaluation = evaluated(cart_of(line("A", 1, 1000)), newer, older, first)
    assert [one.campaign.name for one in evaluation.applied] == ["first", "older", "newer"]
    assert [one.amount for one in evaluation.applied] == [100, 90, 81]


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ({}, {}, True),
        ({"exclusive": True}, {}, False),
        ({}, {"exclusive": True}, False),
        ({"combination_sets": ["a"]}, {}, False),
        ({"combination_sets": ["a", "b"]}, {"combination_sets": ["b", "c"]}, True),
        ({"combination_sets": ["a"]}, {"combination_sets": ["b"]}, False),
    ],
)
def test_what_goes_together(first, second, together):
    one, other = campaign_of("one", priority=1, **first), campaign_of("other", by_coupon=True, **second)
    evaluation = evaluated(CART, one, other, codes=[("spring", coupon_of(other))])
    assert [each.campaign.name for each in evaluation.applied] == ["one", "other"][: 1 + together]
    refused = [(each.code, each.reason, each.detail) for each in evaluation.not_applied]
    assert refused == ([] if together else [("spring", "not-combinable", "It does not go together with one.")])


EARLIER, LATER = NOW - timedelta(days=1), NOW + timedelta(days=1)

REASONS = [
    ({"starts_at": LATER}, {}, "not-yet"),
    ({"ends_at": NOW}, {}, "campaign-over"),
    ({"hours": {"time_zone": "UTC", "times": [{"days": ["mon"], "closes": "12:00"}]}}, {}, "not-now"),
    ({"conditions": {"customer_groups": ["trade"]}}, {}, "not-your-group"),
    ({"conditions": {"customer_groups": ["trade"]}}, {"user_id": None}, "sign-in-needed"),
    ({"conditions": {"first_order": True}}, {"has_ordered": True}, "not-first-order"),
    ({"conditions": {"first_order": True}}, {"user_id": None}, "sign-in-needed"),
    ({"limits": {"most_uses_per_customer": 1}}, {"user_id": None}, "sign-in-needed"),
    ({"effects": [{"kind": "amount", "amounts": [{"amount": 1, "currency": "EUR"}]}]}, {}, "no-amount-in-currency"),
    ({"conditions": {"least_subtotal": [{"amount": 1, "currency": "EUR"}]}}, {}, "no-amount-in-currency"),
    ({"limits": {"budget": [{"amount": 1, "currency": "EUR"}]}}, {}, "no-amount-in-currency"),
    ({"selection": {"skus": ["Z"]}}, {}, "nothing-it-is-for"),
    ({"conditions": {"least_subtotal": [gbp(4000)], "least_quantity": 9}}, {}, "subtotal-too-low"),
    ({"limits": {"budget": [gbp(307)]}}, {}, "budget-spent"),
]


@pytest.mark.parametrize(("said", "cart", "reason"), REASONS)
def test_why_a_code_does_not_apply(said, cart, reason):
    campaign = campaign_of(by_coupon=True, **said)
    evaluation = evaluated(cart_of(*CART.lines, **cart), campaign, codes=[("Spring", coupon_of(campaign))])
    assert evaluation.applied == []
    [refused] = evaluation.not_applied
    assert (refused.code, refused.reason, refused.campaign) == ("Spring", reason, campaign)
    assert (refused.missing_minor, refused.missing_quantity) == (0, 0)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"revoked": True}, "coupon-over"),
        ({"ends_at": NOW}, "coupon-over"),
        ({"starts_at": LATER}, "not-yet"),
        ({"most_uses": 3, "used": 3}, "coupon-used-up"),
    ],
)
def test_why_a_code_is_not_taken(said, reason):
    campaign = campaign_of(by_coupon=True)
    [refused] = evaluated(CART, campaign, codes=[("S", coupon_of(campaign, "S", **said))]).not_applied
    assert refused.reason == reason


def test_a_code_nobody_knows_and_one_of_a_campaign_that_does_not_run():
    gone = campaign_of(by_coupon=True)
    evaluation = evaluated(CART, codes=[("WINTER", None), ("spring", coupon_of(gone))])
    assert [(one.code, one.reason, one.campaign) for one in evaluation.not_applied] == [
        ("WINTER", "unknown-code", None),
        ("spring", "campaign-over", None),
    ]


def test_one_code_of_a_campaign_is_enough_and_case_makes_no_difference():
    campaign = campaign_of(by_coupon=True)
    spring, summer = coupon_of(campaign, "SPRING"), coupon_of(campaign, "SUMMER")
    evaluation = evaluated(CART, campaign, codes=[("spring", spring), ("Spring", spring), ("summer", summer)])
    assert [one.code for one in evaluation.applied] == ["SPRING"]
    assert [(one.code, one.reason) for one in evaluation.not_applied] == [("summer", "same-campaign")]


@pytest.mark.parametrize(
    ("limits", "counts", "reason"),
    [
        ({"most_uses": 5}, Counts(used=5), "campaign-used-up"),
        ({"most_uses_per_customer": 2}, Counts(used=9, by_customer=2), "customer-used-up"),
        ({"budget": [gbp(1000)]}, Counts(spent={"GBP": 1000}), "budget-spent"),
        ({"budget": [gbp(1000)]}, Counts(spent={"GBP": 693}), "budget-spent"),
    ],
)
def test_what_is_used_up(limits, counts, reason):
    campaign = campaign_of(by_coupon=True, limits=limits)
    entered = [("S", coupon_of(campaign, "S"))]
    [refused] = evaluated(CART, campaign, codes=entered, counts={campaign.id: counts}).not_applied
    assert refused.reason == reason


def test_the_last_that_is_left_is_given():
    campaign = campaign_of(limits={"most_uses": 5, "most_uses_per_customer": 2, "budget": [gbp(1000)]})
    counts = Counts(used=4, by_customer=1, spent={"GBP": 692})
    assert len(evaluated(CART, campaign, counts={campaign.id: counts}).applied) == 1


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ({"conditions": {"least_subtotal": [gbp(4000)]}}, (917, 0)),
        ({"conditions": {"least_quantity": 8}}, (0, 2)),
        ({"selection": {"skus": ["C"]}, "conditions": {"least_subtotal": [gbp(1000)]}}, (250, 0)),
        ({"selection": {"skus": ["C"]}, "conditions": {"least_quantity": 4}}, (0, 1)),
        ({"effects": [{"kind": "buy_get", "buy": 9, "get": 1, "basis_points": 10000}]}, (0, 4)),
        ({"effects": [{"kind": "tiered", "tiers": [{"least_quantity": 10, "basis_points": 1}]}]}, (0, 4)),
    ],
)
def test_what_little_is_missing_is_told_without_a_code(said, missing):
    evaluation = evaluated(CART, campaign_of(**said))
    [refused] = evaluation.not_applied
    assert refused.reason == ("subtotal-too-low" if missing[0] else "quantity-too-low")
    assert (refused.code, refused.missing_minor, refused.missing_quantity) == ("", *missing)


def test_what_does_not_apply_for_another_reason_is_not_told_without_a_code():
    campaigns = [campaign_of(**said) for said, _, _ in REASONS]
    assert evaluated(cart_of(*CART.lines, user_id=None), *campaigns).not_applied == []


def test_what_takes_nothing_off_does_not_apply():
    all_off = campaign_of("all", priority=1, effects=[{"kind": "percentage", "basis_points": 10000}])
    more = campaign_of("more", by_coupon=True)
    evaluation = evaluated(CART, all_off, more, codes=[("S", coupon_of(more, "S"))])
    assert off(evaluation) == [2000, 333, 750]
    assert [one.reason for one in evaluation.not_applied] == ["nothing-left"]


def test_shipping_is_free_once():
    free = {"effects": [{"kind": "free_shipping", "methods": ["standard"]}]}
    one, same, other = (
        campaign_of("one", **free),
        campaign_of("same", **free),
        campaign_of("any", effects=[{"kind": "free_shipping"}]),
    )
    assert [each.campaign.name for each in evaluated(CART, one, same, other).applied] == ["one", "any"]


def test_whether_it_is_the_first_order_is_asked_for():
    campaign = campaign_of(conditions={"first_order": True})
    unknown = evaluated(cart_of(*CART.lines), campaign)
    assert (unknown.asks_has_ordered, unknown.applied) == (True, [])
    first = evaluated(cart_of(*CART.lines, has_ordered=False), campaign)
    assert (first.asks_has_ordered, off(first)) == (False, [200, 33, 75])
    assert not evaluated(cart_of(*CART.lines, user_id=None), campaign).asks_has_ordered
    assert not evaluated(CART, campaign_of()).asks_has_ordered
