"""Faults on purpose: what they do, and that they do the same in process and on the wire."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.kit.channels.neighbor import Neighbor, reserve_request

from stoa.contracts.inventory.v1.inventory_pb2 import GetStockRequest, Reservation, ReserveResponse
from stoa.kit import problems
from stoa.kit.channels import DeadlineExceeded, Faults
from stoa.kit.channels.faults import repeatable


async def outcomes(neighbor: Neighbor, text: str, calls: int) -> str:
    """A letter for each call: answered, delivered twice, refused, lost."""
    stub = neighbor.stub(Faults.parse(text))
    letters = []
    for n in range(calls):
        before = len(neighbor.inventory.reserved)
        try:
            await stub.Reserve(reserve_request(f"k-{n}"))
        except problems.Unavailable:
            letters.append("l" if len(neighbor.inventory.reserved) > before else "r")
        else:
            letters.append("-at"[len(neighbor.inventory.reserved) - before])
    return "".join(letters)


async def test_the_seed_decides_alike_on_both_transports(neighbor: Neighbor) -> None:
    text = "status=0.2:UNAVAILABLE,duplicate=0.3,drop=0.2;seed=7"
    assert await outcomes(neighbor, text, 40) == "arlaraaaaaratartaarlatlaatrtlaataartaaar"


async def test_another_seed_decides_otherwise(neighbor: Neighbor) -> None:
    text = "status=0.2:UNAVAILABLE,duplicate=0.3,drop=0.2;seed=8"
    assert await outcomes(neighbor, text, 40) == "tlrrallaaarrattaalalrarartaatlaalatrtata"


async def test_one_faults_probability_does_not_move_the_others(neighbor: Neighbor) -> None:
    alone = await outcomes(neighbor, "drop=0.2;seed=7", 40)
    together = await outcomes(neighbor, "duplicate=1,drop=0.2;seed=7", 40)
    assert together == alone.replace("a", "t")


async def test_a_repeatable_call_is_delivered_twice_and_the_second_answer_counts(neighbor: Neighbor) -> None:
    async def count(request, servicer_context):
        return ReserveResponse(reservation=Reservation(id=str(len(neighbor.inventory.reserved))))

    neighbor.inventory.on_reserve = count
    answer = await neighbor.stub(Faults.parse("duplicate=1.0")).Reserve(reserve_request("k-1"))
    assert neighbor.inventory.reserved == ["k-1", "k-1"]
    assert answer.reservation.id == "2"


def test_only_the_contract_makes_a_call_repeatable() -> None:
    assert repeatable("/stoa.inventory.v1.InventoryService/Reserve")  # IDEMPOTENT
    assert repeatable("/stoa.inventory.v1.InventoryService/GetStock")  # NO_SIDE_EFFECTS
    assert not repeatable("/stoa.inventory.v1.InventoryService/NoSuchMethod")
    assert not repeatable("/stoa.nowhere.v1.Service/Method")


async def test_a_dropped_answer_looks_like_a_dead_neighbor_after_the_handler_ran(neighbor: Neighbor) -> None:
    with pytest.raises(problems.Unavailable) as caught:
        await neighbor.stub(Faults.parse("drop=1")).Reserve(reserve_request("k-1"))
    assert not isinstance(caught.value, DeadlineExceeded)
    assert neighbor.inventory.reserved == ["k-1"]


async def test_a_dropped_answer_can_cost_the_whole_deadline(neighbor: Neighbor) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await neighbor.stub(Faults.parse("drop=1:DEADLINE_EXCEEDED")).Reserve(reserve_request("k-1"), timeout=0.3)
    assert time.monotonic() - started >= 0.29
    assert neighbor.inventory.reserved == ["k-1"]


async def test_a_refused_call_never_leaves(neighbor: Neighbor) -> None:
    with pytest.raises(problems.Unavailable):
        await neighbor.stub(Faults.parse("status=1:UNAVAILABLE")).Reserve(reserve_request())
    assert neighbor.inventory.reserved == []


async def test_a_late_call_arrives_late(neighbor: Neighbor) -> None:
    started = time.monotonic()
    await neighbor.stub(Faults.parse("latency=1:0.2")).Reserve(reserve_request())
    assert time.monotonic() - started >= 0.19


async def test_lateness_ends_at_the_deadline_and_the_call_never_leaves(neighbor: Neighbor) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await neighbor.stub(Faults.parse("latency=1:60")).Reserve(reserve_request(), timeout=0.2)
    assert time.monotonic() - started < 5
    assert neighbor.inventory.reserved == []


async def test_a_call_that_a_fault_holds_can_be_canceled(neighbor: Neighbor) -> None:
    call = neighbor.stub(Faults.parse("latency=1:60")).Reserve(reserve_request())
    await asyncio.sleep(0)
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert neighbor.inventory.reserved == []


async def test_canceling_a_call_with_faults_cancels_the_handler(neighbor: Neighbor) -> None:
    entered, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(request, servicer_context):
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    neighbor.inventory.on_reserve = hang
    call = neighbor.stub(Faults.parse("duplicate=1")).Reserve(reserve_request())
    await asyncio.wait_for(entered.wait(), 5)
    call.cancel()
    await asyncio.wait_for(cancelled.wait(), 5)
    assert neighbor.inventory.reserved == ["k-1"]


async def test_the_first_part_that_fits_a_method_counts(neighbor: Neighbor) -> None:
    stub = neighbor.stub(Faults.parse("InventoryService/Get* status=1:UNAVAILABLE; * drop=0"))
    with pytest.raises(problems.Unavailable):
        await stub.GetStock(GetStockRequest())
    await stub.Reserve(reserve_request())
    assert neighbor.inventory.reserved == ["k-1"]


def test_nothing_asked_for_is_no_faults() -> None:
    assert Faults.parse("") is None
    assert Faults.parse(" ; seed=7; ") is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("explode=1", "explode=1"),
        ("duplicate=often", "duplicate=often"),
        ("duplicate=1.5", "duplicate=1.5"),
        ("duplicate=1:2", "duplicate=1:2"),
        ("latency=0.5", "latency=0.5"),
        ("status=0.5", "status=0.5"),
        ("status=0.5:BROKEN", "status=0.5:BROKEN"),
        ("drop=0.5:NOT_FOUND", "drop=0.5:NOT_FOUND"),
        ("duplicate=1,", ""),
        ("seed=x", "seed=x"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, named: str) -> None:
    with pytest.raises(ValueError, match="not a") as caught:
        Faults.parse(text)
    assert repr(named) in str(caught.value)
