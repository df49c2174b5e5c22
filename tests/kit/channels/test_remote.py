"""What only the wire has: the secret, a port, and a neighbor that goes and comes back."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import grpc
import pytest
from tests.kit.channels.neighbor import SECRET, Neighbor, reserve_request

from stoa.contracts.inventory.v1 import inventory_pb2_grpc
from stoa.contracts.inventory.v1.inventory_pb2 import ReserveRequest
from stoa.kit import problems
from stoa.kit.channels import RemoteChannel, RpcServer, remote


@pytest.fixture
async def neighbor() -> AsyncIterator[Neighbor]:
    neighbor = Neighbor("wire")
    await neighbor.start()
    yield neighbor
    await neighbor.close()


async def test_a_wrong_secret_is_unauthenticated_and_never_a_users_sign_in(neighbor: Neighbor) -> None:
    async with RemoteChannel(f"127.0.0.1:{neighbor.server.port}", "guessed") as channel:
        with pytest.raises(problems.Fault) as caught:
            await inventory_pb2_grpc.InventoryServiceStub(channel).Reserve(reserve_request())
    assert caught.value.status == 500
    assert isinstance(caught.value.__cause__, grpc.aio.AioRpcError)
    assert caught.value.__cause__.code() is grpc.StatusCode.UNAUTHENTICATED
    assert neighbor.inventory.reserved == []


@pytest.mark.parametrize("method", ["/stoa.inventory.v1.InventoryService/Reserve", "/stoa.Nowhere/Nothing"])
async def test_without_the_secret_nothing_is_said_not_even_what_there_is(neighbor: Neighbor, method: str) -> None:
    options = (("grpc.enable_http_proxy", 0),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{neighbor.server.port}", options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(method)(ReserveRequest().SerializeToString())
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert neighbor.inventory.reserved == []


def test_an_empty_secret_is_refused(neighbor: Neighbor) -> None:
    with pytest.raises(ValueError, match="secret"):
        RpcServer(neighbor.registry, "127.0.0.1", 0, "")
    with pytest.raises(ValueError, match="secret"):
        RemoteChannel("127.0.0.1:1", "")


async def test_a_request_that_cannot_be_parsed_is_a_fault(neighbor: Neighbor) -> None:
    options = (("grpc.enable_http_proxy", 0),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{neighbor.server.port}", options=options) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/stoa.inventory.v1.InventoryService/Reserve")(
                b"\xff\xff\xff", metadata=(("stoa-secret-bin", SECRET.encode()),)
            )
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert neighbor.inventory.reserved == []


async def test_a_neighbor_that_was_never_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        async with RemoteChannel(f"127.0.0.1:{taken.getsockname()[1]}", SECRET) as channel:
            started = time.monotonic()
            with pytest.raises(problems.Unavailable):
                await inventory_pb2_grpc.InventoryServiceStub(channel).Reserve(reserve_request())
            assert time.monotonic() - started < 5


async def test_a_restarted_neighbor_is_found_again(neighbor: Neighbor) -> None:
    stub = neighbor.stub()
    await stub.Reserve(reserve_request("before"))
    await neighbor.server.stop(0)
    with pytest.raises(problems.Unavailable):
        await stub.Reserve(reserve_request("while it is gone"))
    neighbor.server = RpcServer(neighbor.registry, "127.0.0.1", neighbor.server.port, SECRET)
    await neighbor.server.start()
    back = time.monotonic()
    while True:
        try:
            await stub.Reserve(reserve_request("after"))
            break
        except problems.Unavailable:
            assert time.monotonic() - back < 3, "not found again"
    assert neighbor.inventory.reserved == ["before", "after"]


async def test_a_channel_that_nobody_uses_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server takes too many pings for an attack, and cuts the connection on the third or fourth."""
    # No client pings more often than that.
    monkeypatch.setattr(remote, "PING_EVERY_MS", 1_000)
    neighbor = Neighbor("wire")
    await neighbor.start()
    try:
        channel = neighbor.channel()
        stub = inventory_pb2_grpc.InventoryServiceStub(channel)
        await stub.Reserve(reserve_request("before"))
        assert channel.get_state() is grpc.ChannelConnectivity.READY
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(6):
                await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
        await stub.Reserve(reserve_request("after"))
        assert neighbor.inventory.reserved == ["before", "after"]
    finally:
        await neighbor.close()


async def test_a_port_that_is_taken_is_an_error_and_not_shared(neighbor: Neighbor) -> None:
    second = RpcServer(neighbor.registry, "127.0.0.1", neighbor.server.port, SECRET)
    with pytest.raises(RuntimeError):
        await second.start()


async def test_a_server_that_never_started_can_be_stopped(neighbor: Neighbor) -> None:
    await RpcServer(neighbor.registry, "127.0.0.1", 0, SECRET).stop(0)
