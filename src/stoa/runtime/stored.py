"""What runs for a service because it has a database: its relay, inbox and followers, and the forgetting of old rows."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stoa.app import followers, writers
from stoa.kit import hearers, inbox_repository, stream_parked, streams
from stoa.kit import outbox as outboxes
from stoa.kit.bus import Bus
from stoa.kit.followers import Follower
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.inbox import Inbox
from stoa.kit.pulse import Pulse
from stoa.kit.relay import Relay
from stoa.kit.service import Job, Parts
from stoa.kit.stream_calls import StreamCalls
from stoa.runtime import gauges

if TYPE_CHECKING:
    from stoa.runtime.hosted import ServiceResources

HOUSEKEEPING_SECONDS = 3600.0
"""How often a service forgets the answers and events that are older than anybody was promised."""


class Stored:
    """`start` when all services are built, `run` when the doors are open, `rest` before they stop."""

    def __init__(
        self, resources: ServiceResources, parts: Parts, bus: Bus, calls: StreamCalls, pulse: Pulse, *, stream_days: int
    ) -> None:
        service, db = resources.service, resources.db
        self.db = db
        self.keys = IdempotencyKeys(db)
        self.inbox = Inbox(service, db, parts.handlers, parts.batch_handler, pulse=pulse, reach=resources.reach)
        self._service = service
        self._outbox = resources.outbox
        self._handlers = parts.handlers
        self._relay = Relay(service, db, resources.outbox, bus, pulse=pulse, reach=resources.reach)
        self.streams = resources.streams.values()
        self._stream_kept = timedelta(days=stream_days)
        self.followers = [
            Follower(db, source, topic, handler, calls, pulse)
            for topic, handler in parts.followers.items()
            for source in writers(topic)
        ]
        for stream in self.streams:
            calls.offer(stream, followers(stream.topic))
        for follower in self.followers:
            calls.follow(follower)
        self._loops: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        if self._service.announces:
            await hearers.remember(self.db, self._outbox.goes_to)

    def run(self) -> None:
        """Relay what it announces, handle what it hears and follows."""
        if self._service.announces:
            self._loops.append(self._loop("relay", self._relay.run()))
        if self._handlers:
            self._loops.append(self._loop("inbox", self.inbox.run()))
        for follower in self.followers:
            self._loops.append(self._loop(f"follower.{follower.topic}", follower.run()))

    async def rest(self) -> None:
        """End all that `run` started; the batch and the event under way are finished."""
        await asyncio.gather(self._relay.stop(), self.inbox.stop(), *(follower.stop() for follower in self.followers))
        await asyncio.gather(*(stream.close() for stream in self.streams))
        if self._loops:
            await asyncio.wait(self._loops)

    async def measure(self) -> None:
        """Set the gauges that are read from the database."""
        await gauges.measure(self._service.name, self.db)
        await gauges.measure_streams(self._service.name, self.db, self.followers)

    def own_jobs(self) -> Iterator[Job]:
        async def put_back() -> None:
            await outboxes.put_back_refused(self.db, self._outbox.recipients)

        if self._service.announces:
            yield Job("refused", put_back, every_seconds=outboxes.REFUSED_AGAIN.total_seconds())

        async def forget() -> None:
            await self.keys.prune()
            await outboxes.forget_personal(self.db)
            await outboxes.prune(self.db)
            await inbox_repository.prune(self.db)
            for stream in self.streams:
                await streams.prune(self.db, stream.topic, self._stream_kept)
            await stream_parked.prune(self.db, self._stream_kept)

        yield Job("forget", forget, every_seconds=HOUSEKEEPING_SECONDS)

    def _loop(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(work, name=f"{self._service.name}.{name}")
