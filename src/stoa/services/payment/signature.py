"""Signing a webhook: `Stoa-Signature: t=<Unix seconds>,v1=<HMAC-SHA256 of "<t>.<body>", in hex>`."""

from __future__ import annotations

import hashlib
import hmac
import re

_SHAPE = re.compile(r"t=(?P<time>[0-9]{1,12}),v1=(?P<mac>[0-9a-f]{64})")


def sign(secret: str, timestamp: int, body: bytes) -> str:
    return f"t={timestamp},v1={_mac(secret, timestamp, body)}"


def is_genuine(header: str, secret: str, body: bytes, *, now: int, tolerance_seconds: int) -> bool:
    """Whether `body` is signed with `secret` and the signature is fresh."""
    match = _SHAPE.fullmatch(header)
    if match is None:
        return False
    timestamp = int(match["time"])
    genuine = hmac.compare_digest(match["mac"], _mac(secret, timestamp, body))
    return genuine and abs(now - timestamp) <= tolerance_seconds


def _mac(secret: str, timestamp: int, body: bytes) -> str:
    return hmac.new(secret.encode(), str(timestamp).encode() + b"." + body, hashlib.sha256).hexdigest()
