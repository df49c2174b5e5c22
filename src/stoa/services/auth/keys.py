"""When a signing key signs and how long it is published, from nothing but the times at which each begins.

made        published, so that every cache of the key set has it before its first token
signs       from its `signs_from` until the next key's
retired     published as long as its last token lives; then its row, private part included, goes
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

CLOCKS_APART = timedelta(seconds=60)
"""How far the clocks of two machines may differ."""


@dataclass(frozen=True)
class KeyRow:
    kid: str
    private_pem: str
    public_jwk: dict[str, Any]
    signs_from: datetime


def signer(keys: Sequence[KeyRow], now: datetime) -> KeyRow | None:
    """The key that signs: of those that have begun, the latest."""
    begun = [key for key in keys if key.signs_from <= now]
    return max(begun, key=lambda key: key.signs_from, default=None)


def withdrawn(keys: Sequence[KeyRow], now: datetime, token_life: timedelta) -> list[KeyRow]:
    """The keys whose last token is dead."""
    ordered = sorted(keys, key=lambda key: key.signs_from)
    ends = [(key, after.signs_from) for key, after in pairwise(ordered)]
    return [key for key, end in ends if end + token_life + CLOCKS_APART <= now]


def is_due(keys: Sequence[KeyRow], now: datetime, age: timedelta) -> bool:
    """Whether it is time for a next key: the newest has signed for `age`."""
    return all(key.signs_from + age <= now for key in keys)
