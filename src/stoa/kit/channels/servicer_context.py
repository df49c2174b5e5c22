"""The context object that a servicer's method is given: ours on both transports, so it behaves alike."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import grpc
import grpc.aio

from stoa.kit.channels.metadata import SECRET, Pairs, checked
from stoa.kit.channels.replies import Reply


class ServicerContext(grpc.aio.ServicerContext[Any, Any]):
    """Metadata, deadline and peer of one call, and how it is to end. Stoa's servicers raise problems instead."""

    def __init__(self, metadata: Pairs, deadline: float | None, peer: str) -> None:
        self.metadata = metadata
        self.deadline = deadline
        self._peer = peer
        self._code = grpc.StatusCode.OK
        self._details = ""
        self._initial_metadata: Pairs = ()
        self._trailing_metadata: Pairs = ()

    def reply(self, body: bytes = b"") -> Reply:
        """How the call ends as this context has it."""
        body = body if self._code is grpc.StatusCode.OK else b""
        return Reply(self._code, body, self._details, self._initial_metadata, self._trailing_metadata)

    def invocation_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*(pair for pair in self.metadata if pair[0] != SECRET))

    def time_remaining(self) -> float:
        return float("inf") if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def peer(self) -> str:
        return self._peer

    async def abort(
        self,
        code: grpc.StatusCode,
        details: str = "",
        trailing_metadata: Iterable[tuple[str, str | bytes]] = (),
    ) -> NoReturn:
        if code is grpc.StatusCode.OK:
            raise ValueError("a call cannot be aborted with OK")
        self._code = code
        self._details = details
        self._trailing_metadata = checked(trailing_metadata)
        raise grpc.aio.AbortError(details)

    async def abort_with_status(self, status: grpc.Status) -> NoReturn:
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    async def send_initial_metadata(self, initial_metadata: Iterable[tuple[str, str | bytes]]) -> None:
        """Goes out with the answer: nobody reads the head of a unary call before its end."""
        self._initial_metadata = checked(initial_metadata)

    def set_trailing_metadata(self, trailing_metadata: Iterable[tuple[str, str | bytes]]) -> None:
        self._trailing_metadata = checked(trailing_metadata)

    def trailing_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*self._trailing_metadata)

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def set_details(self, details: str) -> None:
        self._details = details

    def details(self) -> str:
        return self._details

    def set_compression(self, compression: grpc.Compression) -> None:
        """Nothing is compressed: neighbors share a network, and in process there is nothing to save."""

    def disable_next_message_compression(self) -> None:
        """Nothing is compressed."""

    def peer_identities(self) -> None:
        """Nobody is identified by transport security: the shared secret is the same for all neighbors."""

    def peer_identity_key(self) -> None:
        """Nobody is identified by transport security."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        return {}

    async def read(self) -> NoReturn:
        raise NotImplementedError("calls are unary: the request is the argument")

    async def write(self, message: object) -> NoReturn:
        raise NotImplementedError("calls are unary: return the answer")
