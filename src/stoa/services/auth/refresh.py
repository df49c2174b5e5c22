"""Carry a session on: a refresh token for its successor and a new access token.

A token works once. One that comes again means that two hold it, the owner and a thief, and nobody can
tell who is who: the whole family ends, and whoever knows the password signs in again.

What looks alike and is harmless: two tabs of one browser, or a repeat over a bad line, some milliseconds or
seconds after the first. For `refresh_grace_seconds` the second gets 409 and no tokens, and the session lives.
That gives nothing to a thief: who comes second goes away with nothing, and who came first has won a family
that the owner's next refresh after the grace ends.

A client whose answer was lost on the way signs in again; keeping the answer would mean keeping tokens.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from stoa.kit import clock
from stoa.services.auth import repository
from stoa.services.auth.errors import InvalidRefreshToken, RefreshedMeanwhile
from stoa.services.auth.keys import CLOCKS_APART
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import Opened, hash_of, new_refresh_token, signed_in
from stoa.services.auth.views import SignedIn


async def refresh(auth: Auth, token: str) -> SignedIn:
    """New tokens of the same session. Raises `InvalidRefreshToken` or `RefreshedMeanwhile`."""
    await auth.keyring.ready()
    token_hash = hash_of(token)
    seen = await repository.find_token(auth.db, token_hash)
    if seen is None:
        raise InvalidRefreshToken
    async with auth.db.transaction() as tx:
        session = await repository.lock_session(tx, seen.session_id)
        now = clock.now()
        if session is None or not session.alive or min(session.expires_at, seen.expires_at) <= now:
            raise InvalidRefreshToken
        won = await repository.use_token(tx, token_hash, now)
        # Unused when we looked and used now: taken in between, by who held the session before us.
        meanwhile = seen.used_at is None or _just_now(auth, seen.used_at, now)
        if won:
            successor = Opened(session.id, new_refresh_token())
            ends = min(session.expires_at, now + timedelta(days=auth.settings.refresh_token_days))
            await repository.add_token(tx, hash_of(successor.refresh_token), session.id, ends)
            user = await repository.find_user(tx, session.user_id)
        elif not meanwhile:
            await repository.end_session(tx, session.id, now, "reuse")
    if not won:
        raise RefreshedMeanwhile if meanwhile else InvalidRefreshToken
    assert user is not None  # its session refers to it
    return await signed_in(auth, user, successor)


def _just_now(auth: Auth, used_at: datetime, now: datetime) -> bool:
    """Within the grace; a use in the future is none of now, but of a clock that was ahead."""
    return now - timedelta(seconds=auth.settings.refresh_grace_seconds) < used_at <= now + CLOCKS_APART
