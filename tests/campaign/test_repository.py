"""What the schema itself holds, that every statement fits it, and that of very many rows a part is read."""

from __future__ import annotations

import importlib
import pkgutil

import asyncpg
import pytest
from campaign.conftest import redemption
from tests.volume import ROWS, fill, read_by

from stoa.kit.ids import LAST, uuid7
from stoa.services import campaign
from stoa.services.campaign import coupons_repository, redemptions_repository, repository
from stoa.testing import prepare_all


async def test_every_statement_fits_the_schema(shop):
    modules = [
        importlib.import_module(f"{campaign.__name__}.{found.name}")
        for found in pkgutil.iter_modules(campaign.__path__)
        if found.name.endswith("repository")
    ]
    assert min([len(await prepare_all(shop.db, each)) for each in modules]) > 0


@pytest.mark.parametrize(
    ("sql", "constraint"),
    [
        ("UPDATE campaigns SET used = 3", "campaigns_used"),
        ("UPDATE campaigns SET used = -1", "campaigns_used"),
        ("UPDATE campaigns SET starts_at = now(), ends_at = now()", "campaigns_schedule"),
        ("UPDATE spending SET spent_minor = 1001", "spending_within_budget"),
        ("UPDATE spending SET spent_minor = -1", "spending_within_budget"),
        ("UPDATE coupons SET most_uses = 1, used = 2", "coupons_used"),
        ("UPDATE coupons SET used = -1", "coupons_used"),
        ("UPDATE coupons SET code = 'spring'", "coupons_code_check"),
        ("UPDATE customer_uses SET used = 2", "customer_uses_used"),
        ("UPDATE purchases SET state = 'released'", "purchases_check"),
    ],
)
async def test_the_schema_holds_the_rules_too(shop, sql, constraint):
    limits = {"most_uses": 2, "most_uses_per_customer": 1, "budget": [{"amount": 1000, "currency": "GBP"}]}
    spring = await shop.run(codes=["SPRING"], limits=limits)
    await shop.redeem(redemption(spring, "SPRING"))
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await shop.db.execute(sql)
    assert refused.value.constraint_name == constraint


async def test_of_very_many_rows_a_part_is_read(shop):
    spring = await shop.run(codes=["SPRING"], limits={"most_uses": 10**6})
    other = await shop.run()
    number = "lpad(to_hex(n), 32, '0')::uuid"
    await fill(shop.db, "coupons", "id, campaign_id, code", f"{number}, '{spring}', 'CODE-' || n")
    await fill(shop.db, "customer_uses", "campaign_id, user_id, used", f"'{spring}', {number}, 1")
    await fill(shop.db, "purchases", "checkout_id, order_id, state", f"{number}, {number}, 'redeemed'")
    await fill(
        shop.db,
        "redemptions",
        "checkout_id, campaign_id, currency, amount_minor, shipping_minor",
        f"{number}, '{spring}', 'GBP', 1, 0",
    )
    await shop.db.execute("UPDATE campaigns SET used = $1 WHERE id = $2", ROWS, spring)
    await shop.db.execute("INSERT INTO spending VALUES ($2, 'GBP', NULL, $1)", ROWS, spring)
    some = [f"{at:032x}" for at in range(500, 520)]
    users = [*some, uuid7()]
    codes = [f"CODE-{at}" for at in range(500, 520)]
    assert (await read_by(shop.db, repository.LOOK, codes, [other], users)).rows < 200
    assert (await read_by(shop.db, redemptions_repository.READ_KNOWN, some, codes, [spring], users)).rows < 200
    assert (await read_by(shop.db, redemptions_repository.CHECKOUTS_OF, some)).rows == 20
    assert (await read_by(shop.db, redemptions_repository.LOCK_REDEEMED, some)).rows < 200
    assert (await read_by(shop.db, redemptions_repository.RELEASE, some, some)).rows < 400
    assert (await read_by(shop.db, repository.WAS_REDEEMED, spring)).rows < 5
    for place in (f"{ROWS // 2:032x}", LAST):
        read = await read_by(shop.db, redemptions_repository.REDEMPTIONS_BEFORE, spring, place, 21)
        assert read.rows < 100
    assert (await read_by(shop.db, coupons_repository.COUPONS_AFTER, spring, "CODE-5", 21)).rows == 21


async def test_of_very_many_campaigns_those_that_run_are_read(shop):
    rules = "'{}', '{}', '[]', '{}'"
    await fill(
        shop.db,
        "campaigns",
        "id, name, state, by_coupon, priority, exclusive, combination_sets, selection, conditions, effects, limits",
        f"lpad(to_hex(n), 32, '0')::uuid, n::text, CASE WHEN n % 1000 = 0 THEN 'active' ELSE 'ended' END, false, 0,"
        f" false, '{{}}', {rules}",
    )
    running = ROWS // 1000
    assert (await read_by(shop.db, repository.RUNNING)).rows <= running + 1
    assert (await read_by(shop.db, repository.MEASURE)).rows == running
    assert (await read_by(shop.db, repository.CAMPAIGNS_IN_STATE, LAST, 21, "active")).rows == 21
    assert (await read_by(shop.db, repository.CAMPAIGNS_BEFORE, f"{ROWS // 2:032x}", 21)).rows == 21
