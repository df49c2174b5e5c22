"""What other services ask of inventory, through the channel that they use."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

import pytest

from stoa.cli import seed
from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1 import inventory_pb2 as pb
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub, add_InventoryServiceServicer_to_server
from stoa.kit import clock
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.ids import uuid7
from stoa.kit.many import UnderWay, results_of
from stoa.kit.problems import Problem, Unprocessable
from stoa.services.inventory.items import Policy
from stoa.services.inventory.receipts_repository import Incoming, incoming_of
from stoa.services.inventory.rpc import InventoryServicer

ORDER = "018f0000-0000-7000-8000-000000000001"
TRANSFER = "018f0000-0000-7000-8000-000000000002"
RECEIPT = "018f0000-0000-7000-8000-000000000003"
ANNEX = pb.ImportSupplyRequest.Warehouse(id="annex", name="Annex", priority=9, country="GB", postal_code="LS1 4DY")


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
        pb.Stock(sku="A", on_hand=5, reserved=3, available=2, available_to_promise=2),
        pb.Stock(sku="B", on_hand=2, reserved=1, available=1, available_to_promise=1),
    ]
    assert (await stub.Release(pb.ReleaseRequest(key="k"))).state == pb.RESERVATION_STATE_RELEASED
    assert (await shop.stock("A"), await shop.stock("B")) == ((5, 0), (2, 0))


async def test_what_is_still_to_come_of_a_reservation_is_told_until_it_is_there(stub, shop):
    await shop.put("A", 1)
    await shop.backorder("A", 10)
    await shop.backorder("B", 10)
    await shop.promise("k", ORDER, A=3, B=2)
    await shop.promise("given-up", uuid7(), A=1)

    async def owed(key="k"):
        found = (await stub.GetReservation(pb.GetReservationRequest(key=key))).reservation
        return list(found.owed)

    assert await owed() == lines(("A", 2), ("B", 2))
    await shop.put("B", 2)
    assert await owed() == lines(("A", 2))
    await shop.hear("order.placed", order_id=ORDER, items=[{"sku": "A", "quantity": 3}, {"sku": "B", "quantity": 2}])
    assert await owed() == lines(("A", 2)), "it is sold, and waits"
    await shop.put("A", 1)
    assert await owed() == lines(("A", 1))
    await stub.Release(pb.ReleaseRequest(key="given-up"))
    assert await owed("given-up") == [], "nobody waits for what was given up"
    await shop.put("A", 1)
    assert await owed() == []


async def test_what_can_be_bought_is_told_with_its_promise(stub, shop):
    await shop.put("A", 5)
    await shop.policy("A", policy=Policy.BACKORDER, limit=10, lead_days=14, safety_stock={"main": 2})
    await shop.policy("B", policy=Policy.PREORDER, limit=3, available_on=date(2099, 1, 1))
    await shop.policy("C", policy=Policy.BACKORDER, limit=1, lead_days=14)
    await shop.reserve("k", A=4, C=1)
    answer = await stub.GetStock(pb.GetStockRequest(skus=["A", "B", "C"]))
    day = (clock.now() + timedelta(days=14)).date().isoformat()
    assert {one.sku: (one.available, one.available_to_promise, one.backorder) for one in answer.stock} == {
        "A": (2, 9, 9),
        "B": (0, 3, 3),
        "C": (0, 0, 0),
    }
    assert {one.sku: (one.later, one.promised_on) for one in answer.stock} == {
        "A": (pb.LATER_SHIPS_BY, day),
        "B": (pb.LATER_PREORDER_FROM, "2099-01-01"),
        "C": (pb.LATER_UNSPECIFIED, ""),
    }
    assert [one.safety_stock for one in answer.stock if one.sku == "A"] == [2]


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


async def test_who_is_owed_something_is_told_when_it_comes_and_so_is_who_asks_again(stub, shop, monkeypatch):
    await shop.put("A", 2)
    await shop.policy("A", policy=Policy.BACKORDER, limit=10, lead_days=14)
    await shop.policy("B", policy=Policy.PREORDER, limit=3, available_on=date(2099, 1, 1))
    today = clock.now()
    wave = pb.ReserveManyRequest(
        requests=[promise("there", ("A", 1)), promise("too-many", ("B", 4)), promise("k", ("A", 2), ("B", 1))]
    )
    there, too_many, later = (await stub.ReserveMany(wave)).promises
    assert (list(there.promises), list(too_many.promises)) == ([], [])
    told = [
        pb.Promise(sku="A", later=pb.LATER_SHIPS_BY, on=(today + timedelta(days=14)).date().isoformat()),
        pb.Promise(sku="B", later=pb.LATER_PREORDER_FROM, on="2099-01-01"),
    ]
    assert list(later.promises) == told
    await shop.policy("A", policy=Policy.BACKORDER, limit=10, lead_days=28)
    await shop.policy("B")
    monkeypatch.setattr(clock, "now", lambda: today + timedelta(days=3))
    assert list((await stub.ReserveMany(wave)).promises[2].promises) == told, "it is what it was told first"
    found = (await stub.GetReservation(pb.GetReservationRequest(key="k"))).reservation
    assert list(found.promises) == told
    await shop.put("A", 8)
    await shop.put("B", 8)
    assert not (await stub.ReserveMany(wave)).promises, "it is all there"


async def settled(stub, wave, results) -> list[object]:
    """The results of a wave, with those that were under way asked for again, as a checkout does."""
    for at, result in enumerate(results):
        if isinstance(result, UnderWay):
            (results[at],) = results_of((await stub.ReserveMany(pb.ReserveManyRequest(requests=[wave[at]]))).outcomes)
    return results


def on_the_way(quantity: int = 4) -> pb.ImportOnTheWayRequest:
    return pb.ImportOnTheWayRequest(
        transfers=[
            pb.ImportOnTheWayRequest.Transfer(
                id=TRANSFER, source="main", destination="annex", lines=lines(("A", quantity)), expected_in_days=2
            )
        ],
        receipts=[
            pb.ImportOnTheWayRequest.Receipt(
                id=RECEIPT, supplier="Potters & Co", warehouse_id="main", lines=lines(("B", 7)), expected_in_days=9
            )
        ],
    )


async def test_what_is_on_its_way_comes_in_once(stub, shop):
    await stub.ImportSupply(pb.ImportSupplyRequest(warehouses=[ANNEX]))
    await stub.ImportStock(pb.ImportStockRequest(lines=lines(("A", 5))))
    for added in (2, 0):
        answer = await stub.ImportOnTheWay(on_the_way())
        assert (answer.added, answer.already_there) == (added, 2 - added)
    today = clock.now().date()
    assert await incoming_of(shop.db, ["A", "B"]) == [
        Incoming("A", "annex", 4, today + timedelta(days=2)),
        Incoming("B", "main", 7, today + timedelta(days=9)),
    ]
    assert await shop.stock("A") == (1, 0)
    await shop.assert_sound()


async def test_what_was_drafted_is_sent_when_there_is_enough(stub, shop):
    await stub.ImportSupply(pb.ImportSupplyRequest(warehouses=[ANNEX]))
    await stub.ImportStock(pb.ImportStockRequest(lines=lines(("A", 5))))
    assert (await refusal(stub.ImportOnTheWay(on_the_way(6)))).slug == "out-of-stock"
    assert await shop.stock("A") == (5, 0)
    await shop.put("A", 6)
    answer = await stub.ImportOnTheWay(on_the_way(6))
    assert (answer.added, answer.already_there) == (1, 1)
    assert await shop.stock("A") == (0, 0)
    await shop.assert_sound()


async def test_the_demo_shop_has_supply_and_goods_on_their_way(stub, shop):
    goods = seed.assortment()
    stock = [(each.sku, each.stock) for one in goods.category for product in one.product for each in product.variants]
    await stub.ImportStock(pb.ImportStockRequest(lines=lines(*stock)))
    for _ in range(2):
        await stub.ImportSupply(seed.supply(goods))
        await stub.ImportOnTheWay(seed.on_the_way(goods))
    states = "SELECT state FROM transfers UNION ALL SELECT state FROM receipts"
    assert [row["state"] for row in await shop.db.fetch(states)] == ["sent", "expected"]
    assert (await shop.stock("PEN-B", "main"), await shop.stock("PEN-B", "north")) == ((12, 0), (6, 0))
    assert [await shop.to_promise(sku) for sku in ("WEEKENDER-40", "BLANKET-SLATE", "MUG-RED")] == [10 + 20, 40, 35 - 5]
    await shop.assert_sound()


async def test_supply_is_imported_where_there_is_none(stub, shop):
    await shop.put("A", 5)
    supply = pb.ImportSupplyRequest(
        warehouses=[ANNEX],
        shelves=[
            pb.ImportSupplyRequest.Shelf(sku=sku, warehouse_id=warehouse, quantity=3)
            for sku, warehouse in (("A", "main"), ("A", "annex"), ("B", "annex"))
        ],
        policies=[
            pb.ImportSupplyRequest.Policy(sku="A", policy="backorder", limit=4, lead_days=2, safety_stock={"annex": 1})
        ],
    )
    await stub.ImportSupply(supply)
    await shop.policy("B", policy=Policy.BACKORDER, limit=1, lead_days=1)
    supply.policies.add(sku="B", policy="none")
    await stub.ImportSupply(supply)
    assert [await shop.stock(*place) for place in (("A", "main"), ("A", "annex"), ("B", "annex"))] == [
        (5, 0),
        (3, 0),
        (3, 0),
    ]
    assert (await shop.to_promise("A"), await shop.to_promise("B")) == (5 + 2 + 4, 3 + 1)
    assert await shop.movements("A") == [("opening", 5), ("opening", 3)]
    refused = await refusal(
        stub.ImportSupply(pb.ImportSupplyRequest(warehouses=[pb.ImportSupplyRequest.Warehouse(id="No Id", name="N")]))
    )
    assert (refused.status, refused.field) == (422, "warehouses[0].id")
    await shop.assert_sound()
