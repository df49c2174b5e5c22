"""Carry a session on: a refresh token for its successor and a new access token.

A token works once. One that comes again means that two hold it, the owner and a thief, and nobody can
tell who is who: the whole family ends, and whoever knows the password signs in again. There is no grace
by the clock, because a thief would use it too, and the next use of a stolen token must be the last.

What looks alike and is harmless: two requests of one client with the same token at the same moment. The
second was here before the first had taken the token, so it is no repeat of something answered. It gets
409 and no tokens, and the session lives. That gives nothing to a thief, who in that race either lost, or
has won a family that the owner's next refresh ends.

A client whose answer was lost on the way signs in again; keeping the answer would mean keeping tokens.
"""

from __future__ import annotations

from datetime import timedelta

from stoa.kit import clock
from stoa.services.auth import repository
from stoa.services.auth.errors import InvalidRefreshToken, RefreshedMeanwhile
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import Opened, hash_of, new_refresh_token, signed_in
from stoa.services.auth.views import SignedIn


async def refresh(auth: Auth, token: str) -> SignedIn:
    """New tokens of the same session. Raises `InvalidRefreshToken` or `RefreshedMeanwhile`."""
    arrived = clock.now()
    await auth.keyring.ready()
    token_hash = hash_of(token)
    seen = await repository.find_token(auth.db, token_hash)
    if seen is None:
        raise InvalidRefreshToken
    reused = seen.used_at is not None and seen.used_at <= arrived
    async with auth.db.transaction() as tx:
        session = await repository.lock_session(tx, seen.session_id)
        now = clock.now()
        if session is None or not session.alive or min(session.expires_at, seen.expires_at) <= now:
            raise InvalidRefreshToken
        won = await repository.use_token(tx, token_hash, now)
        if won:
            successor = Opened(session.id, new_refresh_token())
            ends = min(session.expires_at, now + timedelta(days=auth.settings.refresh_token_days))
            await repository.add_token(tx, hash_of(successor.refresh_token), session.id, ends)
            user = await repository.find_user(tx, session.user_id)
        elif reused:
            await repository.end_session(tx, session.id, now, "reuse")
    if not won:
        raise InvalidRefreshToken if reused else RefreshedMeanwhile
    assert user is not None  # its session refers to it
    return signed_in(auth, user, successor)
