"""What the checkout reads and clears."""

import pytest

from stoa.contracts.cart.v1.cart_pb2 import (
    ClearCartRequest,
    ClearManyRequest,
    GetCartRequest,
    GetCartResponse,
    GetManyRequest,
)
from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceStub
from stoa.contracts.common.v1.common_pb2 import Line
from stoa.kit import problems
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.ids import uuid7
from stoa.kit.many import results_of
from stoa.kit.problems import NotFound


@pytest.fixture
def stub(shop):
    return CartServiceStub(InProcessChannel(shop.registry))


async def test_whose_cart_is_read(stub, fill):
    ada, eve = uuid7(), uuid7()
    mine = await fill({"MUG": 2, "SPOON": 1}, user_id=ada)
    guests = await fill({"FORK": 1})
    for request in (GetCartRequest(user_id=ada), GetCartRequest(user_id=ada, cart_id=mine.id)):
        cart = await stub.GetCart(request)
        assert (cart.cart_id, cart.round) == (ada, 0)
        assert {line.sku: line.quantity for line in cart.lines} == {"MUG": 2, "SPOON": 1}
    for caller in ("", ada):
        cart = await stub.GetCart(GetCartRequest(user_id=caller, cart_id=guests.id))
        assert [line.sku for line in cart.lines] == ["FORK"]
    nothing = await stub.GetCart(GetCartRequest(user_id=eve))
    assert (nothing.cart_id, nothing.round, list(nothing.lines)) == (eve, 0, [])
    for request in (
        GetCartRequest(cart_id=ada),
        GetCartRequest(user_id=eve, cart_id=ada),
        GetCartRequest(cart_id=uuid7()),
        GetCartRequest(),
    ):
        with pytest.raises(problems.NotFound) as refusal:
            await stub.GetCart(request)
        assert (refusal.value.type, refusal.value.field) == ("/problems/cart-not-found", "cart_id")


async def test_clearing_twice(stub, fill, lines):
    cart = await fill({"MUG": 2, "SPOON": 1})
    read = await stub.GetCart(GetCartRequest(cart_id=cart.id))
    await fill({"MUG": 2, "SPOON": 4}, cart_id=cart.id)
    bought = [Line(sku=line.sku, quantity=line.quantity) for line in read.lines]
    for _ in range(2):
        await stub.ClearCart(ClearCartRequest(cart_id=cart.id, round=read.round, lines=bought))
        assert await lines(cart.id) == {"SPOON": 3}
        assert (await stub.GetCart(GetCartRequest(cart_id=cart.id))).round == read.round + 1


async def test_many_carts_are_read_and_cleared_each_with_an_outcome_of_its_own(stub, fill, lines):
    ada, eve = uuid7(), uuid7()
    await fill({"MUG": 2}, user_id=ada)
    guests = await fill({"FORK": 1})
    asked = [
        GetCartRequest(user_id=ada),
        GetCartRequest(user_id=eve, cart_id=ada),
        GetCartRequest(cart_id=guests.id),
        GetCartRequest(user_id=eve),
        GetCartRequest(),
    ]
    read = results_of((await stub.GetMany(GetManyRequest(requests=asked))).outcomes)
    assert [one.field if isinstance(one, NotFound) else one for one in read] == [
        await stub.GetCart(asked[0]),
        "cart_id",
        await stub.GetCart(asked[2]),
        GetCartResponse(cart_id=eve),
        "cart_id",
    ]
    bought = [ClearCartRequest(cart_id=one, lines=[Line(sku="MUG", quantity=1)]) for one in (ada, uuid7(), guests.id)]
    for _ in range(2):
        cleared = await stub.ClearMany(ClearManyRequest(requests=bought))
        assert [one.WhichOneof("outcome") for one in cleared.outcomes] == ["done"] * 3
    assert (await lines(ada), await lines(guests.id)) == ({"MUG": 1}, {"FORK": 1})
