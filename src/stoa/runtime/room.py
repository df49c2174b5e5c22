"""Which connections of a server give way when there are more than it takes."""

from __future__ import annotations

from typing import Protocol


class Connection(Protocol):
    """`address` is its caller's."""

    address: str

    def give_way(self) -> None:
        """Hang up."""


class Room:
    """The connections of a server, at most `most`. When another one comes, one that waits for its caller gives way.

    It is taken from the address that has most of them, and it is the one that has waited longest: so whoever holds
    many for nothing takes them from itself, be it a guest or the proxy before us.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        # By address and, within it, in the order in which they began to wait.
        self._waiting: dict[str, dict[Connection, None]] = {}

    def note(self, connection: Connection, *, waits: bool) -> None:
        """Whether it waits: for its caller to send a request, or the rest, or to read an answer; or for its turn."""
        if waits:
            self._waiting.setdefault(connection.address, {}).setdefault(connection)
            return
        there = self._waiting.get(connection.address)
        if there is not None and connection in there:
            del there[connection]
            if not there:
                del self._waiting[connection.address]

    def make(self) -> bool:
        """Hang up on the one that may go first. False where all are at work."""
        if not self._waiting:
            return False
        most = max(self._waiting.values(), key=len)
        first = next(iter(most))
        self.note(first, waits=False)
        first.give_way()
        return True
