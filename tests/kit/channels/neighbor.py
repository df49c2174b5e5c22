"""A small inventory service that a test can make do anything, behind either channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from typing_extensions import override

from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.inventory.v1 import inventory_pb2_grpc
from stoa.contracts.inventory.v1.inventory_pb2 import (
    GetStockResponse,
    ReleaseResponse,
    Reservation,
    ReserveRequest,
    ReserveResponse,
    Stock,
)
from stoa.kit.channels import Channel, Faults, InProcessChannel, Observer, Registry, RemoteChannel, RpcServer

SECRET = "a secret between neighbors"


def reserve_request(key: str = "k-1") -> ReserveRequest:
    return ReserveRequest(key=key, lines=[Line(sku="lamp-red", quantity=2), Line(sku="desk", quantity=1)])


class Inventory(inventory_pb2_grpc.InventoryServiceServicer):
    """Reserve echoes unless a test sets `on_reserve`; Allocate is left to the generated base class."""

    def __init__(self) -> None:
        self.reserved: list[str] = []
        self.on_reserve: Callable[[ReserveRequest, Any], Awaitable[Any]] | None = None

    @override
    async def Reserve(self, request, context):
        self.reserved.append(request.key)
        if self.on_reserve is not None:
            return await self.on_reserve(request, context)
        return ReserveResponse(reservation=Reservation(id="r-1", key=request.key, lines=request.lines))

    @override
    async def GetStock(self, request, context):
        return GetStockResponse(stock=[Stock(sku=sku, on_hand=9, reserved=2, available=7) for sku in request.skus])

    @override
    async def Release(self, request, context):
        return ReleaseResponse()


class Neighbor:
    """The service and its channel, in process or as a real server on a port of its own."""

    def __init__(self, transport: str) -> None:
        self.transport = transport
        self.inventory = Inventory()
        self.registry = Registry()
        inventory_pb2_grpc.add_InventoryServiceServicer_to_server(self.inventory, self.registry)
        self.server = RpcServer(self.registry, "127.0.0.1", 0, SECRET)
        self.channels: list[Channel] = []

    async def start(self) -> None:
        if self.transport == "wire":
            await self.server.start()

    def channel(
        self, faults: Faults | None = None, *, caller: str = "cart", observer: Observer | None = None
    ) -> Channel:
        channel: Channel
        if self.transport == "wire":
            address = f"127.0.0.1:{self.server.port}"
            channel = RemoteChannel(address, SECRET, faults, caller=caller, observer=observer)
        else:
            channel = InProcessChannel(self.registry, faults, caller=caller, observer=observer)
        self.channels.append(channel)
        return channel

    def stub(self, faults: Faults | None = None, **options: Any) -> Any:
        return inventory_pb2_grpc.InventoryServiceStub(self.channel(faults, **options))

    async def stop(self, grace_seconds: float) -> None:
        """As the neighbor's own process would stop it."""
        if self.transport == "wire":
            await self.server.stop(grace_seconds)
        else:
            await self.registry.stop(grace_seconds)

    async def close(self) -> None:
        for channel in self.channels:
            await channel.close()
        await self.stop(0)
