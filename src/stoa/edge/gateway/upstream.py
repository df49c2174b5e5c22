"""A service in another process, as an ASGI app: asked over HTTP, at one of its addresses.

What is not large, `MOST_BODY_BYTES` of a body or an answer, is gathered: it is whole before it goes on, so nobody sees
half of it. What may be larger is passed on as it comes, at the pace of the slower end.

A service in the gateway's own process answers with a value instead (`Api.answer`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import aiohttp
from starlette.types import Receive, Scope, Send
from yarl import URL

from stoa.edge.gateway.headers import end_to_end
from stoa.kit import problems
from stoa.kit.breaker import OPEN_SECONDS, Breaker
from stoa.kit.http import asgi, edge, streaming
from stoa.kit.http.app import MOST_BODY_BYTES

KEEP_ALIVE_SECONDS = 3.0
"""Shorter than uvicorn's 5 s, so that it is never the server who hangs up as we write."""
CONNECTIONS = 256
CONNECT_SECONDS = 2.0

# The client says anew to whom it talks and how much it sends, our own server when it answered.
_OF_THE_CLIENT = frozenset((b"content-length", b"host"))
_OF_THE_SERVER = frozenset((b"date", b"server"))


class UpstreamUnavailable(problems.Unavailable):
    title = "A service does not answer"
    slug = "upstream-unavailable"


class UpstreamOverdue(UpstreamUnavailable):
    title = "A service did not answer in time"
    slug = "upstream-overdue"


@dataclass
class _Address:
    base: str
    breaker: Breaker = field(default_factory=Breaker)
    in_flight: int = 0


class RemoteUpstream:
    """The replicas of one process at `addresses` (`host:port`). `edge_secret` proves to them who we are.

    `timeout_seconds` is for the beginning of an answer, and then for all of one that is gathered or a piece of another.
    """

    def __init__(self, name: str, addresses: Sequence[str], edge_secret: str, timeout_seconds: float) -> None:
        self._name = name
        self._addresses = [_Address(f"http://{each}") for each in addresses]
        self._secret = edge_secret
        self._seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `UpstreamUnavailable` where no address answers. Only of an answer that is passed on in pieces may
        something have been sent to the caller by then, who sees that it breaks off."""
        most = scope.get(edge.BODY_LIMIT, MOST_BODY_BYTES)
        if most > MOST_BODY_BYTES:
            body = streaming.BodyStream()
            await self._ask(lambda address: self._pass_on(address, scope, body, receive, send))
        else:
            whole = await asgi.read_body(dict(scope["headers"]), receive, most)
            await self._ask(lambda address: self._send_whole(address, scope, whole, receive, send))

    async def check(self) -> None:
        """Return when one of the addresses says that it is ready. Raises `UpstreamUnavailable` where none does."""
        found = await asyncio.gather(*(self._is_ready(address) for address in self._addresses))
        if not any(found):
            raise UpstreamUnavailable(f"{self._name} is not ready.")

    async def _is_ready(self, address: _Address) -> bool:
        try:
            async with asyncio.timeout(self._seconds), self._opened().get(f"{address.base}/readyz") as response:
                ready = response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
        if ready:
            address.breaker.succeeded()
        return ready

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _send_whole(self, address: str, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(self._seconds):
            response = await self._request(address, scope, body or None)
        await self._return(response, receive, send)

    async def _pass_on(
        self, address: str, scope: Scope, body: streaming.BodyStream, receive: Receive, send: Send
    ) -> None:
        filling = body.fill(receive, scope[edge.BODY_LIMIT], self._seconds)
        response = await streaming.watched(self._request(address, scope, body), filling)
        try:
            await self._return(response, receive, send)
        finally:
            if not body.ended:
                # It was answered early: what it has not got of the body would be taken for the next request.
                response.close()

    async def _request(
        self, address: str, scope: Scope, body: bytes | streaming.BodyStream | None
    ) -> aiohttp.ClientResponse:
        headers = [*_forwarded(scope["headers"]), *edge.headers_for(scope, self._secret)]
        if isinstance(body, streaming.BodyStream):
            headers += _announced(scope["headers"])
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        url = URL(address + target.decode("ascii"), encoded=True)
        return await self._opened().request(scope["method"], url, headers=headers, data=body, allow_redirects=False)

    async def _return(self, response: aiohttp.ClientResponse, receive: Receive, send: Send) -> None:
        """Send the answer on. Raises `TimeoutError` where it, or a piece of a large one, does not come."""
        start = {"type": "http.response.start", "status": response.status, "headers": _returned(response.raw_headers)}
        async with response:
            if _may_be_large(response):
                await send(start)
                await streaming.watched(self._return_pieces(response, send), streaming.gone(receive))
                content = b""
            else:
                async with asyncio.timeout(self._seconds):
                    content = await response.read()
                await send(start)
        await send({"type": "http.response.body", "body": content})

    async def _return_pieces(self, response: aiohttp.ClientResponse, send: Send) -> None:
        while True:
            async with asyncio.timeout(self._seconds):
                piece = await response.content.readany()
            if not piece:
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})

    async def _ask(self, exchange: Callable[[str], Awaitable[None]]) -> None:
        for address in self._in_order():
            address.breaker.sending()
            address.in_flight += 1
            try:
                await exchange(address.base)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                # Nothing was sent: another replica may have it.
                address.breaker.failed()
                continue
            except TimeoutError as error:
                address.breaker.failed()
                raise UpstreamOverdue(f"{self._name} did not answer in time: the outcome is unknown.") from error
            except (aiohttp.ClientError, OSError) as error:
                address.breaker.failed()
                raise self._unavailable() from error
            except BaseException:
                address.breaker.abandoned()
                raise
            else:
                address.breaker.succeeded()
                return
            finally:
                address.in_flight -= 1
        raise self._unavailable()

    def _in_order(self) -> list[_Address]:
        """The addresses that may be asked, the least busy first."""
        usable = [address for address in self._addresses if address.breaker.admits()]
        random.shuffle(usable)
        return sorted(usable, key=lambda address: address.in_flight)

    def _unavailable(self) -> UpstreamUnavailable:
        return UpstreamUnavailable(f"{self._name} does not answer.", retry_after_seconds=int(OPEN_SECONDS))

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers if name not in _OF_THE_CLIENT]


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """How long the body is that is passed on as it comes, if it says so: else it goes on in chunks, as it came."""
    return [("content-length", value.decode("latin-1")) for name, value in headers if name == b"content-length"]


def _may_be_large(response: aiohttp.ClientResponse) -> bool:
    if response.content_length is None:
        return response.status not in {204, 304}
    return response.content_length > MOST_BODY_BYTES


def _returned(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    lower = [(name.lower(), value) for name, value in headers]
    return [each for each in end_to_end(lower) if each[0] not in _OF_THE_SERVER]
