"""What checkouts use is counted once, never beyond a limit, and given back once."""

from __future__ import annotations

import asyncio

import pytest
from campaign.conftest import gbp, redemption

from stoa.kit.ids import uuid7

FREE = ""


async def test_what_is_used_is_counted(shop):
    spring = await shop.run(codes=["SPRING"], limits={"budget": [gbp(1000)], "most_uses_per_customer": 2})
    ada = uuid7()
    assert (
        await shop.redeem(redemption(spring, "SPRING", 300, user_id=ada), redemption(spring, "SPRING", 40))
        == [FREE] * 2
    )
    assert await shop.counted(spring) == (2, 340)
    assert await shop.of_coupon("SPRING") == 2
    uses = await shop.db.fetch("SELECT used FROM customer_uses WHERE user_id = $1", ada)
    assert [row["used"] for row in uses] == [1]


async def test_a_repeat_changes_nothing_and_answers_the_same(shop):
    spring = await shop.run(codes=["SPRING"], limits={"most_uses": 1})
    once = redemption(spring, "SPRING")
    assert await shop.redeem(once) == [FREE]
    before = await shop.everything()
    assert await shop.redeem(once, once) == [FREE, FREE]
    await shop.say(spring, state="ended")
    assert await shop.redeem(once) == [FREE]
    assert [[tuple(row) for row in rows] for rows in (await shop.everything())[1:]] == [
        [tuple(row) for row in rows] for rows in before[1:]
    ]


async def test_the_same_checkout_twice_in_one_wave_is_one(shop):
    spring = await shop.run(limits={"most_uses": 1})
    once = redemption(spring)
    assert await shop.redeem(once, once) == [FREE, FREE]
    assert await shop.counted(spring) == (1, 100)


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        ({"state": "paused"}, "campaign-over"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "campaign-over"),
        ({"limits": {"most_uses": 1}}, "campaign-used-up"),
        ({"limits": {"most_uses_per_customer": 1}}, "customer-used-up"),
        ({"conditions": {"first_order": True}}, "customer-used-up"),
        ({"limits": {"budget": [gbp(199)]}}, "budget-spent"),
    ],
)
async def test_what_cannot_be_used_any_more_changes_nothing(shop, said, slug):
    ada = uuid7()
    fine = await shop.run()
    spring = await shop.run(codes=["SPRING"])
    assert await shop.redeem(redemption(spring, "SPRING", user_id=ada)) == [FREE]
    await shop.say(spring, **said)
    before = await shop.everything()
    both = [*redemption(fine).uses, *redemption(spring, "SPRING").uses]
    outcomes = await asyncio.gather(
        shop.campaigns.redeeming.submit(redemption(spring, uses=both, user_id=ada)), return_exceptions=True
    )
    [problem] = outcomes
    assert (problem.slug, problem.status, problem.members) == (slug, 409, {"campaign_id": spring, "code": "SPRING"})
    assert await shop.everything() == before


async def test_codes_that_are_not_taken(shop):
    spring = await shop.run(codes=["SPRING", "ONCE", "GONE"])
    await shop.db.execute("UPDATE coupons SET most_uses = 1 WHERE code = 'ONCE'")
    await shop.db.execute("UPDATE coupons SET revoked_at = now() WHERE code = 'GONE'")
    other = await shop.run(codes=["OTHER"])
    assert await shop.redeem(
        redemption(spring, "ONCE"),
        redemption(spring, "ONCE"),
        redemption(spring, "GONE"),
        redemption(spring, "WINTER"),
        redemption(spring, "OTHER"),
        redemption(other, "OTHER"),
        redemption(uuid7()),
    ) == [FREE, "coupon-used-up", "coupon-over", "coupon-over", "coupon-over", FREE, "campaign-over"]


async def test_who_is_refused_leaves_the_last_to_the_next(shop):
    """All that a checkout uses or nothing: who cannot have one of two does not take the other from somebody."""
    last, gone = await shop.run(limits={"most_uses": 1}), await shop.run(limits={"budget": [gbp(10)]})
    both = [*redemption(last).uses, *redemption(gone, amount=11).uses]
    assert await shop.redeem(redemption(last, uses=both), redemption(last)) == ["budget-spent", FREE]


async def test_of_two_hundred_one_gets_a_code_that_is_for_one(shop, another):
    spring = await shop.run(codes=["SPRING"])
    await shop.db.execute("UPDATE coupons SET most_uses = 1 WHERE code = 'SPRING'")
    processes = [shop, another(), another()]
    outcomes = await asyncio.gather(*(processes[at % 3].redeem(redemption(spring, "SPRING", 250)) for at in range(200)))
    slugs = [slug for [slug] in outcomes]
    assert (slugs.count(FREE), slugs.count("coupon-used-up")) == (1, 199)
    assert (await shop.counted(spring), await shop.of_coupon("SPRING")) == ((1, 250), 1)


async def test_a_customer_in_two_windows_uses_it_once(shop, another):
    spring, ada = await shop.run(limits={"most_uses_per_customer": 1}), uuid7()
    outcomes = await asyncio.gather(
        *(each.redeem(redemption(spring, user_id=ada)) for each in [shop, another()] for _ in range(20))
    )
    assert sorted(slug for [slug] in outcomes) == [FREE, *["customer-used-up"] * 39]


async def test_campaigns_in_every_order_do_not_meet(shop, another):
    """Each process has them in another order, and others give back meanwhile."""
    ids = [await shop.run() for _ in range(4)]
    processes = [shop, another(), another()]
    asked = [
        redemption(ids[0], uses=[use for each in order for use in redemption(each).uses])
        for order in (ids, ids[::-1], ids[2:] + ids[:2])
        for _ in range(30)
    ]
    outcomes = await asyncio.gather(*(processes[at % 3].redeem(one) for at, one in enumerate(asked)))
    assert {slug for [slug] in outcomes} == {FREE}
    await asyncio.gather(*(processes[at % 3].release(one.checkout_id) for at, one in enumerate(asked) if at % 2))
    assert [await shop.counted(each) for each in ids] == [(45, 4500)] * 4


async def test_what_is_given_back_is_free_again_once(shop):
    spring, ada = await shop.run(codes=["SPRING"], limits={"most_uses": 1, "most_uses_per_customer": 1}), uuid7()
    first = redemption(spring, "SPRING", 250, user_id=ada)
    await shop.redeem(first)
    for _ in range(2):
        await shop.release(first.checkout_id)
        assert (await shop.counted(spring), await shop.of_coupon("SPRING")) == ((0, 0), 0)
    assert await shop.redeem(first) == ["redemption-released"]
    assert await shop.redeem(redemption(spring, "SPRING", user_id=ada)) == [FREE]


async def test_what_is_given_back_before_it_comes_never_comes(shop):
    spring = await shop.run()
    late = redemption(spring)
    await shop.release(late.checkout_id, late.checkout_id)
    await shop.release(late.checkout_id)
    assert await shop.redeem(late) == ["redemption-released"]
    assert await shop.counted(spring) == (0, 0)


async def test_redeem_and_release_at_the_same_moment_end_released(shop, another):
    spring, other = await shop.run(), another()
    asked = [redemption(spring) for _ in range(60)]
    await asyncio.gather(*(act for one in asked for act in (shop.redeem(one), other.release(one.checkout_id))))
    assert await shop.counted(spring) == (0, 0)
    states = await shop.db.fetch("SELECT state, count(*) FROM purchases GROUP BY state")
    assert [tuple(row) for row in states] == [("released", 60)]


async def test_a_canceled_order_gives_its_uses_back_once(shop):
    spring = await shop.run()
    first, second, third = (redemption(spring) for _ in range(3))
    await shop.redeem(first, second, third)
    await shop.cancel(first.order_id, second.order_id, uuid7())
    await shop.cancel(first.order_id)
    assert await shop.counted(spring) == (1, 100)
    await shop.release(first.checkout_id)
    assert await shop.counted(spring) == (1, 100)


@pytest.mark.parametrize("many", [1, 20, 200])
async def test_statements_are_as_many_for_any_number(shop, many, asked):
    campaigns = [await shop.run(codes=[f"CODE-{at}"]) for at in range(3)]
    wave = [redemption(campaigns[at % 3], f"CODE-{at % 3}") for at in range(many)]
    asked.clear()
    assert set(await shop.redeem(*wave)) == {FREE}
    assert len([sql for sql in asked if not sql.startswith(("BEGIN", "COMMIT"))]) == 3
    asked.clear()
    await shop.release(*(one.checkout_id for one in wave))
    assert len([sql for sql in asked if not sql.startswith(("BEGIN", "COMMIT"))]) == 2
