"""What a quick run leaves out, the baseline beside today's shop and the large shop; and that what it has is whole."""

from __future__ import annotations

import pytest
from bench import baseline, goods, report
from bench.plan import Plan
from bench.progress import Progress
from bench.run import run

PLAN = Plan(
    rounds=1,
    read_turns=1,
    order_seconds=0.1,
    most_orders=8,
    concurrency=(1, 2),
    crowds=(2,),
    baseline=True,
    buyers=6,
    pieces=2,
    copies=30,
    searched=(60, 120),
    questions=5,
    fresh=1,
    imported=30,
    saves=3,
    events=4,
    profiled=4,
    starts=1,
    journeys=1,
)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    # A commit that is in every clone, however shallow.
    monkeypatch.setattr(baseline, "COMMIT", "HEAD")
    monkeypatch.setattr(goods, "PRODUCTS", 10)


async def test_both_shops_sell_in_turns():
    results = await run(("orders", "flash"), PLAN, Progress())
    assert results.orders is not None
    assert results.orders.baseline is not None
    for level in results.orders.levels:
        assert level.baseline is not None
        assert level.ratios is not None
        assert level.ratios.rate == pytest.approx(level.today.rate / level.baseline.rate)
    assert results.flash is not None
    assert results.flash.baseline is not None
    assert "| ratio |" in report.body(results)


async def test_events_have_effects():
    results = await run(("events",), PLAN, Progress())
    sold_out, orders, products = results.events
    # Cart and search hear that a SKU sold out; inventory, search and media of a new product.
    assert sold_out.today.count == PLAN.events * 2
    assert orders.today.count >= PLAN.events
    assert products.today.count == PLAN.events // 2 * 20 * 3
    assert all(0 < each.today.p50 <= each.today.p99 for each in results.events)
    assert sold_out.baseline is not None
    # As often as it is heard in that commit.
    assert sold_out.baseline.count > 0
    assert sold_out.baseline.count % PLAN.events == 0


async def test_a_large_shop_sells():
    million = (await run(("million",), PLAN, Progress())).million
    assert million is not None
    assert million.size_bytes > PLAN.copies * 1000
    assert all(each.large.rate > 0 and each.empty.rate > 0 for each in million.grown)


async def test_what_is_searched_is_found():
    sizes = (await run(("search",), PLAN, Progress())).search
    assert [each.products for each in sizes] == [*PLAN.searched]
    for size in sizes:
        assert size.made.size_bytes > 0
        assert 0 < size.fresh_p50 <= size.fresh_most
        assert all(0 < took.p50 <= took.p99 for kind in size.kinds for took in (kind.service, kind.gateway))
        assert [kind.what for kind in size.kinds if kind.plain] != []


async def test_a_file_comes_in_and_variants_cost_no_statements():
    catalog = (await run(("catalog",), PLAN, Progress())).catalog
    assert catalog is not None
    assert catalog.imported.copied > 2 * PLAN.imported
    one, many = ({name: act.statements for name, act in catalog.acts[each].items()} for each in (1, 1000))
    assert one == many
    assert all(one.values())


async def test_reservations_are_made_and_released_on_both_sides():
    levels = (await run(("reservations",), PLAN, Progress())).reservations
    assert [each.concurrency for each in levels] == [*PLAN.concurrency]
    for each in levels:
        for side in (each.hot, each.spread):
            assert side.reserved.rate > 0
            assert side.released.rate > 0
        assert each.beside_spread == pytest.approx(each.spread.reserved.rate / each.pgbench_spread.rate)
