"""What became of an order or of a return: one line for each change of its status."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

import asyncpg
import msgspec

StatusT = TypeVar("StatusT", bound=StrEnum)


class Change(msgspec.Struct, Generic[StatusT], frozen=True):
    """One line of the history of an order or a return. `from_status` is None for the first."""

    from_status: StatusT | None
    status: StatusT
    reason: str
    actor: str
    changed_at: datetime


def change_of(row: asyncpg.Record, status: type[StatusT]) -> Change[StatusT]:
    before = status(row["from_status"]) if row["from_status"] is not None else None
    return Change(before, status(row["status"]), row["reason"], row["actor"], row["changed_at"])
