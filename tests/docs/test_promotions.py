"""docs/algorithms/promotions.md works its examples out as the code does, and knows every reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from docs.pages import ROOT, table

from stoa.kit.ids import uuid7
from stoa.kit.money import amount_of
from stoa.services.campaign import evaluate as module
from stoa.services.campaign.bodies import NewCampaign, sound
from stoa.services.campaign.campaign import Campaign
from stoa.services.campaign.cart import Cart, Line
from stoa.services.campaign.evaluate import Evaluation, Known, Why, evaluate

PAGE = ROOT / "docs" / "algorithms" / "promotions.md"
LINES = [(2, 1000), (1, 333), (3, 250)]


def campaign_of(**said: Any) -> Campaign:
    new = sound(
        msgspec.convert({"name": "x", "effects": [{"kind": "percentage", "basis_points": 1000}]} | said, NewCampaign)
    )
    return Campaign(id=uuid7(), **{name: getattr(new, name) for name in Campaign.__struct_fields__ if name != "id"})


def evaluated(*campaigns: Campaign, lines: list[tuple[int, int]] = LINES) -> Evaluation:
    cart = Cart(
        currency="GBP",
        user_id=None,
        groups=(),
        lines=[
            Line(sku=str(at), product_id="", quantity=quantity, unit_price_minor=price)
            for at, (quantity, price) in enumerate(lines)
        ],
    )
    now = datetime(2026, 11, 23, tzinfo=UTC)
    return evaluate(cart, campaigns, [], Known({one.id: one for one in campaigns}, {}, now))


def test_what_comes_off_each_line():
    header = "| effect | " + " | ".join(f"{n} × {amount_of(price, 'GBP')}" for n, price in LINES) + " | in all |"
    rows = table(PAGE, header)
    for effect, *written in rows:
        [applied] = evaluated(campaign_of(effects=[msgspec.json.decode(effect)])).applied
        assert written == [amount_of(each, "GBP") for each in (*applied.lines, applied.amount)], effect
    assert len(rows) >= 9


def test_what_goes_together():
    rows = table(PAGE, "| first | then | together |")
    for first, then, together in rows:
        said = [msgspec.json.decode(each) for each in (first, then)]
        campaigns = [campaign_of(priority=1 - at, **each) for at, each in enumerate(said)]
        assert (len(evaluated(*campaigns).applied) == 2) == (together == "yes")
    assert len(rows) >= 6


def test_two_of_ten_percent():
    assert "take off 1.00 and then 0.90, not 2.00" in PAGE.read_text()
    assert [one.amount for one in evaluated(campaign_of(), campaign_of(), lines=[(1, 1000)]).applied] == [100, 90]


def test_every_reason_is_listed():
    listed = [slug for slug, _ in table(PAGE, "| reason | means |")]
    constants = {value.reason for value in vars(module).values() if isinstance(value, Why)}
    assert sorted(listed) == sorted(constants | {"not-combinable", "subtotal-too-low", "quantity-too-low"})
