"""Who is at the other end: the address of a caller and whether it came over https."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from starlette.types import Scope

from stoa.edge.gateway.headers import Headers
from stoa.kit.settings import BadSetting

_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")


class Caller(NamedTuple):
    address: str
    https: bool


class Proxies:
    """The proxies that stand before us and are believed; with none, the connection's own end is the caller."""

    def __init__(self, networks: Sequence[str]) -> None:
        try:
            self._networks = [ipaddress.ip_network(each) for each in networks]
        except ValueError as error:
            raise BadSetting(f"STOA_GATEWAY_TRUSTED_PROXIES cannot be used: {error}.") from None

    def address(self, scope: Scope, headers: Headers) -> str:
        """The caller's, at once where there is no proxy to look behind."""
        return self.caller(scope, headers).address if self._networks else _peer(scope)

    def caller(self, scope: Scope, headers: Headers) -> Caller:
        """Of X-Forwarded-For the last address that is not one of our proxies: those before it anybody can write.

        At an entry that is no address the walk stops, and the caller is the proxy that wrote it: whoever stands
        to the left of what we cannot read may be made up. All who come that way then share one limit.
        """
        address = _peer(scope)
        if not self._networks or not self._trusted(address):
            return Caller(address, scope.get("scheme") == "https")
        for each in reversed(_entries(headers, b"x-forwarded-for")):
            said = plain_address(each)
            if said is None:
                break
            address = said
            if not self._trusted(address):
                break
        # The scheme of the last hop: what stands before it anybody can write.
        schemes = _entries(headers, b"x-forwarded-proto")
        return Caller(address, bool(schemes) and schemes[-1].lower() == "https")

    def _trusted(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


def _peer(scope: Scope) -> str:
    client = scope.get("client")
    return _spelled(client[0]) if client else ""


@lru_cache(maxsize=10_000)
def _spelled(peer: str) -> str:
    """As the connection says it. Who connects cannot make it up, so many requests have the same."""
    return plain_address(peer) or peer


def plain_address(text: str) -> str | None:
    """An address in its one spelling, without port, brackets and the mapping of IPv4 into IPv6; None for anything
    else, also for an address with a zone, of which one caller could make up as many as it likes."""
    with_port = _WITH_PORT.fullmatch(text)
    if with_port is not None:
        text = with_port["v4"] or with_port["v6"]
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return None
        return str(parsed.ipv4_mapped or parsed)
    return str(parsed)


def _entries(headers: Headers, name: bytes) -> list[str]:
    """What all lines of a list header say, in order (RFC 9110 §5.3). An empty entry stands for itself: it says nothing
    that we could read."""
    lines = [value.decode("latin-1") for each, value in headers if each == name]
    return [entry.strip() for entry in ",".join(lines).split(",")] if any(lines) else []
