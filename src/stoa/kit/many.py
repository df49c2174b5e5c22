"""Many requests in one call, each with an outcome of its own: a wave of checkouts is one call to each neighbor.

    async def ReserveMany(self, request, context):                        how a servicer answers
        results = await each(self.Reserve, request.requests, request.origins)
        return ReserveManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])

    results = results_of((await stub.ReserveMany(request)).outcomes)      how a caller reads it

An outcome is what it ended with, or the problem that a call of its own would have raised, or neither of both: it takes
longer than the others are to wait for it. That one is `UnderWay`. It goes on, and whoever asks again with it alone
waits for it to the end, because what is asked for in this way is asked for by key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeVar

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
    if not running:
        return []
    try:
        if len(running) + done_already == 1:
            await asyncio.wait(running)
        else:
            if not done_already:
                await asyncio.wait(running, timeout=FIRST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(running, timeout=WAIT_SECONDS)
    except asyncio.CancelledError:
        for one in running:
            one.cancel()
        raise
    return [_result(one) for one in running]


async def each(
    act: Callable[[Request], Awaitable[Result]], requests: Sequence[Request], origins: Sequence[Origin]
) -> list[Result | Exception]:
    """What `act` answers to each request in the context that is its origin, all `gathered`."""
    return await gathered(
        _within(origin, act, request)
        for request, origin in zip(requests, origins_of(origins, len(requests)), strict=True)
    )


async def _within(origin: Context, act: Callable[[Request], Awaitable[Result]], request: Request) -> Result:
    # In a task of its own, whose context nobody else has.
    with context.using(origin):
        return await act(request)


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
    return shape(**{_done_of(shape): said(result)})


def results_of(outcomes: Iterable[Message]) -> list[Any]:
    """What each of them ended with: its message, its problem, or `UnderWay`."""
    return [_read(one) for one in outcomes]


def _read(one: Any) -> Any:
    which = one.WhichOneof("outcome")
    if which is None:
        return UnderWay("This takes longer than the others.")
    return problems.decode(one.problem.document) if which == "problem" else getattr(one, which)


def _done_of(shape: Any) -> str:
    """The member of the outcome that is not its problem."""
    return str(next(field.name for field in shape.DESCRIPTOR.fields if field.name != "problem"))
