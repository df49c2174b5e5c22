"""Whether what a token says still holds."""

from __future__ import annotations

import msgspec

from stoa.kit import clock, problems
from stoa.kit.ids import is_uuid
from stoa.services.auth import repository
from stoa.services.auth.repository import Standing
from stoa.services.auth.service import Auth


class TokenState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of a token that is not active nothing else is said, not even why (RFC 7662 §2.2)."""

    active: bool
    user_id: str = ""
    email: str = ""
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    session_id: str = ""


NO_SESSION = Standing(active=False, roles_version=0)


async def check_session(auth: Auth, session_id: str) -> Standing:
    """Whether the session is there, not ended, not expired, and its user not disabled; and of which version of the
    user's roles a token must be to say what is."""
    return await repository.session_stands(auth.db, session_id, clock.now()) if is_uuid(session_id) else NO_SESSION


async def validate(auth: Auth, token: str) -> TokenState:
    """What an access token says, if its signature, its time and its session are all good."""
    try:
        principal = await auth.verifier.verify(token)
    except problems.Unauthorized:
        return TokenState(active=False)
    standing = await check_session(auth, principal.session_id)
    if not standing.active or principal.is_outdated(standing.roles_version):
        return TokenState(active=False)
    return TokenState(
        active=True,
        user_id=principal.user_id,
        email=principal.email,
        roles=tuple(sorted(principal.roles)),
        permissions=tuple(sorted(principal.permissions)),
        session_id=principal.session_id,
    )
