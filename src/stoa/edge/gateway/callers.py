"""Who is at the other end: the address of a caller and whether it came over https."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.types import Scope

from stoa.kit.settings import BadSetting


@dataclass(frozen=True, slots=True)
class Caller:
    address: str
    https: bool


class Proxies:
    """The proxies that stand before us and are believed; with none, the connection's own end is the caller."""

    def __init__(self, networks: Sequence[str]) -> None:
        try:
            self._networks = [ipaddress.ip_network(each) for each in networks]
        except ValueError as error:
            raise BadSetting(f"STOA_GATEWAY_TRUSTED_PROXIES cannot be used: {error}.") from None

    def caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller:
        """Of X-Forwarded-For the last address that is not one of our proxies: those before it anybody can write."""
        address = scope["client"][0] if scope.get("client") else ""
        https = scope.get("scheme") == "https"
        if not self._networks or not self._trusted(address):
            return Caller(address, https)
        for each in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            if _is_address(each.strip()):
                address = each.strip()
            if not self._trusted(address):
                break
        return Caller(address, headers.get(b"x-forwarded-proto", b"").strip().lower() == b"https")

    def _trusted(self, address: str) -> bool:
        if not _is_address(address):
            return False
        parsed = ipaddress.ip_address(address)
        return any(parsed in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
