"""When a signing key signs and how long it is published, from nothing but the times at which each begins.

made        published, so that every cache of the key set has it before its first token
signs       from its `signs_from` until the next key's
retired     published as long as its last token lives; then its row, private part included, goes

The clock may have been ahead when a key was made, and right since. Such a key stays published and has its turn when its
time comes. Until then it signs only where there is no other, and is not taken for the next one.
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


def signer(keys: Sequence[KeyRow], now: datetime) -> KeyRow:
    """The key that signs: of those that have begun the latest, and where none has, of all; there is at least one."""
    begun = [key for key in keys if key.signs_from <= now]
    return max(begun or keys, key=lambda key: key.signs_from)


def waiting(keys: Sequence[KeyRow], now: datetime, lead: timedelta) -> list[KeyRow]:
    """The keys that will sign within the lead that a new one has."""
    return [key for key in keys if now < key.signs_from <= now + lead + CLOCKS_APART]


def withdrawn(keys: Sequence[KeyRow], now: datetime, token_life: timedelta) -> list[KeyRow]:
    """The keys whose last token is dead."""
    ordered = sorted(keys, key=lambda key: key.signs_from)
    ends = [(key, after.signs_from) for key, after in pairwise(ordered)]
    return [key for key, end in ends if end + token_life + CLOCKS_APART <= now]


def is_due(keys: Sequence[KeyRow], now: datetime, age: timedelta, lead: timedelta) -> bool:
    """Whether it is time for a next key: the newest has signed for `age`, and none waits."""
    return not waiting(keys, now, lead) and all(key.signs_from + age <= now for key in keys if key.signs_from <= now)
