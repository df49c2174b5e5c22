"""What a captured order becomes for pgbench."""

from __future__ import annotations

from bench import goods
from bench.script import ONE_SKU, PREAMBLE, Script, sku_of_each

CLIENTS = 64


def _skus(client: int, runs: int) -> list[int]:
    variable, _, expression = sku_of_each().removeprefix("\\set ").partition(" ")
    assert variable == "sku"
    # pgbench's arithmetic is Python's where nothing is below zero.
    read = expression.replace(":n", "{n}").replace(":client_id", "{client}")
    return [eval(read.format(n=n, client=client)) for n in range(1, runs + 1)]


def test_clients_in_step_want_different_skus() -> None:
    for at_once in zip(*(_skus(client, 5) for client in range(CLIENTS)), strict=True):
        assert len(set(at_once)) == CLIENTS


def test_a_client_goes_round_the_whole_assortment() -> None:
    assert sorted(_skus(3, goods.PRODUCTS)) == list(range(goods.FIRST, goods.FIRST + goods.PRODUCTS))


def test_on_one_sku_it_is_one_sku() -> None:
    script = Script(PREAMBLE + sku_of_each(), sku_of_each(), {}).on_one_sku()
    assert (script.cart, script.order) == (PREAMBLE + ONE_SKU, ONE_SKU)
