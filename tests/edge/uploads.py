"""A service that takes and gives what is large, in small; with its own gateway, and each as a process: `python -m
tests.edge.uploads` is the service, with `HOST:PORT` behind it a gateway before the service at that address."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from starlette.types import ASGIApp

from stoa import app
from stoa.edge.gateway import Gateway, GatewaySettings
from stoa.edge.gateway.upstream import RemoteUpstream
from stoa.kit.channels import InProcessChannel, Registry
from stoa.kit.http.app import Api, build
from stoa.kit.http.routes import PUBLIC, UNKEPT, Request, Routes, Streamed
from stoa.kit.http.streaming import BodyStream
from stoa.kit.service import LargestBody, Service
from stoa.kit.tokens import Verifier
from stoa.runtime.http_server import HttpServer

MIB = 1 << 20
PIECE = b"0123456789abcdef" * 4096

UPLOADS = Service(
    name="uploads",
    package="tests.edge.uploads",
    paths=("POST /uploads", "POST /documents", "POST /notes", "GET /downloads/{pieces}"),
    bodies=(
        LargestBody("POST /uploads", 64 * MIB),
        LargestBody("POST /documents", 2 * MIB),
        LargestBody("POST /notes", 10),
    ),
)


class Digest(msgspec.Struct):
    size: int
    sha256: str


class Uploads:
    """Counts what its handlers saw. They wait before each piece until `go_on`; `canceled` is who was cut off."""

    def __init__(self) -> None:
        self.taken = 0
        self.given = 0
        self.done = 0
        self.arrived = asyncio.Event()
        self.canceled = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    def api(self) -> Api:
        return build(
            [routes.bind(self)], verifier=VERIFIER, largest_bodies=UPLOADS.largest_bodies, edge_secret="between us"
        )


routes: Routes[Uploads] = Routes("uploads")


@routes.post("/uploads", who=PUBLIC, body=BodyStream, answer=Digest, idempotent=UNKEPT)
async def upload(uploads: Uploads, request: Request[BodyStream]) -> Digest:
    digest, size = hashlib.sha256(), 0
    try:
        async for piece in request.body:
            digest.update(piece)
            size += len(piece)
            uploads.taken += len(piece)
            uploads.arrived.set()
            await uploads.go_on.wait()
    except asyncio.CancelledError:
        uploads.canceled.set()
        raise
    uploads.done += 1
    return Digest(size, digest.hexdigest())


@routes.post("/documents", who=PUBLIC, body=bytes, answer=Digest, idempotent=UNKEPT)
async def document(uploads: Uploads, request: Request[bytes]) -> Digest:
    uploads.done += 1
    return Digest(len(request.body), hashlib.sha256(request.body).hexdigest())


@routes.post("/notes", who=PUBLIC, body=bytes, answer=Digest, idempotent=UNKEPT)
async def note(uploads: Uploads, request: Request[bytes]) -> Digest:
    uploads.done += 1
    return Digest(len(request.body), "")


@routes.get("/downloads/{pieces}", who=PUBLIC)
async def download(uploads: Uploads, request: Request) -> Streamed:
    """As many pieces as the path says; after `-5` it breaks off at the fifth."""
    count = int(request.path["pieces"])

    async def pieces() -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(abs(count)):
                uploads.given += len(PIECE)
                yield PIECE
                uploads.arrived.set()
                await uploads.go_on.wait()
        except (asyncio.CancelledError, GeneratorExit):
            uploads.canceled.set()
            raise
        if count < 0:
            raise ValueError("it broke")

    return Streamed(pieces(), "text/plain", length=count * len(PIECE) if count > 10 else None)


async def _no_keys() -> str:
    return '{"keys":[]}'


VERIFIER = Verifier(_no_keys, app.PERMISSIONS)


def gateway_to(upstream: ASGIApp) -> Gateway:
    settings = GatewaySettings(requests_per_minute=100_000)
    return Gateway(
        (UPLOADS,),
        {"uploads": upstream},
        VERIFIER,
        InProcessChannel(Registry()),
        settings=settings,
        visitor_secret="of visitors",
    )


async def _serve(address: str | None) -> None:
    upstream = RemoteUpstream("uploads", [address], "between us", 10.0) if address else None
    app: Any = gateway_to(upstream) if upstream else Uploads().api()
    server = HttpServer(app, "127.0.0.1", 0, finish_seconds=1, most_connections=10)
    await server.start()
    print(server.port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()
    if upstream:
        await upstream.close()


if __name__ == "__main__":
    asyncio.run(_serve(next(iter(sys.argv[1:]), None)))
