"""The answering side of both transports: which servicer answers what, and what surrounds each call.

A handler runs in a `contextvars.Context` of its own, given by the transport, under the caller's
`stoa.kit.context` with a new span. A problem that it raises goes to the caller as a document in the
trailers; anything else that it raises is logged here and reaches the caller as a fault without detail.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import MethodOptions

from stoa.kit.channels.metadata import to_context
from stoa.kit.channels.replies import MAX_MESSAGE_BYTES, Reply, refusal
from stoa.kit.channels.servicer_context import ServicerContext
from stoa.kit.context import using
from stoa.kit.panics import ENDS
from stoa.kit.problems import Fault, Problem

log = logging.getLogger(__name__)


class _Method(NamedTuple):
    """One method of a servicer, as the generated code describes it."""

    parse: Callable[[bytes], Any]
    handle: Callable[[Any, ServicerContext], Awaitable[Any]]
    serialize: Callable[[Any], bytes]
    reads: bool
    """Whether its contract says that it has no effect."""


_CUT_OFF_SECONDS = 2.0

_STOPPING = Reply(grpc.StatusCode.UNAVAILABLE, details="the service is stopping")
_CUT_OFF = Reply(grpc.StatusCode.UNAVAILABLE, details="the service stopped before it had answered")
_UNIMPLEMENTED = Reply(grpc.StatusCode.UNIMPLEMENTED, details="there is no such method here")
_TOO_LARGE = Reply(grpc.StatusCode.RESOURCE_EXHAUSTED, details=f"the answer is larger than {MAX_MESSAGE_BYTES} bytes")


class Registry:
    """What the generated `add_XServicer_to_server` functions take for a server."""

    def __init__(self, called: Callable[[], None] | None = None) -> None:
        """`called` is told of every call that comes in, unless its contract says that it only reads."""
        self._called = called or _nothing
        self._methods: dict[str, _Method] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._cut_off = False

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Nothing: the generated functions say the same again through `add_registered_method_handlers`."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Take a servicer's methods. Raises ValueError for a stream and for a method that is already here."""
        for name, handler in method_handlers.items():
            path = f"/{service_name}/{name}"
            if handler.request_streaming or handler.response_streaming:
                raise ValueError(f"{path} is a stream: calls between services are unary")
            if path in self._methods:
                raise ValueError(f"{path} has a servicer already")
            self._methods[path] = _Method(
                handler.request_deserializer,
                handler.unary_unary,
                handler.response_serializer,
                _reads(f"{service_name}.{name}"),
            )

    async def answer(self, path: str, body: bytes, context: ServicerContext) -> Reply:
        """Handle one call in the current task. Raises only CancelledError: the caller is gone."""
        if self._stopping:
            return _STOPPING
        method = self._methods.get(path)
        if method is None:
            return _UNIMPLEMENTED
        if not method.reads:
            self._called()
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            return await _guarded(method, path, body, context)
        except asyncio.CancelledError:
            if self._cut_off:
                return _CUT_OFF
            raise
        finally:
            self._running.discard(task)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls with UNAVAILABLE, let those that run finish, and cancel what outlasts the grace.

        Servicers in one process call each other: stop this after whatever brings work in (HTTP, the
        RPC server, jobs), or a call that runs is refused by its own neighbor.
        """
        self._stopping = True
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        self._cut_off = True
        for task in self._running:
            task.cancel()
        if self._running:
            # Long enough for whoever heeds it.
            await asyncio.wait(self._running, timeout=_CUT_OFF_SECONDS)


def _reads(method: str) -> bool:
    try:
        options = descriptor_pool.Default().FindMethodByName(method).GetOptions()
    except KeyError:  # it is in no contract of ours
        return False
    return bool(options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS)


def _nothing() -> None:
    pass


async def _guarded(method: _Method, path: str, body: bytes, context: ServicerContext) -> Reply:
    """Run the method; every way in which it can fail becomes a reply."""
    try:
        return await _run(method, path, body, context)
    except Problem as problem:
        return refusal(problem, context.reply().trailing_metadata)
    except grpc.aio.AbortError:
        return context.reply()
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody canceled the call: the handler awaited something that was, and that is a bug like another.
        return _fault(path, error)
    except ENDS:
        raise
    except BaseException as error:
        if isinstance(error, NotImplementedError) and context.code() is grpc.StatusCode.UNIMPLEMENTED:
            # The generated base class, for a method that the servicer does not have.
            return _UNIMPLEMENTED
        return _fault(path, error)


async def _run(method: _Method, path: str, body: bytes, context: ServicerContext) -> Reply:
    with using(to_context(context.metadata, context.deadline)):
        answer = await method.handle(method.parse(body), context)
        if context.code() is not grpc.StatusCode.OK:
            return context.reply()
        answered = method.serialize(answer)
    if len(answered) > MAX_MESSAGE_BYTES:
        log.error("The answer of %s has %d bytes, %d are allowed", path, len(answered), MAX_MESSAGE_BYTES)
        return _TOO_LARGE
    return context.reply(answered)


def _fault(path: str, error: BaseException) -> Reply:
    log.error("%s failed", path, exc_info=error)
    return refusal(Fault("The service failed."))
