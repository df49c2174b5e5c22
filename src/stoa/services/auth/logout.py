"""End a session."""

from __future__ import annotations

from stoa.kit import clock, problems
from stoa.services.auth import repository
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import hash_of


async def logout(auth: Auth, *, session_id: str | None, refresh_token: str | None) -> set[str]:
    """End the session of the refresh token, and the caller's own: either is enough, `Unauthorized` without both.

    Answers with the ids of what has ended, now or before. A repeat, and a refresh token that is not known, change
    nothing and say nothing.
    """
    if session_id is None and refresh_token is None:
        raise problems.Unauthorized("Send the refresh token, or an access token as Authorization: Bearer.")
    sessions = {session_id} if session_id is not None else set()
    if refresh_token is not None:
        token = await repository.find_token(auth.db, hash_of(refresh_token))
        if token is not None:
            sessions.add(token.session_id)
    for each in sessions:
        await repository.end_session(auth.db, each, clock.now(), "logout")
    return sessions
