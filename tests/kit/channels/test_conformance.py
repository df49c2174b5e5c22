"""What the channels promise, each promise on both of them."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import time

import grpc
import pytest
from tests.kit.channels.neighbor import Inventory, Neighbor, reserve_request

from stoa.contracts.cart.v1 import cart_pb2, cart_pb2_grpc
from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1 import inventory_pb2_grpc
from stoa.contracts.inventory.v1.inventory_pb2 import (
    AllocateRequest,
    GetStockRequest,
    GetStockResponse,
    Reservation,
    ReserveRequest,
    ReserveResponse,
)
from stoa.kit import context, db, problems
from stoa.kit.channels import DEFAULT_DEADLINE_SECONDS, MAX_MESSAGE_BYTES, DeadlineExceeded, Registry

PROMPTLY = 5.0
"""Seconds in which something that happens at once must have happened, on a loaded machine."""


class OutOfStock(problems.Conflict):
    slug = "out-of-stock"
    title = "Out of stock"


class Hanging:
    """A handler that waits for `go`, and notes whether it was canceled instead."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def __call__(self, request, _):
        self.entered.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return ReserveResponse(reservation=Reservation(key=request.key))

    async def was_entered(self) -> None:
        await asyncio.wait_for(self.entered.wait(), PROMPTLY)

    async def was_canceled(self) -> None:
        await asyncio.wait_for(self.cancelled.wait(), PROMPTLY)


async def connected(neighbor: Neighbor) -> None:
    """A first call has been answered: a short deadline of the next one is not spent on connecting, before the handler
    has seen it."""
    await neighbor.stub().Reserve(reserve_request())


def rpc_error(problem: problems.Problem) -> grpc.aio.AioRpcError:
    assert isinstance(problem.__cause__, grpc.aio.AioRpcError)
    return problem.__cause__


# Answers and metadata


async def test_an_answer_arrives_with_all_its_fields(neighbor: Neighbor) -> None:
    call = neighbor.stub().Reserve(reserve_request("k-7"))
    assert await call == ReserveResponse(
        reservation=Reservation(
            id="r-1", key="k-7", lines=[Line(sku="lamp-red", quantity=2), Line(sku="desk", quantity=1)]
        )
    )
    assert await call.code() is grpc.StatusCode.OK
    assert await call.details() == ""
    assert call.done()
    assert not call.cancelled()


async def test_an_empty_answer_is_an_answer(neighbor: Neighbor) -> None:
    assert await neighbor.stub().GetStock(GetStockRequest()) == GetStockResponse()


async def test_metadata_goes_both_ways_text_and_binary(neighbor: Neighbor) -> None:
    async def echo(request, servicer_context):
        metadata = servicer_context.invocation_metadata()
        await servicer_context.send_initial_metadata((("x-first", metadata["x-text"]),))
        servicer_context.set_trailing_metadata(
            (("x-last-bin", metadata["x-raw-bin"]), ("x-twice", "a"), ("x-twice", "b"))
        )
        return ReserveResponse()

    neighbor.inventory.on_reserve = echo
    call = neighbor.stub().Reserve(
        reserve_request(), metadata=(("x-text", "words, and more"), ("x-raw-bin", b"\x00\xff\n"))
    )
    await call
    assert (await call.initial_metadata())["x-first"] == "words, and more"
    trailing = await call.trailing_metadata()
    assert trailing["x-last-bin"] == b"\x00\xff\n"
    assert trailing.get_all("x-twice") == ["a", "b"]


async def test_the_secret_is_not_shown_to_the_servicer(neighbor: Neighbor) -> None:
    seen = {}

    async def look(request, servicer_context):
        seen.update(dict(servicer_context.invocation_metadata()))
        return ReserveResponse()

    neighbor.inventory.on_reserve = look
    await neighbor.stub().Reserve(reserve_request())
    assert "traceparent" in seen
    assert "stoa-secret-bin" not in seen


@pytest.mark.parametrize(
    "pair",
    [
        ("X-Upper", "a"),
        ("x-text", "é"),
        ("x-text", "a\nb"),
        ("x-raw-bin", "text"),
        ("x-text", b"raw"),
        ("stoa-principal-bin", b"{}"),
    ],
)
async def test_metadata_that_cannot_travel_is_refused_before_the_call(neighbor: Neighbor, pair) -> None:
    with pytest.raises(ValueError, match="metadata"):
        neighbor.stub().Reserve(reserve_request(), metadata=(pair,))
    assert neighbor.inventory.reserved == []


async def test_trace_request_id_and_principal_travel(neighbor: Neighbor) -> None:
    seen: list[context.Context] = []

    async def look(request, servicer_context):
        seen.append(context.current())
        return ReserveResponse()

    neighbor.inventory.on_reserve = look
    principal = context.Principal(
        "u-1", "zoë@example.org", frozenset({"customer", "seller"}), "s-1", frozenset({"a.b.c_own"}), 3
    )
    with context.using(context.fresh(request_id="req-1", principal=principal)) as caller:
        await neighbor.stub().Reserve(reserve_request())
    (callee,) = seen
    assert (callee.trace_id, callee.request_id, callee.principal) == (caller.trace_id, "req-1", principal)
    assert callee.span_id != caller.span_id


async def test_a_request_id_that_cannot_travel_does_not_stop_the_call(neighbor: Neighbor) -> None:
    seen: list[context.Context] = []

    async def look(request, servicer_context):
        seen.append(context.current())
        return ReserveResponse()

    neighbor.inventory.on_reserve = look
    with context.using(context.fresh(request_id="réq\n1")) as caller:
        await neighbor.stub().Reserve(reserve_request())
    assert seen[0].request_id == caller.trace_id


# Failures


async def test_a_problem_arrives_as_it_was_raised(neighbor: Neighbor) -> None:
    async def refuse(request, servicer_context):
        raise OutOfStock(
            "Only 1 left of “desk”.", field="lines[1]", skus=[{"sku": "desk", "available": 1}], retry=False
        )

    neighbor.inventory.on_reserve = refuse
    with pytest.raises(problems.Conflict) as caught:
        await neighbor.stub().Reserve(reserve_request())
    assert caught.value.document() == {
        "type": "/problems/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "Only 1 left of “desk”.",
        "field": "lines[1]",
        "skus": [{"sku": "desk", "available": 1}],
        "retry": False,
    }
    assert rpc_error(caught.value).code() is grpc.StatusCode.FAILED_PRECONDITION
    assert rpc_error(caught.value).details() == "/problems/out-of-stock"


async def test_a_problem_that_names_a_thousand_lines_arrives_whole(neighbor: Neighbor) -> None:
    skus = [{"sku": f"sku-{n:060}", "available": n} for n in range(1000)]

    async def refuse(request, servicer_context):
        raise OutOfStock("Too few.", skus=skus)

    neighbor.inventory.on_reserve = refuse
    with pytest.raises(problems.Conflict) as caught:
        await neighbor.stub().Reserve(reserve_request())
    assert caught.value.members == {"skus": skus}


async def test_a_problem_too_large_to_travel_arrives_without_its_members(neighbor: Neighbor) -> None:
    async def refuse(request, servicer_context):
        raise OutOfStock("Too few.", field="lines", note="x" * 2_000_000)

    neighbor.inventory.on_reserve = refuse
    with pytest.raises(problems.Conflict) as caught:
        await neighbor.stub().Reserve(reserve_request())
    assert caught.value.document() == {
        "type": "/problems/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "Too few.",
        "field": "lines",
    }


async def test_a_problem_keeps_the_trailing_metadata(neighbor: Neighbor) -> None:
    async def refuse(request, servicer_context):
        servicer_context.set_trailing_metadata((("x-last", "1"),))
        raise problems.NotFound("No such reservation.")

    neighbor.inventory.on_reserve = refuse
    call = neighbor.stub().Reserve(reserve_request())
    with pytest.raises(problems.NotFound):
        await call
    assert (await call.trailing_metadata())["x-last"] == "1"
    assert await call.code() is grpc.StatusCode.NOT_FOUND


class Panic(BaseException):
    """No Exception, like those of Rust."""


@pytest.mark.parametrize("kind", [LookupError, Panic])
async def test_an_uncaught_exception_is_a_fault_that_says_nothing(neighbor: Neighbor, caplog, kind) -> None:
    async def break_down(request, servicer_context):
        raise kind("password=hunter2")

    neighbor.inventory.on_reserve = break_down
    with caplog.at_level(logging.ERROR, "stoa"), pytest.raises(problems.Fault) as caught:
        await neighbor.stub().Reserve(reserve_request())
    assert rpc_error(caught.value).code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in f"{caught.value.document()} {rpc_error(caught.value)!r}"
    (record,) = caplog.records
    assert record.getMessage() == "/stoa.inventory.v1.InventoryService/Reserve failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], kind)


async def test_an_answer_of_the_wrong_kind_is_a_fault(neighbor: Neighbor) -> None:
    async def answer_nothing(request, servicer_context):
        return None

    neighbor.inventory.on_reserve = answer_nothing
    with pytest.raises(problems.Fault):
        await neighbor.stub().Reserve(reserve_request())


async def test_a_handler_that_is_canceled_from_within_is_a_fault_at_once(neighbor: Neighbor) -> None:
    async def trip(request, servicer_context):
        raise asyncio.CancelledError

    neighbor.inventory.on_reserve = trip
    with pytest.raises(problems.Fault):
        await asyncio.wait_for(neighbor.stub().Reserve(reserve_request()), PROMPTLY)


async def test_abort_ends_the_call_with_its_code_and_trailers(neighbor: Neighbor) -> None:
    async def abort(request, servicer_context):
        await servicer_context.abort(grpc.StatusCode.ALREADY_EXISTS, "seen before", (("x-last", "1"),))

    neighbor.inventory.on_reserve = abort
    with pytest.raises(problems.Fault) as caught:
        await neighbor.stub().Reserve(reserve_request())
    error = rpc_error(caught.value)
    assert (error.code(), error.details()) == (grpc.StatusCode.ALREADY_EXISTS, "seen before")
    assert error.trailing_metadata()["x-last"] == "1"


async def test_a_code_that_was_set_ends_the_call(neighbor: Neighbor) -> None:
    async def set_code(request, servicer_context):
        servicer_context.set_code(grpc.StatusCode.DATA_LOSS)
        servicer_context.set_details("gone")
        return ReserveResponse()

    neighbor.inventory.on_reserve = set_code
    call = neighbor.stub().Reserve(reserve_request())
    with pytest.raises(problems.Fault):
        await call
    assert (await call.code(), await call.details()) == (grpc.StatusCode.DATA_LOSS, "gone")


async def test_a_method_that_the_servicer_lacks_is_unimplemented(neighbor: Neighbor) -> None:
    with pytest.raises(problems.Fault) as caught:
        await neighbor.stub().Allocate(AllocateRequest(key="k-1", order_id="o-1"))
    assert rpc_error(caught.value).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_service_that_is_not_there_is_unimplemented(neighbor: Neighbor) -> None:
    with pytest.raises(problems.Fault) as caught:
        await cart_pb2_grpc.CartServiceStub(neighbor.channel()).GetCart(cart_pb2.GetCartRequest())
    assert rpc_error(caught.value).code() is grpc.StatusCode.UNIMPLEMENTED


# Size


async def test_a_request_at_the_limit_passes_and_one_above_does_not(neighbor: Neighbor) -> None:
    async def measure(request, servicer_context):
        return ReserveResponse(reservation=Reservation(id=str(len(request.key))))

    neighbor.inventory.on_reserve = measure
    largest = MAX_MESSAGE_BYTES - 5  # a tag, and four bytes of length
    stub = neighbor.stub()
    answer = await stub.Reserve(ReserveRequest(key="x" * largest))
    assert answer.reservation.id == str(largest)
    with pytest.raises(problems.Fault) as caught:
        await stub.Reserve(ReserveRequest(key="x" * (largest + 1)))
    assert rpc_error(caught.value).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(neighbor.inventory.reserved) == 1


async def test_an_answer_above_the_limit_does_not_pass(neighbor: Neighbor) -> None:
    async def overdo(request, servicer_context):
        return ReserveResponse(reservation=Reservation(id="x" * MAX_MESSAGE_BYTES))

    neighbor.inventory.on_reserve = overdo
    with pytest.raises(problems.Fault) as caught:
        await neighbor.stub().Reserve(reserve_request())
    assert rpc_error(caught.value).code() is grpc.StatusCode.RESOURCE_EXHAUSTED


# Deadlines and cancellation


async def test_a_deadline_ends_the_call_and_cancels_the_handler(neighbor: Neighbor) -> None:
    await connected(neighbor)
    hanging = neighbor.inventory.on_reserve = Hanging()
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded) as caught:
        await neighbor.stub().Reserve(reserve_request(), timeout=1.0)
    assert 0.99 <= time.monotonic() - started < PROMPTLY
    assert caught.value.status == 503
    assert rpc_error(caught.value).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await hanging.was_canceled()


async def test_a_handler_that_will_not_go_does_not_hold_the_caller(neighbor: Neighbor) -> None:
    go, gone = asyncio.Event(), asyncio.Event()

    async def stay(request, servicer_context):
        try:
            await go.wait()
        finally:
            await go.wait()
            gone.set()

    await connected(neighbor)
    neighbor.inventory.on_reserve = stay
    with pytest.raises(DeadlineExceeded):
        await neighbor.stub().Reserve(reserve_request(), timeout=1.0)
    assert not gone.is_set()
    go.set()
    await asyncio.wait_for(gone.wait(), PROMPTLY)


async def test_without_a_timeout_a_call_has_the_default_deadline(neighbor: Neighbor) -> None:
    left: list[float | None] = []

    async def look(request, servicer_context):
        left.extend((context.current().remaining(), servicer_context.time_remaining()))
        return ReserveResponse()

    neighbor.inventory.on_reserve = look
    await neighbor.stub().Reserve(reserve_request())
    assert all(seconds is not None and DEFAULT_DEADLINE_SECONDS - 2 < seconds <= 10.1 for seconds in left), left


async def test_a_deadline_shrinks_over_two_hops(started) -> None:
    near, far = await started(), await started()
    far_stub = far.stub()
    left: list[tuple[str, float | None]] = []

    async def pass_on(request, servicer_context):
        left.append(("near", context.current().remaining()))
        await asyncio.sleep(0.1)
        await far_stub.Reserve(request, timeout=60)
        return ReserveResponse()

    async def look(request, servicer_context):
        left.append(("far", context.current().remaining()))
        return ReserveResponse()

    near.inventory.on_reserve, far.inventory.on_reserve = pass_on, look
    await near.stub().Reserve(reserve_request(), timeout=3)
    (_, at_near), (_, at_far) = left
    assert at_near is not None
    assert at_far is not None
    assert 0 < at_far < at_near - 0.05 < 3.0


async def test_a_deadline_that_passes_far_away_arrives_as_one(started) -> None:
    near, far = await started(), await started()
    far_stub = far.stub()
    far.inventory.on_reserve = Hanging()

    async def pass_on(request, servicer_context):
        return await far_stub.Reserve(request, timeout=0.1)

    near.inventory.on_reserve = pass_on
    with pytest.raises(DeadlineExceeded):
        await near.stub().Reserve(reserve_request(), timeout=PROMPTLY)


async def test_the_trace_goes_on_over_two_hops(started) -> None:
    near, far = await started(), await started()
    far_stub = far.stub()
    seen: list[context.Context] = []

    async def pass_on(request, servicer_context):
        seen.append(context.current())
        return await far_stub.Reserve(request)

    async def look(request, servicer_context):
        seen.append(context.current())
        return ReserveResponse()

    near.inventory.on_reserve, far.inventory.on_reserve = pass_on, look
    with context.using(context.fresh(request_id="req-2")) as caller:
        await near.stub().Reserve(reserve_request())
    assert {(one.trace_id, one.request_id) for one in seen} == {(caller.trace_id, "req-2")}
    assert len({caller.span_id, *(one.span_id for one in seen)}) == 3


async def test_no_time_left_means_no_call(neighbor: Neighbor) -> None:
    with context.using(context.fresh(deadline=time.monotonic() - 1)), pytest.raises(DeadlineExceeded):
        await neighbor.stub().Reserve(reserve_request())
    assert neighbor.inventory.reserved == []


async def test_a_caller_that_is_canceled_cancels_the_handler(neighbor: Neighbor) -> None:
    hanging = neighbor.inventory.on_reserve = Hanging()

    async def wait_for_answer() -> None:
        await neighbor.stub().Reserve(reserve_request())

    caller = asyncio.create_task(wait_for_answer())
    await hanging.was_entered()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await hanging.was_canceled()


async def test_a_call_can_be_canceled_by_itself(neighbor: Neighbor) -> None:
    hanging = neighbor.inventory.on_reserve = Hanging()
    call = neighbor.stub().Reserve(reserve_request())
    await hanging.was_entered()
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert call.cancelled()
    assert not call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED
    await hanging.was_canceled()


async def test_a_call_leaves_at_once_and_not_when_it_is_awaited(neighbor: Neighbor) -> None:
    hanging = neighbor.inventory.on_reserve = Hanging()
    call = neighbor.stub().Reserve(reserve_request("k-3"))
    await hanging.was_entered()
    hanging.go.set()
    assert (await call).reservation.key == "k-3"


async def test_a_closed_channel_cancels_what_runs_and_refuses_what_comes(neighbor: Neighbor) -> None:
    hanging = neighbor.inventory.on_reserve = Hanging()
    stub = neighbor.stub()
    call = stub.Reserve(reserve_request())
    await hanging.was_entered()
    await neighbor.channels[0].close()
    with pytest.raises(asyncio.CancelledError):
        await call
    await hanging.was_canceled()
    with pytest.raises(problems.Unavailable):
        await stub.Reserve(reserve_request())


# Stopping


async def test_a_stop_lets_the_running_call_finish_and_refuses_new_ones(neighbor: Neighbor) -> None:
    hanging = neighbor.inventory.on_reserve = Hanging()
    stub = neighbor.stub()
    running = asyncio.ensure_future(stub.Reserve(reserve_request("k-1")))
    await hanging.was_entered()
    stopping = asyncio.create_task(neighbor.stop(PROMPTLY))
    await asyncio.sleep(0)
    refused = None
    while refused is None:
        # The wire tells the client of the stop in its own time; until then a call may still be let in.
        try:
            await stub.GetStock(GetStockRequest(), timeout=PROMPTLY)
        except problems.Unavailable as problem:
            refused = problem
    assert rpc_error(refused).code() is grpc.StatusCode.UNAVAILABLE
    assert not running.done()
    hanging.go.set()
    assert (await running).reservation.key == "k-1"
    await stopping
    assert not hanging.cancelled.is_set()


async def test_a_stop_cuts_off_what_outlasts_the_grace(neighbor: Neighbor) -> None:
    hanging = neighbor.inventory.on_reserve = Hanging()
    running = asyncio.ensure_future(neighbor.stub().Reserve(reserve_request()))
    await hanging.was_entered()
    await neighbor.stop(0.1)
    with pytest.raises(problems.Unavailable) as caught:
        await running
    assert rpc_error(caught.value).code() is grpc.StatusCode.UNAVAILABLE
    await hanging.was_canceled()


async def test_a_stop_does_not_wait_for_who_heeds_nothing(neighbor: Neighbor) -> None:
    entered, let_go = asyncio.Event(), asyncio.Event()

    async def deaf(request, servicer_context):
        entered.set()
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()
        return ReserveResponse()

    neighbor.inventory.on_reserve = deaf
    running = asyncio.ensure_future(neighbor.stub().Reserve(reserve_request()))
    await entered.wait()
    await asyncio.wait_for(neighbor.stop(0.1), 10)
    let_go.set()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_stopped_registry_refuses_on_both_transports(neighbor: Neighbor) -> None:
    await neighbor.registry.stop(0)
    with pytest.raises(problems.Unavailable):
        await neighbor.stub().Reserve(reserve_request())
    assert neighbor.inventory.reserved == []


async def test_a_dead_neighbor_is_unavailable_at_once(neighbor: Neighbor) -> None:
    stub = neighbor.stub()
    await stub.Reserve(reserve_request("before"))
    await neighbor.stop(0)
    started = time.monotonic()
    with pytest.raises(problems.Unavailable) as caught:
        await stub.Reserve(reserve_request("after"))
    assert not isinstance(caught.value, DeadlineExceeded)
    assert time.monotonic() - started < PROMPTLY
    assert neighbor.inventory.reserved == ["before"]


# Nothing is shared


_of_the_caller: contextvars.ContextVar[str] = contextvars.ContextVar("of_the_caller", default="unset")


async def test_a_handler_does_not_see_the_callers_context_variables(started) -> None:
    # Set before the server starts as well, which is where gRPC's own tasks would get it from.
    token = _of_the_caller.set("leaked")
    seen: list[str] = []

    async def look(request, servicer_context):
        seen.append(_of_the_caller.get())
        _of_the_caller.set("from the handler")
        return ReserveResponse()

    try:
        neighbor = await started()
        neighbor.inventory.on_reserve = look
        await neighbor.stub().Reserve(reserve_request())
        assert _of_the_caller.get() == "leaked"
        await neighbor.stub().Reserve(reserve_request())
    finally:
        _of_the_caller.reset(token)
    assert seen == ["unset", "unset"]


async def test_messages_are_not_shared(neighbor: Neighbor) -> None:
    kept: list[ReserveResponse] = []

    async def scribble(request, servicer_context):
        request.key = "scribbled"
        kept.append(ReserveResponse(reservation=Reservation(id="r-1")))
        return kept[0]

    neighbor.inventory.on_reserve = scribble
    request = reserve_request("mine")
    answer = await neighbor.stub().Reserve(request)
    assert request == reserve_request("mine")
    answer.reservation.id = "changed"
    assert kept[0].reservation.id == "r-1"


async def test_no_call_leaves_while_a_transaction_is_open(neighbor: Neighbor, database) -> None:
    cart = await database("cart")
    stub = neighbor.stub()
    async with cart.transaction():
        with pytest.raises(db.CallInsideTransaction, match="InventoryService/Reserve"):
            stub.Reserve(reserve_request())
    assert neighbor.inventory.reserved == []
    await stub.Reserve(reserve_request("afterwards"))
    assert neighbor.inventory.reserved == ["afterwards"]


async def test_a_handler_is_not_inside_its_callers_transaction(started, database) -> None:
    near, far = await started(), await started()
    cart = await database("cart")
    far_stub = far.stub()

    async def pass_on(request, servicer_context):
        return await far_stub.Reserve(request)

    near.inventory.on_reserve = pass_on
    call = near.stub().Reserve(reserve_request("k-9"))
    async with cart.transaction():  # opened when the call has left
        assert (await call).reservation.key == "k-9"


# Many, and what is not there


async def test_two_hundred_calls_at_once_each_get_their_own_answer(neighbor: Neighbor) -> None:
    everybody = asyncio.Barrier(200)

    async def meet(request, servicer_context):
        await everybody.wait()
        return ReserveResponse(reservation=Reservation(key=request.key))

    neighbor.inventory.on_reserve = meet
    stub = neighbor.stub()
    answers = await asyncio.gather(*(stub.Reserve(reserve_request(f"k-{n}"), timeout=60) for n in range(200)))
    assert [answer.reservation.key for answer in answers] == [f"k-{n}" for n in range(200)]


async def test_the_observer_is_told_of_each_call(neighbor: Neighbor) -> None:
    seen: list[tuple[str, str, grpc.StatusCode]] = []
    told = asyncio.Event()

    def observe(caller: str, method: str, code: grpc.StatusCode, seconds: float) -> None:
        assert 0 <= seconds < PROMPTLY
        seen.append((caller, method, code))
        told.set()

    async def refuse(request, servicer_context):
        raise OutOfStock("Too few.")

    stub = neighbor.stub(caller="checkout", observer=observe)
    await stub.GetStock(GetStockRequest(skus=["desk"]))
    neighbor.inventory.on_reserve = refuse
    with pytest.raises(problems.Conflict):
        await stub.Reserve(reserve_request())
    hanging = neighbor.inventory.on_reserve = Hanging()
    call = stub.Reserve(reserve_request())
    await hanging.was_entered()
    told.clear()
    call.cancel()
    await asyncio.wait_for(told.wait(), PROMPTLY)
    assert seen == [
        ("checkout", "InventoryService/GetStock", grpc.StatusCode.OK),
        ("checkout", "InventoryService/Reserve", grpc.StatusCode.FAILED_PRECONDITION),
        ("checkout", "InventoryService/Reserve", grpc.StatusCode.CANCELLED),
    ]


async def test_streams_are_refused_by_name(neighbor: Neighbor) -> None:
    channel = neighbor.channel()
    for arity in (channel.unary_stream, channel.stream_unary, channel.stream_stream):
        with pytest.raises(NotImplementedError, match=r"/stoa\.Some/Stream is a stream"):
            arity("/stoa.Some/Stream")


async def test_options_that_these_channels_lack_are_refused(neighbor: Neighbor) -> None:
    for option in ({"wait_for_ready": True}, {"compression": grpc.Compression.Gzip}):
        with pytest.raises(TypeError):
            neighbor.stub().Reserve(reserve_request(), **option)
    assert neighbor.inventory.reserved == []


async def test_a_channel_says_that_it_is_ready(neighbor: Neighbor) -> None:
    async with neighbor.channel() as channel:
        await asyncio.wait_for(channel.channel_ready(), PROMPTLY)
        assert channel.get_state() is grpc.ChannelConnectivity.READY


def test_a_registry_takes_no_streams_and_nothing_twice() -> None:
    registry = Registry()
    stream = grpc.unary_stream_rpc_method_handler(lambda *_: iter(()))
    with pytest.raises(ValueError, match=r"/stoa\.Some/Stream is a stream"):
        registry.add_registered_method_handlers("stoa.Some", {"Stream": stream})
    inventory_pb2_grpc.add_InventoryServiceServicer_to_server(Inventory(), registry)
    with pytest.raises(ValueError, match="has a servicer already"):
        inventory_pb2_grpc.add_InventoryServiceServicer_to_server(Inventory(), registry)
