"""Who is calling, in which trace, until when: it travels with every call and every event.

Between services it goes as metadata (`stoa.kit.channels.metadata`), with an event as its
`traceparent`. A handler always starts with a fresh context, in process as on the wire.
"""

from __future__ import annotations

import os
import random
import re
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass

import msgspec

from stoa.kit.permissions import EVERYTHING, OF_OWN


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in user. `session_id` is the refresh-token family.

    `permissions` are those of the `roles`, as they were at `roles_version`; 0 where the token does not say it.
    `sellers` are those that the user acts for, by id; `groups` the customer groups that they are in, by name.
    """

    user_id: str
    email: str
    roles: frozenset[str]
    session_id: str
    permissions: frozenset[str] = frozenset()
    roles_version: int = 0
    sellers: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def may(self, permission: str) -> bool:
        return permission in self.permissions or EVERYTHING in self.permissions

    def is_outdated(self, roles_version: int) -> bool:
        """Whether a role has changed since; `roles_version` is the one by now. Of what does not say its own: no."""
        return 0 < self.roles_version < roles_version

    @property
    def is_staff(self) -> bool:
        """Whether they may do something for the shop: more than with what is their own."""
        return any(not each.endswith(OF_OWN) for each in self.permissions)


class Context(msgspec.Struct, frozen=True):
    """`deadline` is on the monotonic clock, in seconds; None where nobody waits (jobs, handlers)."""

    trace_id: str
    span_id: str
    request_id: str
    principal: Principal | None = None
    deadline: float | None = None

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"

    def remaining(self) -> float | None:
        """Seconds until the deadline, never below zero; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


def fresh(
    *,
    traceparent: str | None = None,
    request_id: str | None = None,
    principal: Principal | None = None,
    deadline: float | None = None,
) -> Context:
    """A context with a new span, in the trace that `traceparent` names if that is well formed."""
    trace_id = _trace_of(traceparent) or f"{_random(128):032x}"
    return Context(trace_id, f"{_random(64):016x}", request_id or trace_id, principal, deadline)


def beneath(context: Context) -> Context:
    """A new span in the same trace, and nobody signed in: what whoever is called starts with."""
    return Context(context.trace_id, f"{_random(64):016x}", context.request_id, None, context.deadline)


# They have to differ, and nobody is let in by guessing one: the system's own random bytes cost ten times as much.
_random = random.Random(os.urandom(32)).getrandbits  # noqa: S311

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")


def _trace_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C traceparent; None where it is not one."""
    match = _TRACEPARENT.match(traceparent) if traceparent else None
    return match[1] if match else None


_current: ContextVar[Context | None] = ContextVar("stoa_context", default=None)


def current() -> Context:
    """The context in force; a new one where none was set (a job, a test)."""
    context = _current.get()
    if context is None:
        context = fresh()
        _current.set(context)
    return context


def change(context: Context) -> None:
    """Go on under this one, to the end of the block that is `using` another."""
    _current.set(context)


class using:  # noqa: N801 - it is used as a function is
    """Run the block under `context`. A generator would cost three times as much, and every request has two."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context) -> None:
        self._context = context

    def __enter__(self) -> Context:
        self._token: Token[Context | None] = _current.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
