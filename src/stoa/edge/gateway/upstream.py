"""A service in another process, as an ASGI app: asked over HTTP, at one of its addresses.

The service in this process is an ASGI app too, so the gateway cannot tell them apart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import aiohttp
from starlette.types import Receive, Scope, Send
from yarl import URL

from stoa.edge.gateway.breaker import OPEN_SECONDS, Breaker
from stoa.edge.gateway.headers import end_to_end
from stoa.kit import problems
from stoa.kit.http import asgi, edge
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
    """The replicas of one process at `addresses` (`host:port`). `edge_secret` proves to them who we are."""

    def __init__(self, name: str, addresses: Sequence[str], edge_secret: str, timeout_seconds: float) -> None:
        self._name = name
        self._addresses = [_Address(f"http://{each}") for each in addresses]
        self._secret = edge_secret
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=CONNECT_SECONDS)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises `UpstreamUnavailable` where no address answers; then nothing has been sent to the caller."""
        body = await asgi.read_body(dict(scope["headers"]), receive, MOST_BODY_BYTES)
        headers = [*_forwarded(scope["headers"]), *edge.headers_for(scope, self._secret)]
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        status, answer_headers, content = await self._ask(scope["method"], target.decode("ascii"), headers, body)
        await send({"type": "http.response.start", "status": status, "headers": answer_headers})
        await send({"type": "http.response.body", "body": content})

    async def check(self) -> None:
        """Return when one of the addresses says that it is ready. Raises `UpstreamUnavailable` where none does."""
        found = await asyncio.gather(*(self._is_ready(address) for address in self._addresses))
        if not any(found):
            raise UpstreamUnavailable(f"{self._name} is not ready.")

    async def _is_ready(self, address: _Address) -> bool:
        try:
            async with self._opened().get(f"{address.base}/readyz") as response:
                ready = response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False
        if ready:
            address.breaker.succeeded()
        return ready

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        for address in self._in_order():
            address.breaker.sending()
            address.in_flight += 1
            try:
                url = URL(address.base + target, encoded=True)
                async with self._opened().request(
                    method, url, headers=headers, data=body or None, allow_redirects=False
                ) as response:
                    content = await response.read()
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
                return response.status, _returned(response.raw_headers), content
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
                timeout=self._timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
        return self._session


def _forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers if name not in _OF_THE_CLIENT]


def _returned(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    lower = [(name.lower(), value) for name, value in headers]
    return [each for each in end_to_end(lower) if each[0] not in _OF_THE_SERVER]
