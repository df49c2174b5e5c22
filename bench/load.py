"""The load: a small HTTP/1.1 client that sends prebuilt bytes over a few kept connections and times the answers.

A client library would cost more than the server it measures. This one writes a request, looks for the
status and the length in the answer, and writes the next: no pipelining, one request at a time on each
connection. It talks to 127.0.0.1 only, and every run is bounded in time or in number.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"
ANSWER_WITHIN_SECONDS = 60.0
"""When nothing at all is answered for as long, the run ends: the shop hangs, and the report says so."""


class NoAnswer(Exception):
    """The server hung up, or was silent for too long."""


@dataclass
class Sample:
    """What one run measured: `latencies` in seconds, in the order of the answers; `busy` is the client's own share of
    a core, near 1 where it was the client that was measured.
    """

    seconds: float = 0.0
    busy: float = 0.0
    latencies: array[float] = field(default_factory=lambda: array("d"))
    statuses: Counter[int] = field(default_factory=Counter)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def answers(self) -> int:
        return len(self.latencies)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answers / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of the requests were answered."""
        return quantile(self.latencies, share)

    def refused(self, expected: int) -> int:
        """How many answers had another status."""
        return self.answers - self.statuses[expected]


def quantile(values: array[float] | list[float], share: float) -> float:
    """The value that `share` of them do not exceed; 0 of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0.0


def request(
    method: str, path: str, body: bytes = b"", *, headers: dict[str, str] | None = None, host: str = HOST
) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def repeated(one: bytes, seconds: float) -> Iterator[bytes]:
    """The same request, for so long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        yield one


async def run(
    port: int, requests: Iterator[bytes], *, connections: int, keep_bodies: bool = False, has_body: bool = True
) -> Sample:
    """Send what `requests` yields, each over whichever of so many connections is free. Raises `NoAnswer`.

    With `keep_bodies` the sample has every body, in the order of the answers. `has_body` is False of HEAD, whose answer
    says the length of a body that it does not have.
    """
    async with opened(port, connections, keep_bodies=keep_bodies, has_body=has_body) as lines:
        return await lines.run(requests)


@asynccontextmanager
async def opened(
    port: int, connections: int, *, keep_bodies: bool = False, has_body: bool = True
) -> AsyncIterator[Lines]:
    """Connections for several runs, one after the other, until the end of the block."""
    loop = asyncio.get_running_loop()
    lines = Lines()
    try:
        for _ in range(connections):
            transport, connection = await loop.create_connection(lambda: _Connection(keep_bodies, has_body), HOST, port)
            connection.transport = transport
            lines.connections.append(connection)
        yield lines
    finally:
        for each in lines.connections:
            each.close()


class Lines:
    """Kept connections to one server."""

    def __init__(self) -> None:
        self.connections: list[_Connection] = []

    async def run(self, requests: Iterator[bytes]) -> Sample:
        """As `run` of the module."""
        sample = Sample()
        cpu, started = time.process_time(), time.perf_counter()
        for each in self.connections:
            each.begin(requests, sample)
        await _until_done(self.connections, sample)
        sample.seconds = time.perf_counter() - started
        sample.busy = (time.process_time() - cpu) / sample.seconds
        return sample


async def _until_done(opened: list[_Connection], sample: Sample) -> None:
    waiting = {each.done for each in opened}
    while waiting:
        answers = sample.answers
        done, waiting = await asyncio.wait(waiting, timeout=ANSWER_WITHIN_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        for one in done:
            one.result()
        if waiting and sample.answers == answers:
            raise NoAnswer(f"nothing was answered for {ANSWER_WITHIN_SECONDS:.0f} s")


class _Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last is whole."""

    transport: asyncio.WriteTransport

    def __init__(self, keep_bodies: bool, has_body: bool) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done.set_result(None)
        self._requests: Iterator[bytes] = iter(())
        self._sample = Sample()
        self._keep_bodies = keep_bodies
        self._has_body = has_body
        self._received = b""
        self._sent_at = 0.0

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(NoAnswer(f"the server hung up{f': {error}' if error else ''}"))

    def begin(self, requests: Iterator[bytes], sample: Sample) -> None:
        """Ask until there is no request left; then `done` is."""
        self.done = asyncio.get_running_loop().create_future()
        self._requests, self._sample = requests, sample
        if self.transport.is_closing():
            self.done.set_exception(NoAnswer("the server hung up between two runs"))
        else:
            self.send_next()

    def send_next(self) -> None:
        message = next(self._requests, None)
        if message is None:
            if not self.done.done():
                self.done.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self.transport.write(message)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        length = _body_length(received, head) if self._has_body else 0
        if head < 0 or len(received) < head + 4 + length:
            self._received = received
            return
        self._received = b""
        self._sample.latencies.append(time.perf_counter() - self._sent_at)
        self._sample.statuses[int(received[9:12])] += 1
        if self._keep_bodies:
            self._sample.bodies.append(received[head + 4 : head + 4 + length])
        self.send_next()

    def close(self) -> None:
        if not self.done.cancel() and not self.done.cancelled():
            self.done.exception()  # it was told by the run
        self.transport.abort()


def _body_length(received: bytes, head: int) -> int:
    """Of an answer whose headers end at `head`. Servers of ours always say it."""
    at = received.find(b"content-length: ", 0, head)
    return int(received[at + 16 : received.index(b"\r", at)]) if at >= 0 else 0
