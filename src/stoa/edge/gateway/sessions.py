"""Whether the session behind a token still stands, and its roles as it says: asked of auth, remembered for a second."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoa.contracts.auth.v1.auth_pb2 import CheckSessionRequest
from stoa.kit.context import Principal
from stoa.kit.tokens import ExpiredToken, SessionEnded

if TYPE_CHECKING:
    # The generated stub is one class at run time; only its types know two.
    from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceAsyncStub

REMEMBER_SECONDS = 1.0
"""After a logout elsewhere, or a change of what a role allows, a token works at most this long."""
MOST_SESSIONS = 50_000


@dataclass(frozen=True, slots=True)
class _Known:
    """What auth said of a session, and until when that is believed."""

    active: bool
    roles_version: int
    until: float
    user_id: str


class Sessions:
    """Without auth no token is believed: a revoked one must not come back to life because auth is down."""

    def __init__(self, auth: AuthServiceAsyncStub) -> None:
        self._auth = auth
        self._checked: dict[str, _Known] = {}
        self._asking: dict[str, asyncio.Task[_Known]] = {}

    async def check(self, principal: Principal) -> None:
        """Raises `SessionEnded` for a session that was revoked, `ExpiredToken` where a role has changed since the token
        was made, `Unavailable` when auth does not answer."""
        session_id = principal.session_id
        known = self._checked.get(session_id)
        if known is None or time.monotonic() >= known.until:
            asking = self._asking.get(session_id)
            if asking is None:
                asking = self._asking[session_id] = asyncio.create_task(self._ask(session_id, principal.user_id))
                asking.add_done_callback(_failure_is_known)
            known = await asyncio.shield(asking)
        if not known.active:
            raise SessionEnded("Sign in again.")
        if principal.is_outdated(known.roles_version):
            raise ExpiredToken("What its owner may do has changed: use the refresh token.")

    def stands(self, principal: Principal) -> bool:
        """Whether it is known that the session stands. If not, `check` says why."""
        known = self._checked.get(principal.session_id)
        return (
            known is not None
            and known.active
            and time.monotonic() < known.until
            and not principal.is_outdated(known.roles_version)
        )

    def forget(self, session_id: str) -> None:
        """Ask anew about a session: it has just been ended here. An answer under way is not believed any more."""
        self._checked.pop(session_id, None)
        self._asking.pop(session_id, None)

    def forget_user(self, user_id: str) -> None:
        """Ask anew about every session of a user."""
        for session_id in [each for each, known in self._checked.items() if known.user_id == user_id]:
            del self._checked[session_id]
        # Whose those are that are being asked about nobody has noted: they are few, and asked about once more.
        self._asking.clear()

    async def _ask(self, session_id: str, user_id: str) -> _Known:
        asked_at = time.monotonic()
        try:
            answer = await self._auth.CheckSession(CheckSessionRequest(session_id=session_id))
            known = _Known(answer.active, answer.roles_version, asked_at + REMEMBER_SECONDS, user_id)
            if self._asking.get(session_id) is asyncio.current_task():
                if len(self._checked) >= MOST_SESSIONS:
                    self._checked.clear()
                self._checked[session_id] = known
            return known
        finally:
            if self._asking.get(session_id) is asyncio.current_task():
                del self._asking[session_id]


def _failure_is_known(task: asyncio.Task[_Known]) -> None:
    """Whoever still waits gets it; when all have gone away nobody has to."""
    if not task.cancelled():
        task.exception()
