"""What other services ask of inventory, through the channel that they use."""

from __future__ import annotations

from functools import partial

import pytest

from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1 import inventory_pb2 as pb
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub, add_InventoryServiceServicer_to_server
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.many import UnderWay, results_of
from stoa.kit.problems import Problem, Unprocessable
from stoa.services.inventory.rpc import InventoryServicer

ORDER = "018f0000-0000-7000-8000-000000000001"


@pytest.fixture
def stub(shop):
    registry = Registry()
    partial(add_InventoryServiceServicer_to_server, InventoryServicer(shop.inventory))(registry)
    return InventoryServiceStub(InProcessChannel(registry))


def lines(*some: tuple[str, int]) -> list[Line]:
    return [Line(sku=sku, quantity=units) for sku, units in some]


async def refusal(call) -> Problem:
    with pytest.raises(Problem) as refused:
        await call
    return refused.value


async def test_the_way_of_a_reservation(stub, shop):
    await stub.ImportStock(pb.ImportStockRequest(lines=lines(("A", 5), ("B", 2))))
    held = (await stub.Reserve(pb.ReserveRequest(key="k", lines=lines(("A", 2), ("B", 1), ("A", 1))))).reservation
    assert (held.key, held.state, list(held.lines)) == ("k", pb.RESERVATION_STATE_HELD, lines(("A", 3), ("B", 1)))
    assert held.expires_at == (await shop.reservation("k")).expires_at.isoformat()
    assert (await stub.GetReservation(pb.GetReservationRequest(key="k"))).reservation == held
    allocated = (await stub.Allocate(pb.AllocateRequest(key="k", order_id=ORDER.upper()))).reservation
    assert (allocated.id, allocated.state) == (held.id, pb.RESERVATION_STATE_ALLOCATED)
    answer = await stub.GetStock(pb.GetStockRequest(skus=["B", "A", "UNKNOWN"]))
    assert sorted(answer.stock, key=lambda one: one.sku) == [
        pb.Stock(sku="A", on_hand=5, reserved=3, available=2),
        pb.Stock(sku="B", on_hand=2, reserved=1, available=1),
    ]
    assert (await stub.Release(pb.ReleaseRequest(key="k"))).state == pb.RESERVATION_STATE_RELEASED
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (2, 0))


async def test_refusals_arrive_as_the_problems_they_are(stub, shop):
    await shop.put("A", 1)
    short = await refusal(stub.Reserve(pb.ReserveRequest(key="k", lines=lines(("A", 2), ("NONE", 1)))))
    assert (short.type, short.status) == ("/problems/out-of-stock", 409)
    assert short.members["skus"] == [
        {"sku": "A", "requested": 2, "available": 1},
        {"sku": "NONE", "requested": 1, "available": 0},
    ]
    unknown = await refusal(stub.GetReservation(pb.GetReservationRequest(key="k")))
    assert (unknown.type, unknown.status) == ("/problems/no-such-reservation", 404)
    await stub.Release(pb.ReleaseRequest(key="k"))
    for call in (
        stub.Reserve(pb.ReserveRequest(key="k", lines=lines(("A", 1)))),
        stub.Allocate(pb.AllocateRequest(key="k", order_id=ORDER)),
    ):
        assert (await refusal(call)).type == "/problems/reservation-released"
    assert await shop.stock("A") == (1, 0)


@pytest.mark.parametrize(
    ("key", "some", "field"),
    [
        ("", [("A", 1)], "key"),
        ("a\0b", [("A", 1)], "key"),
        ("x" * 256, [("A", 1)], "key"),
        ("k", [], "lines"),
        ("k", [("A", 0)], "lines[0].quantity"),
        ("k", [("A", 1), ("A", -1)], "lines[1].quantity"),
        ("k", [("A", 100_001)], "lines[0].quantity"),
        ("k", [("", 1)], "lines[0].sku"),
        ("k", [("A", 1)] * 1001, "lines"),
    ],
)
async def test_what_cannot_be_reserved(stub, shop, key, some, field):
    await shop.put("A", 5000)
    problem = await refusal(stub.Reserve(pb.ReserveRequest(key=key, lines=lines(*some))))
    assert (problem.status, problem.field) == (422, field)
    assert await shop.stock("A") == (5000, 0)


async def test_an_import_is_repeated_without_effect(stub, shop):
    request = pb.ImportStockRequest(lines=lines(("A", 5), ("B", 2), ("A", 1)))
    answers = [await stub.ImportStock(request) for _ in range(2)]
    assert [(one.added, one.already_there) for one in answers] == [(2, 0), (0, 2)]
    assert (await shop.stock("A"), await shop.stock("B")) == ((6, 0), (2, 0))


async def test_an_order_is_an_id(stub):
    problem = await refusal(stub.Allocate(pb.AllocateRequest(key="k", order_id="order-1")))
    assert (problem.status, problem.field) == (422, "order_id")


def promise(key: str, *some: tuple[str, int], order_id: str = ORDER) -> pb.ReserveRequest:
    return pb.ReserveRequest(key=key, lines=lines(*some), order_id=order_id)


async def test_what_is_reserved_for_an_order_says_so(stub, shop):
    await shop.put("A", 5)
    answer = await stub.Reserve(promise("k", ("A", 2), order_id=ORDER.upper()))
    assert (answer.reservation.state, answer.reservation.expires_at) == (pb.RESERVATION_STATE_ALLOCATED, "")
    assert (await shop.reservation("k")).order_id == ORDER
    problem = await refusal(stub.Reserve(promise("other", ("A", 1), order_id="order-1")))
    assert (problem.status, problem.field) == (422, "order_id")
    assert await shop.stock("A") == (5, 2)


async def test_each_of_a_wave_is_answered_for_itself(stub, shop):
    await shop.put("A", 3)
    await stub.Release(pb.ReleaseRequest(key="spent"))
    wave = [
        promise("first", ("A", 2)),
        promise("", ("A", 1)),
        promise("too-many", ("A", 2)),
        promise("nobody", ("A", 1), order_id="order-1"),
        promise("spent", ("A", 1)),
        promise("last", ("A", 1)),
        promise("first", ("A", 2)),
    ]
    for _ in range(2):
        answer = await stub.ReserveMany(pb.ReserveManyRequest(requests=wave))
        results = await settled(stub, wave, results_of(answer.outcomes))
        assert [getattr(one, "slug", "done") for one in results] == [
            "done",
            "unprocessable",
            "out-of-stock",
            "unprocessable",
            "reservation-released",
            "done",
            "done",
        ]
        assert [one.field for one in results if isinstance(one, Unprocessable)] == ["key", "order_id"]
    assert await shop.stock("A") == (3, 3)
    assert await stub.ReserveMany(pb.ReserveManyRequest()) == pb.ReserveManyResponse()


async def settled(stub, wave, results) -> list[object]:
    """The results of a wave, with those that were under way asked for again, as a checkout does."""
    for at, result in enumerate(results):
        if isinstance(result, UnderWay):
            (results[at],) = results_of((await stub.ReserveMany(pb.ReserveManyRequest(requests=[wave[at]]))).outcomes)
    return results
