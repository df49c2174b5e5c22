"""Many carts are one statement, and what staff say counts at once in every process."""

from __future__ import annotations

import pytest
from campaign.conftest import cart_of, gbp, line, redemption

from stoa.kit.ids import uuid7
from stoa.services.campaign.evaluate_carts import CartAsked

CART = cart_of(line("A", 2, 1000))


def names(evaluation):
    return [one.campaign.name for one in evaluation.applied]


async def test_codes_are_matched_without_case(shop):
    await shop.run("Spring", codes=["Spring-10"])
    evaluation = await shop.evaluate(CART, " spring-10 ", "autumn")
    assert [(one.code, one.amount) for one in evaluation.applied] == [("SPRING-10", 200)]
    assert [(one.code, one.reason) for one in evaluation.not_applied] == [("autumn", "unknown-code")]
    assert names(await shop.evaluate(CART)) == []


async def test_what_staff_change_counts_at_once_in_every_process(shop, another):
    other = another()
    assert names(await other.evaluate(CART)) == []
    spring = await shop.run("Spring")
    assert names(await other.evaluate(CART)) == ["Spring"]
    await shop.say(spring, state="paused")
    assert names(await other.evaluate(CART)) == []


async def test_what_is_used_up_is_known_at_once(shop, another):
    other, ada = another(), uuid7()
    spring = await shop.run("Spring", limits={"most_uses": 3, "most_uses_per_customer": 1, "budget": [gbp(650)]})
    mine = cart_of(*CART.lines, user_id=ada)
    assert names(await other.evaluate(mine)) == ["Spring"]
    await shop.redeem(redemption(spring, user_id=ada, amount=200))
    assert names(await other.evaluate(mine)) == []
    assert names(await other.evaluate(CART)) == ["Spring"]
    await shop.redeem(redemption(spring, amount=300))
    assert names(await other.evaluate(CART)) == []


@pytest.mark.parametrize("many", [1, 20, 1_000])
async def test_one_statement_for_any_number_of_carts_lines_and_campaigns(shop, many, asked):
    for at in range(20):
        await shop.run(f"Spring {at}", limits={"most_uses": 5}, combination_sets=[f"of-{at}"])
    await shop.run("Codes", codes=["CODE"])
    cart = cart_of(*(line(f"SKU-{at}", 1, 100) for at in range(many)))
    await shop.evaluate(cart)
    asked.clear()
    carts = [CartAsked(cart, ["code"]) for _ in range(max(1, many // 20))]
    answers = await shop.campaigns.evaluator.evaluate(carts)
    assert len(asked) == 1
    assert [names(one) for one in answers] == [["Spring 0"]] * len(carts)


async def test_of_no_cart_nothing_is_asked(shop, asked):
    assert await shop.campaigns.evaluator.evaluate([]) == []
    assert asked == []
