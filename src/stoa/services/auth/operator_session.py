"""A session that an operator opens in a user's name, without the password. Never offered over REST."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from stoa.kit import clock, staff_acts
from stoa.kit.ids import uuid7
from stoa.services.auth import repository
from stoa.services.auth.errors import AccountDisabled
from stoa.services.auth.repository import NewSession, User
from stoa.services.auth.service import Auth
from stoa.services.auth.sessions import access_token


@dataclass(frozen=True)
class OperatorSession:
    session_id: str
    access_token: str


async def open_for_operator(auth: Auth, user: User, reason: str) -> OperatorSession:
    """An access token in `user`'s name and no refresh token: it is over when the access token is.

    The `reason` is kept, with the session while that is and among the staff's acts for good. Raises `AccountDisabled`.
    """
    await auth.keyring.ready()
    now, session_id = clock.now(), uuid7()
    async with auth.db.transaction() as tx:
        current = await repository.lock_user(tx, user.id)
        if current is None or current.disabled_at is not None:
            raise AccountDisabled
        new = NewSession(
            id=session_id,
            user_id=user.id,
            client="operator",
            reason=reason,
            created_at=now,
            expires_at=now + timedelta(seconds=auth.settings.access_token_seconds),
        )
        await repository.add_session(tx, new)
        await staff_acts.record_operator(
            tx, act="user.session_opened", subject=current.id, after={"session_id": session_id}, reason=reason
        )
    return OperatorSession(session_id, await access_token(auth, current, session_id))
