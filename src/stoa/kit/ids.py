"""UUIDv7 identifiers (RFC 9562 §5.7) as strings: ordered by creation time, so they index well.

Lists are sorted by them, so those of one millisecond have an order, too: of the quarter of a microsecond.
"""

import os
import re
import time
from datetime import UTC, datetime

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

FIRST = "00000000-0000-0000-0000-000000000000"
"""Before every id."""
LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
"""After every id: where a list that goes backward begins."""


def uuid7() -> str:
    """A new UUIDv7: 48 bits of Unix milliseconds, 12 of their fraction (§6.2, method 3), then 62 random bits from the
    system's generator."""
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    return _layout(milliseconds, f"{rest * 4096 // 1_000_000:03x}{os.urandom(8).hex()}")


def first_uuid7(moment: datetime) -> str:
    """Not after any UUIDv7 of this moment or a later one, and after those of the milliseconds before."""
    return _layout(int(moment.timestamp() * 1000), "0" * 20)


def moment_of(uuid: str) -> datetime:
    """When this UUIDv7 was made, in UTC."""
    return datetime.fromtimestamp(int(uuid[:8] + uuid[9:13], 16) / 1000, UTC)


def is_uuid(text: str) -> bool:
    """Whether PostgreSQL would take `text`, which may come from anywhere, for a uuid."""
    return _UUID.fullmatch(text) is not None


def _layout(milliseconds: int, rest: str) -> str:
    """With as many of the hexadecimal digits of `rest` as there is room for."""
    moment = f"{milliseconds:012x}"
    return f"{moment[:8]}-{moment[8:]}-7{rest[:3]}-{_VARIANT[rest[3]]}{rest[4:7]}-{rest[7:19]}"


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""Two of the digit's four bits stay random."""
