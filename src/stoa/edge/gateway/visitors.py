"""Visitor ids: by which a guest's idempotency key is told from the same key of another guest.

A guest has no name, and an address is shared by offices and networks. So the answer to a guest's keyed request
that nothing else tells apart brings a fresh id, in a cookie for browsers and in `Stoa-Visitor` for the others,
and a repeat counts only with it. It opens nothing: who has it may repeat what was sent with it, no more. Only
ids of our own making count, which nobody can guess: of one that two clients made up, both would be the owner.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re

from stoa.edge.gateway.arrival import Arrival
from stoa.kit.http.edge import VISITOR
from stoa.kit.idempotency import KEPT

COOKIE = "stoa_visitor"

_ID = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")


class Visitors:
    """The ids of an installation: all of its gateways know each other's by `secret`."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def of(self, arrival: Arrival) -> str:
        """The visitor id that came, in the header or else in the cookie; a new one where none of ours did."""
        for claimed in (arrival.headers.get(VISITOR, b"").decode("latin-1"), _cookie(arrival)):
            if self._is_ours(claimed):
                return claimed
        return self._new()

    def _new(self) -> str:
        name = _text(os.urandom(16))
        return f"{name}.{self._proof(name)}"

    def _is_ours(self, claimed: str) -> bool:
        if not _ID.fullmatch(claimed):
            return False
        name, _, proof = claimed.partition(".")
        return hmac.compare_digest(proof, self._proof(name))

    def _proof(self, name: str) -> str:
        return _text(hmac.digest(self._secret, f"visitor {name}".encode(), hashlib.sha256)[:16])


def cookie_for(visitor: str, *, https: bool) -> tuple[bytes, bytes]:
    """The header that has a browser send the id again, for as long as keys are kept."""
    secure = "; Secure" if https else ""
    seconds = int(KEPT.total_seconds())
    value = f"{COOKIE}={visitor}; Max-Age={seconds}; Path=/api; HttpOnly; SameSite=Lax{secure}"
    return b"set-cookie", value.encode()


def _cookie(arrival: Arrival) -> str:
    """The value of our cookie. Not by `http.cookies`: on a hostile header that takes the square of its length."""
    for each in arrival.headers.get(b"cookie", b"").decode("latin-1").split(";"):
        name, _, value = each.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
