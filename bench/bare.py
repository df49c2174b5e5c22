"""The most that this server could do in Python: an ASGI app that looks a path up and sends bytes it was given.

It runs on the very server class of the shop (`stoa.runtime.http_server`: uvicorn, httptools, uvloop, one
process), so what differs is only what the gateway does. `start` runs it as a process of its own and tells
it what to answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
from starlette.types import Receive, Scope, Send

from bench.load import HOST
from bench.questions import Question
from stoa.cli.main import run_until_signal
from stoa.runtime import children
from stoa.runtime.http_server import HttpServer

# The server sets these itself.
_OF_THE_SERVER = frozenset(("date", "server", "connection"))
_STOP = ((signal.SIGTERM, 5.0),)


class Fixed(msgspec.Struct, frozen=True):
    """An answer: the same bytes and headers as the shop's, to who asks for `path`."""

    path: str
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True)
class Bare:
    """The apps under their servers, one for each answer at a port of its own, in process `pid`."""

    ports: Sequence[int]
    pid: int


class App:
    def __init__(self, answer: Fixed) -> None:
        self._answers = {answer.path: answer}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        answer = self._answers[scope["path"]]
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})


async def copy_of(port: int, question: Question) -> Fixed:
    """What the server at `port` answers."""
    # The load says nothing but what the question does, and gets what is answered to that.
    async with (
        aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=("Accept-Encoding",)) as session,
        session.request(question.method, f"http://{HOST}:{port}{question.url}", headers=question.all_headers) as answer,
    ):
        if answer.status != question.status:
            raise RuntimeError(f"{question.name}: {answer.status} {await answer.text()}")
        headers = [
            (name.lower(), value)
            for name, value in answer.raw_headers
            if name.decode("latin-1").lower() not in _OF_THE_SERVER
        ]
        return Fixed(question.url.partition("?")[0], answer.status, headers, await answer.read())


@contextlib.asynccontextmanager
async def start(answers: Sequence[Fixed]) -> AsyncIterator[Bare]:
    """An app for each of these answers, in a process of their own, until the end of the block."""
    process = subprocess.Popen(  # noqa: ASYNC220 - a fork, once
        [sys.executable, "-m", "bench.bare"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(answers))
        process.stdin.close()
        # It says one line when it serves.
        ports = [int(each) for each in (await asyncio.to_thread(process.stdout.readline)).split()]
        if len(ports) != len(answers):
            raise RuntimeError("the bare app did not start")
        yield Bare(ports, process.pid)
    finally:
        await children.stop(process, _STOP)


async def _serve() -> None:
    answers = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Fixed])
    servers = [HttpServer(App(each), HOST, 0, finish_seconds=1, most_connections=900) for each in answers]
    for server in servers:
        await server.start()
    print(*(server.port for server in servers), flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.gather(*(server.stop() for server in servers))


if __name__ == "__main__":
    run_until_signal(_serve())
