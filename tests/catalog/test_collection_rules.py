"""Which products a collection by rules has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from stoa.services.catalog.collection_rules import Condition, Facts, Rules, check_rules, judged
from stoa.services.catalog.errors import BadCondition

NOW = datetime(2030, 1, 31, tzinfo=UTC)
MADE = NOW - timedelta(days=10)
MUG = Facts(
    categories=["cups", "kitchen"],
    brands=["Potters", "Old Potters"],
    tags=["new", "white"],
    seller_id="s1",
    price_minor=700,
    specifications={"Material": "clay", "Volume": 300, "Glazed": True, "Colors": ["red", "blue"]},
    created_at=MADE,
)


def only(field, **more):
    return Rules([Condition(field, **more)])


@pytest.mark.parametrize(
    ("field", "said", "holds"),
    [
        ("category", {"any_of": ["garden", "kitchen"]}, True),
        ("category", {"any_of": ["garden"]}, False),
        ("brand", {"any_of": ["Potters"]}, True),
        ("brand", {"any_of": ["Old Potters"]}, True),
        ("brand", {"any_of": ["potters"]}, False),
        ("tag", {"any_of": ["white", "black"]}, True),
        ("tag", {"any_of": ["black"]}, False),
        ("seller", {"any_of": ["s1"]}, True),
        ("seller", {"any_of": ["s2"]}, False),
        ("price", {"at_least": 700}, True),
        ("price", {"at_most": 700, "at_least": 1}, True),
        ("price", {"at_most": 699}, False),
        ("specification", {"name": "Material", "any_of": ["clay", "wood"]}, True),
        ("specification", {"name": "Material", "any_of": ["wood"]}, False),
        ("specification", {"name": "Colors", "any_of": ["blue"]}, True),
        ("specification", {"name": "Volume", "at_least": 300, "at_most": 300}, True),
        ("specification", {"name": "Volume", "at_least": 300.5}, False),
        ("specification", {"name": "Material", "at_least": 1}, False),
        ("specification", {"name": "Glazed", "any_of": [True]}, True),
        ("specification", {"name": "Glazed", "any_of": [1]}, False),
        ("specification", {"name": "Glazed", "at_least": 1}, False),
        ("specification", {"name": "Weight", "at_most": 1}, False),
        ("created", {"since": MADE}, True),
        ("created", {"since": MADE + timedelta(seconds=1)}, False),
    ],
)
def test_a_condition_holds_or_not(field, said, holds):
    assert judged(only(field, **said), MUG, NOW) == (holds, None)


def test_what_is_without_a_variant_has_no_price():
    assert not judged(only("price", at_most=100), MUG._replace(price_minor=None), NOW).holds


def test_days_pass():
    assert judged(only("created", within_days=11), MUG, NOW) == (True, MADE + timedelta(days=11))
    assert judged(only("created", within_days=10), MUG, NOW) == (False, None)


@pytest.mark.parametrize(
    ("match", "others", "verdict"),
    [
        ("all", [("brand", "Potters")], (True, 11)),
        ("all", [("brand", "Nobody")], (False, 11)),
        ("any", [("brand", "Potters")], (True, None)),
        ("any", [("brand", "Nobody")], (True, 11)),
    ],
)
def test_all_or_any(match, others, verdict):
    conditions = [Condition("created", within_days=11), *(Condition(field, any_of=[one]) for field, one in others)]
    holds, until = judged(Rules(conditions, match), MUG, NOW)
    assert (holds, until and (until - MADE).days) == verdict


def test_the_first_or_the_last_end_counts():
    both = [Condition("created", within_days=11), Condition("created", within_days=20)]
    assert judged(Rules(both, "all"), MUG, NOW).until == MADE + timedelta(days=11)
    assert judged(Rules(both, "any"), MUG, NOW).until == MADE + timedelta(days=20)


@pytest.mark.parametrize(
    ("field", "said", "member"),
    [
        ("brand", {}, "any_of"),
        ("brand", {"any_of": [1]}, "any_of"),
        ("brand", {"at_least": 1}, "at_least"),
        ("brand", {"any_of": ["x"], "name": "x"}, "name"),
        ("seller", {"any_of": ["bea"]}, "any_of"),
        ("price", {}, "at_least"),
        ("price", {"any_of": ["7"]}, "any_of"),
        ("price", {"at_least": 2, "at_most": 1}, "at_most"),
        ("specification", {"any_of": ["x"]}, "name"),
        ("specification", {"name": "x"}, "any_of"),
        ("specification", {"name": "x", "any_of": ["x"], "at_most": 1}, "any_of"),
        ("created", {}, "since"),
        ("created", {"since": NOW, "within_days": 1}, "since"),
    ],
)
def test_a_condition_says_one_thing(field, said, member):
    with pytest.raises(BadCondition) as refused:
        check_rules(Rules([Condition("price", at_least=1), Condition(field, **said)]))
    assert refused.value.field == f"rules.conditions[1].{member}"
