"""The calling side of both transports: what surrounds a call from a generated stub."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, Self, TypeVar

import grpc
import grpc.aio

from stoa.kit.channels.metadata import Pairs, checked, from_context
from stoa.kit.channels.replies import MAX_MESSAGE_BYTES, Reply, failure
from stoa.kit.context import current
from stoa.kit.db import refuse_inside_transaction

if TYPE_CHECKING:
    from stoa.kit.channels.faults import Faults

RequestT = TypeVar("RequestT")
AnswerT = TypeVar("AnswerT")

DEFAULT_DEADLINE_SECONDS = 10.0
"""For a call that is given no timeout; less where the context that it is made in has less left."""

Observer = Callable[[str, str, grpc.StatusCode, float], None]
"""Told of each call that has ended: caller, method (`InventoryService/Reserve`), code, seconds."""

_EXPIRED = Reply(grpc.StatusCode.DEADLINE_EXCEEDED, details="no time was left for the call")
_CLOSED = Reply(grpc.StatusCode.UNAVAILABLE, details="the channel is closed")
_TOO_LARGE = Reply(grpc.StatusCode.RESOURCE_EXHAUSTED, details=f"the request is larger than {MAX_MESSAGE_BYTES} bytes")


class Outgoing(NamedTuple):
    """One call as it leaves: `deadline` is on the monotonic clock."""

    path: str
    body: bytes
    metadata: Pairs
    deadline: float


Send = Callable[[Outgoing], "asyncio.Future[Reply]"]
"""Deliver a call. The future always holds a reply, whatever happened; to cancel it is to cancel the call."""


class Channel(grpc.aio.Channel):
    """What both channels are: all but how a call is carried, which is `_send`.

    `caller` is the service whose channel this is, for the observer alone.
    """

    def __init__(self, faults: Faults | None, caller: str, observer: Observer | None) -> None:
        self._caller = caller
        self._observer = observer
        self._running: set[asyncio.Future[Reply]] = set()
        self._closed = False
        self._deliver: Send = self._send if faults is None else partial(faults.deliver, self._send)

    @abstractmethod
    def _send(self, outgoing: Outgoing) -> asyncio.Future[Reply]: ...

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[RequestT], bytes] | None = None,
        response_deserializer: Callable[[bytes], AnswerT] | None = None,
        _registered_method: bool = False,
    ) -> Method[RequestT, AnswerT]:
        if request_serializer is None or response_deserializer is None:
            raise TypeError(f"{method} without its serializers: use the generated stub")
        return Method(self, method, request_serializer, response_deserializer)

    def unary_stream(self, method: str, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"{method} is a stream: calls between services are unary")

    def stream_unary(self, method: str, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"{method} is a stream: calls between services are unary")

    def stream_stream(self, method: str, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError(f"{method} is a stream: calls between services are unary")

    def start(self, method: str, outgoing: Outgoing) -> asyncio.Future[Reply]:
        """Send at once, as gRPC does, and not when first awaited."""
        if self._closed:
            return _settled(_CLOSED)
        if outgoing.deadline <= time.monotonic():
            return _settled(_EXPIRED)
        if len(outgoing.body) > MAX_MESSAGE_BYTES:
            return _settled(_TOO_LARGE)
        reply = self._deliver(outgoing)
        self._running.add(reply)
        reply.add_done_callback(
            self._running.discard
            if self._observer is None
            else partial(self._finished, self._observer, method, time.monotonic())
        )
        return reply

    def _finished(self, observer: Observer, method: str, started: float, reply: asyncio.Future[Reply]) -> None:
        self._running.discard(reply)
        code = grpc.StatusCode.CANCELLED if reply.cancelled() else reply.result().code
        observer(self._caller, method, code, time.monotonic() - started)

    async def close(self, grace: float | None = None) -> None:
        """Refuse new calls, and cancel those that have no answer after `grace` seconds."""
        self._closed = True
        if self._running and grace:
            await asyncio.wait(self._running, timeout=grace)
        for reply in tuple(self._running):
            reply.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()


class Method(grpc.aio.UnaryUnaryMultiCallable[RequestT, AnswerT]):
    """One method of a stub."""

    def __init__(
        self,
        channel: Channel,
        path: str,
        serialize: Callable[[RequestT], bytes],
        parse: Callable[[bytes], AnswerT],
    ) -> None:
        self._channel = channel
        self._path = path
        self._name = short_name(path)
        self._serialize = serialize
        self._parse = parse

    def __call__(
        self,
        request: RequestT,
        *,
        timeout: float | None = None,
        metadata: Iterable[tuple[str, str | bytes]] | None = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> Call[RequestT, AnswerT]:
        """Call. `timeout` is in seconds; a problem is raised where the call is awaited.

        Raises `CallInsideTransaction` where a transaction is open, ValueError for metadata that could
        not go on the wire, and TypeError for what these channels do not have.
        """
        if credentials is not None or wait_for_ready or compression is not None:
            raise TypeError("a call has no credentials or compression of its own, and waits for no neighbor")
        refuse_inside_transaction(self._name)
        context = current()
        seconds = DEFAULT_DEADLINE_SECONDS if timeout is None else timeout
        remaining = context.remaining()
        if remaining is not None and remaining < seconds:
            seconds = remaining
        pairs = from_context(context)
        if metadata is not None:
            pairs += checked(metadata)
        outgoing = Outgoing(self._path, self._serialize(request), pairs, time.monotonic() + seconds)
        return Call(self._name, self._channel.start(self._name, outgoing), self._parse, outgoing.deadline)


class Call(grpc.aio.UnaryUnaryCall[RequestT, AnswerT], Generic[RequestT, AnswerT]):
    """A call under way: await it for the answer. Cancelled with the task that awaits it."""

    def __init__(
        self, method: str, reply: asyncio.Future[Reply], parse: Callable[[bytes], AnswerT], deadline: float
    ) -> None:
        self._method = method
        self._reply = reply
        self._parse = parse
        self._deadline = deadline

    def __await__(self) -> Generator[Any, None, AnswerT]:
        reply = yield from self._reply
        if reply.code is grpc.StatusCode.OK:
            return self._parse(reply.body)
        raise failure(self._method, reply)

    def cancel(self) -> bool:
        return self._reply.cancel()

    def cancelled(self) -> bool:
        return self._reply.cancelled()

    def done(self) -> bool:
        return self._reply.done()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._reply.add_done_callback(lambda _: callback(self))

    def time_remaining(self) -> float:
        return max(0.0, self._deadline - time.monotonic())

    async def code(self) -> grpc.StatusCode:
        return (await self._ended()).code

    async def details(self) -> str:
        return (await self._ended()).details

    async def initial_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*(await self._ended()).initial_metadata)

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*(await self._ended()).trailing_metadata)

    async def wait_for_connection(self) -> None:
        """Nothing to wait for: calls fail at once where there is no connection."""

    async def _ended(self) -> Reply:
        # Whoever only asks how the call went does not cancel it by going away.
        await asyncio.wait((self._reply,))
        return _CANCELLED if self._reply.cancelled() else self._reply.result()


_CANCELLED = Reply(grpc.StatusCode.CANCELLED, details="the caller canceled the call")


def short_name(path: str) -> str:
    """`InventoryService/Reserve` of `/stoa.inventory.v1.InventoryService/Reserve`."""
    service, _, method = path.lstrip("/").partition("/")
    return f"{service.rpartition('.')[2]}/{method}"


def _settled(reply: Reply) -> asyncio.Future[Reply]:
    future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    future.set_result(reply)
    return future
