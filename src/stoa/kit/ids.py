"""UUIDv7 identifiers (RFC 9562 §5.7) as strings: ordered by creation time, so they index well."""

import os
import re
import time
from datetime import datetime

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""After every id: where a list that goes backward begins."""


def uuid7() -> str:
    """A new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits from the system's generator."""
    return _layout(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10)))


def first_uuid7(moment: datetime) -> str:
    """Not after any UUIDv7 of this moment or a later one, and after those of the milliseconds before."""
    return _layout(int(moment.timestamp() * 1000), 0)


def is_uuid(text: str) -> bool:
    """Whether PostgreSQL would take `text`, which may come from anywhere, for a uuid."""
    return _UUID.fullmatch(text) is not None


def _layout(milliseconds: int, rest: int) -> str:
    value = rest | milliseconds << 80
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
