"""Streams between services, in process or over the wire: followers ask for batches, and are told of new ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextvars import Context
from functools import partial
from typing import Any

import grpc.aio

from stoa.contracts.events.v1.streams_pb2 import (
    CountStreamRequest,
    CountStreamResponse,
    ReadStreamRequest,
    ReadStreamResponse,
    StreamBatch,
    TellFollowerRequest,
    TellFollowerResponse,
)
from stoa.contracts.events.v1.streams_pb2_grpc import (
    StreamServiceServicer,
    StreamServiceStub,
    add_StreamServiceServicer_to_server,
)
from stoa.kit import problems, streams
from stoa.kit.channels import Registry
from stoa.kit.db import Database
from stoa.kit.followers import Follower
from stoa.kit.streams import Batch, Stream

log = logging.getLogger(__name__)

TELL_SECONDS = 2
READ_SECONDS = 10


class StreamCalls(StreamServiceServicer):
    """The streams and followers of one process, and the calls to those of others.

    `channel_of` gives the channel to a service by name; `registry` has what is called here.
    """

    def __init__(self, channel_of: Callable[[str], grpc.aio.Channel], registry: Registry) -> None:
        self._channel_of = channel_of
        self._written_here: dict[tuple[str, str], Database] = {}
        self._followed_here: dict[tuple[str, str, str], Follower] = {}
        # The generated functions name gRPC's server; the registry has what they use of it.
        server: Any = registry
        add_StreamServiceServicer_to_server(self, server)

    def offer(self, stream: Stream, followers: Collection[str]) -> None:
        """Have a stream of this process read by whoever asks, and these told of what is new."""
        source = stream.db.service
        self._written_here[source, stream.topic] = stream.db
        tellers = [_Teller(partial(self._tell, follower, source, stream.topic)) for follower in followers]

        def tell_all() -> None:
            for teller in tellers:
                teller.tell()

        stream.written = tell_all

    def follow(self, follower: Follower) -> None:
        """Have a follower of this process told."""
        self._followed_here[follower.name, follower.source, follower.topic] = follower

    async def read(self, source: str, topic: str, first: int, most: int) -> Sequence[Batch]:
        request = ReadStreamRequest(source=source, topic=topic, next=first, most=most)
        answer = await StreamServiceStub(self._channel_of(source)).ReadStream(request, timeout=READ_SECONDS)
        return [Batch(batch.id, batch.events) for batch in answer.batches]

    async def count(self, source: str, topic: str, first: int) -> int:
        request = CountStreamRequest(source=source, topic=topic, next=first)
        answer = await StreamServiceStub(self._channel_of(source)).CountStream(request, timeout=READ_SECONDS)
        return int(answer.events)

    async def _tell(self, follower: str, source: str, topic: str) -> None:
        request = TellFollowerRequest(follower=follower, source=source, topic=topic)
        await StreamServiceStub(self._channel_of(follower)).TellFollower(request, timeout=TELL_SECONDS)

    async def ReadStream(self, request: ReadStreamRequest, context: object) -> ReadStreamResponse:  # noqa: ARG002, N802
        db = self._database(request.source, request.topic)
        batches = await streams.read(db, request.topic, request.next, request.most)
        return ReadStreamResponse(batches=[StreamBatch(id=batch.id, events=batch.data) for batch in batches])

    async def CountStream(self, request: CountStreamRequest, context: object) -> CountStreamResponse:  # noqa: ARG002, N802
        db = self._database(request.source, request.topic)
        return CountStreamResponse(events=await streams.count(db, request.topic, request.next))

    async def TellFollower(self, request: TellFollowerRequest, context: object) -> TellFollowerResponse:  # noqa: ARG002, N802
        follower = self._followed_here.get((request.follower, request.source, request.topic))
        if follower is None:
            raise problems.NotFound(f"{request.follower} follows no {request.topic} of {request.source} here.")
        follower.tell()
        return TellFollowerResponse()

    def _database(self, source: str, topic: str) -> Database:
        db = self._written_here.get((source, topic))
        if db is None:
            raise problems.NotFound(f"{source} writes no {topic} here.")
        return db


class _Teller:
    """Tells one follower, a call at a time: what is written meanwhile the next one tells."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._untold = False
        self._telling: asyncio.Task[None] | None = None

    def tell(self) -> None:
        self._untold = True
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell(), context=Context())

    async def _tell(self) -> None:
        try:
            while self._untold:
                self._untold = False
                try:
                    await self._call()
                except problems.Problem as problem:
                    # It looks by itself when it is there again.
                    log.debug("a follower is not told: %s", problem)
        finally:
            self._telling = None
