"""A session: opened by a proof of the password, carried on by refresh tokens, ended once for all.

Its first refresh token and the successors of that are one family. Each is 256 random bits, of which only
the hash is stored, and works once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from stoa.kit import clock
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.ids import uuid7
from stoa.services.auth import groups_repository, repository, roles_repository, sellers_repository
from stoa.services.auth.repository import NewSession, User
from stoa.services.auth.roles import SELLER
from stoa.services.auth.service import Auth
from stoa.services.auth.views import SignedIn, user_view


@dataclass(frozen=True)
class Opened:
    session_id: str
    refresh_token: str


def new_refresh_token() -> str:
    return secrets.token_urlsafe(32)


def hash_of(refresh_token: str) -> bytes:
    """What is stored of it. A plain hash does: nobody guesses 256 random bits."""
    return hashlib.sha256(refresh_token.encode()).digest()


async def open_session(auth: Auth, tx: Transaction, user_id: str, client: str) -> Opened:
    """A new session of a user whose row is locked."""
    now, opened = clock.now(), Opened(uuid7(), new_refresh_token())
    expires_at = now + timedelta(days=auth.settings.session_days)
    new = NewSession(
        id=opened.session_id, user_id=user_id, client=client, reason=None, created_at=now, expires_at=expires_at
    )
    await repository.add_session(tx, new)
    token_ends = min(expires_at, now + timedelta(days=auth.settings.refresh_token_days))
    await repository.add_token(tx, hash_of(opened.refresh_token), opened.session_id, token_ends)
    return opened


async def access_token(auth: Auth, user: User, session_id: str) -> str:
    """A new one; the keyring must be ready. Where a role changes meanwhile it is one of before, and soon refused."""
    powers = await roles_repository.powers_of(auth.db, user.roles)
    sellers = await sellers_repository.sellers_of(auth.db, user.id) if SELLER in user.roles else []
    groups = await groups_repository.groups_of(auth.db, user.id)
    return auth.keyring.sign(
        Principal(
            user_id=user.id,
            email=user.email,
            roles=frozenset(user.roles),
            session_id=session_id,
            permissions=powers.permissions,
            roles_version=powers.version,
            sellers=frozenset(sellers),
            groups=frozenset(groups),
        )
    )


async def signed_in(auth: Auth, user: User, opened: Opened) -> SignedIn:
    """The answer to a sign-in; the keyring must be ready."""
    return SignedIn(
        user=user_view(user),
        access_token=await access_token(auth, user, opened.session_id),
        refresh_token=opened.refresh_token,
        expires_in=auth.settings.access_token_seconds,
    )
