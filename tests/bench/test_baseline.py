"""An earlier commit's code, taken out of git."""

from __future__ import annotations

import pytest
from bench import baseline, goods, orders
from bench.baseline import NotInThisClone
from bench.shop import running


async def test_a_shop_of_a_commit_sells(tmp_path):
    # The latest commit: it is in every clone, however shallow.
    code = baseline.take_out(tmp_path / "code", "HEAD")
    async with running(tmp_path / "shop", "all-in-one", code) as shop:
        await goods.stock_up(shop, 1)
        bought = await orders.buy(shop, lambda _: goods.sku(0), 4, 2)
    assert 0 < bought.p50 <= bought.p99
    assert bought.rate > 0
    # It was not ours that ran.
    assert (code / "stoa" / "__pycache__").is_dir()


def test_a_commit_that_is_not_there_is_said_in_one_line(tmp_path):
    with pytest.raises(NotInThisClone) as refused:
        baseline.take_out(tmp_path / "code", "0" * 40)
    assert "git fetch --unshallow" in str(refused.value)
    assert "\n" not in str(refused.value)
