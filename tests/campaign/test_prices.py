"""Whatever campaigns say and carts hold: never more comes off a line than it costs, and the sums are exact."""

from __future__ import annotations

from datetime import UTC, datetime

from campaign.conftest import campaign_of, cart_of, line
from hypothesis import given
from hypothesis import strategies as st

from stoa.services.campaign.evaluate import Known, evaluate
from stoa.services.campaign.index import Index

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SKUS = ["A", "B", "C", "D"]


def gbp(amounts):
    return amounts.map(lambda amount: [{"amount": amount, "currency": "GBP"}])


points = st.integers(1, 10_000)
amounts = gbp(st.integers(1, 30_000))
tiers = st.dictionaries(st.integers(1, 40), points, min_size=1, max_size=3).map(
    lambda said: [{"least_quantity": least, "basis_points": share} for least, share in said.items()]
)
effects = st.one_of(
    st.fixed_dictionaries({"kind": st.just("percentage"), "basis_points": points}),
    st.fixed_dictionaries({"kind": st.just("amount"), "amounts": amounts}),
    st.fixed_dictionaries({"kind": st.just("unit_amount"), "amounts": amounts}),
    st.fixed_dictionaries(
        {"kind": st.just("buy_get"), "buy": st.integers(1, 4), "get": st.integers(1, 4), "basis_points": points}
    ),
    st.fixed_dictionaries({"kind": st.just("tiered"), "tiers": tiers}),
    st.just({"kind": "free_shipping"}),
)
campaigns = st.lists(
    st.builds(
        lambda effects, priority, skus: campaign_of(
            effects=effects, priority=priority, selection={"skus": sorted(skus)}
        ),
        st.lists(effects, min_size=1, max_size=3),
        st.integers(-5, 5),
        st.sets(st.sampled_from(SKUS)),
    ),
    max_size=6,
)
carts = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 20_000)), min_size=1, max_size=len(SKUS)).map(
    lambda lines: cart_of(*(line(sku, *one) for sku, one in zip(SKUS, lines, strict=False)))
)


@given(carts, campaigns)
def test_never_more_than_a_line_costs(cart, said):
    evaluation = evaluate(cart, said, [], Known({one.id: one for one in said}, {}, NOW))
    left = [each.subtotal for each in cart.lines]
    for applied in evaluation.applied:
        chosen = set(cart.chosen(applied.campaign.selection))
        assert applied.amount == sum(applied.lines)
        assert applied.amount > 0 or applied.free_shipping
        assert all(amount == 0 for at, amount in enumerate(applied.lines) if at not in chosen)
        assert min(applied.lines) >= 0
        left = [was - amount for was, amount in zip(left, applied.lines, strict=True)]
        assert min(left) >= 0


@given(carts, campaigns)
def test_the_index_leaves_out_nothing_that_applies(cart, said):
    known = Known({one.id: one for one in said}, {}, NOW)
    of_all = evaluate(cart, said, [], known)
    of_the_index = evaluate(cart, Index(1, said).candidates(cart), [], known)
    assert of_the_index.applied == of_all.applied


@given(carts, campaigns, st.randoms())
def test_the_order_in_which_campaigns_come_makes_no_difference(cart, said, random):
    known = Known({one.id: one for one in said}, {}, NOW)
    shuffled = random.sample(said, len(said))
    assert evaluate(cart, shuffled, [], known) == evaluate(cart, said, [], known)
