"""Many requests in one call, each with an outcome of its own: a wave of checkouts is one call to each neighbor.

    async def CaptureMany(self, request, context):                        how a servicer answers
        results = await each(begin, request.requests, request.origins)    begin(request, origin) gives a future
        return CaptureManyResponse(outcomes=[outcome(PaymentOutcome, one, _message) for one in results])

    results = results_of((await stub.ReserveMany(request)).outcomes)      how a caller reads it

An outcome is what it ended with, or the problem that a call of its own would have raised, or neither: it takes longer
than the others are to wait for it. That one is `UnderWay`, and so are all where none has ended within a second. It goes
on, and whoever asks again with it alone waits for it to the end, because what is asked for in this way is asked for by
key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from stoa.contracts.common.v1.common_pb2 import Done, Origin, Problem
from stoa.kit import context, problems
from stoa.kit.context import Context

log = logging.getLogger(__name__)

Request = TypeVar("Request")
Result = TypeVar("Result")

WAIT_SECONDS = 0.1
"""How long those of a call that have ended wait for the others: many times what a commit takes."""
FIRST_SECONDS = 1.0
"""How long all of them wait for the first to end. What is done for all at once takes longer the more they are, and
while nothing has ended nobody is held up by another."""


class UnderWay(problems.Unavailable):
    """It takes longer than the others of its call wait for it. It goes on: ask again for it alone."""

    slug = "under-way"


Outcome = TypeVar("Outcome", bound=Message)
"""A message with a oneof `outcome`, one member of which is `problem`."""


async def gathered(acts: Iterable[Awaitable[Result]], *, done_already: int = 0) -> list[Result | Exception]:
    """What each of them ended with, in their order; `UnderWay` for one that takes longer than the others are to wait.
    So many more of the call are `done_already`.

    One alone is waited for. Who is canceled cancels what has not ended.
    """
    running = [asyncio.ensure_future(act) for act in acts]
    try:
        return await _ended(running, done_already)
    except asyncio.CancelledError:
        for one in running:
            one.cancel()
        raise


async def each(
    begin: Callable[[Request, Context], asyncio.Future[Result]], requests: Sequence[Request], origins: Sequence[Origin]
) -> list[Result | Exception]:
    """The same of what `begin` begins for each request, in the context that is its origin, or the problem that it
    raises. What has begun goes on whoever waits for it.
    """
    begun: list[asyncio.Future[Result] | problems.Problem] = []
    for request, origin in zip(requests, origins_of(origins, len(requests)), strict=True):
        try:
            begun.append(begin(request, origin))
        except problems.Problem as problem:
            begun.append(problem)
    running = [one for one in begun if not isinstance(one, problems.Problem)]
    ended = iter(await _ended(running, len(begun) - len(running)))
    return [one if isinstance(one, problems.Problem) else next(ended) for one in begun]


async def _ended(running: Sequence[asyncio.Future[Any]], done_already: int) -> list[Any]:
    left = [one for one in running if not one.done()]
    if left:
        is_alone = len(running) + done_already == 1
        await _Wait(left, is_alone=is_alone, has_begun=len(left) < len(running) + done_already).over
    return [_result(one) for one in running]


class _Wait:
    """It is `over` when all have ended, or those who have wait no longer. `asyncio.wait`, asked twice for it, takes
    three times as long; an order waits in five of them.
    """

    def __init__(self, running: Sequence[asyncio.Future[Any]], *, is_alone: bool, has_begun: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._left = len(running)
        self._has_begun = has_begun
        """Whether any of the call has ended."""
        self._timer: asyncio.TimerHandle | None = None
        if not is_alone:
            self._timer = self._loop.call_later(WAIT_SECONDS if has_begun else FIRST_SECONDS, self._end)
        for one in running:
            one.add_done_callback(self._one_ended)

    def _one_ended(self, _: asyncio.Future[Any]) -> None:
        self._left -= 1
        if self._left == 0:
            self._end()
        elif not self._has_begun:
            self._has_begun = True
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(WAIT_SECONDS, self._end)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self.over.done():
            self.over.set_result(None)


def done(_: object) -> Done:
    """What an outcome says of what is done, where there is nothing more to tell."""
    return Done()


def _result(running: asyncio.Future[Any]) -> Any:
    if not running.done():
        running.add_done_callback(_heard)
        return UnderWay("This takes longer than the others.")
    if running.cancelled():
        return problems.Fault("Something went wrong on our side.")
    error = running.exception()
    if error is None:
        return running.result()
    if isinstance(error, Exception):
        return error
    raise error


def _heard(ended: asyncio.Future[Any]) -> None:
    """Nobody waits for it any more, and asyncio is not to complain of that."""
    if not ended.cancelled():
        ended.exception()


def origins_of(origins: Sequence[Origin], count: int) -> list[Context]:
    """The context of each of `count` requests: its own origin, or else that of the call."""
    here = context.current()
    if not origins:
        return [here] * count
    return [context.fresh(traceparent=one.traceparent, request_id=one.request_id or None) for one in origins]


def outcome(shape: type[Outcome], result: Result | Exception, said: Callable[[Result], Message]) -> Outcome:
    """The outcome that tells a result: `said` makes of it what the outcome has for one that is done.

    What is no problem is logged, and told as a fault without detail.
    """
    if isinstance(result, UnderWay):
        return shape()
    if isinstance(result, problems.Problem):
        return shape(problem=Problem(document=result.encode()))
    if isinstance(result, Exception):
        log.error("one of many failed", exc_info=result)
        return shape(problem=Problem(document=problems.Fault("The service failed.").encode()))
    return shape(**{_done_of(shape.DESCRIPTOR): said(result)})


def results_of(outcomes: Iterable[Message]) -> list[Any]:
    """What each of them ended with: its message, its problem, or `UnderWay`."""
    return [_read(one) for one in outcomes]


def _read(one: Any) -> Any:
    which = one.WhichOneof("outcome")
    if which is None:
        return UnderWay("This takes longer than the others.")
    return problems.decode(one.problem.document) if which == "problem" else getattr(one, which)


@cache
def _done_of(shape: Descriptor) -> str:
    """The member of the outcome that is not its problem."""
    return str(next(field.name for field in shape.fields if field.name != "problem"))
