"""The gRPC servicer of giftwrap: what whoever packs an order asks."""

from __future__ import annotations

from typing import Any

from stoa.kit.ids import is_uuid
from stoa_giftwrap.contracts.v1 import giftwrap_pb2_grpc
from stoa_giftwrap.contracts.v1.giftwrap_pb2 import GetWrapRequest, GetWrapResponse
from stoa_giftwrap.service import repository
from stoa_giftwrap.service.errors import NoSuchOrder
from stoa_giftwrap.service.wraps import Wraps


class GiftwrapServicer(giftwrap_pb2_grpc.GiftwrapServiceServicer):
    def __init__(self, wraps: Wraps) -> None:
        self._wraps = wraps

    async def GetWrap(self, request: GetWrapRequest, context: Any) -> GetWrapResponse:  # noqa: ARG002, N802
        wrap = await repository.read_wrap(self._wraps.db, request.order_id) if is_uuid(request.order_id) else None
        if wrap is None:
            raise NoSuchOrder("It was never placed.")
        return GetWrapResponse(paper=wrap.paper, message=wrap.message)
