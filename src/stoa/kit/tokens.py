"""Access tokens (RFC 9068): what auth puts in them, and how everybody else checks them without asking.

    header   alg RS256, typ at+jwt, kid
    claims   iss, aud, sub (user id), email, roles, entitlements (the roles' permissions), roles_version, sellers (that
             the user acts for), groups (of customers, where the user is in any), sid (session: the refresh-token
             family), jti, iat, nbf, exp

Nothing in a token chooses how it is checked: the algorithm is RS256 and the key one of auth's published
ones, whatever the header says. Revocation is not in a token: the gateway asks auth about the session, and by
`roles_version` it sees a token that says what its roles were.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Awaitable, Callable

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.utils import base64url_decode, base64url_encode

from stoa.kit import clock, problems
from stoa.kit.context import Principal
from stoa.kit.permissions import Permissions

ISSUER = "stoa"
AUDIENCE = "stoa-api"
TYPE = "at+jwt"
ALGORITHM = "RS256"

CLOCK_SKEW_SECONDS = 5
"""How far another machine's clock may run ahead of ours; a token's end is taken exactly."""
REFETCH_SECONDS = 5
"""An unknown key id asks auth for its keys at most this often, so that forged ids cost auth nothing."""
KEYS_FRESH_SECONDS = 300
"""A key that auth has withdrawn is refused everywhere after this."""
LONGEST_TOKEN = 8192
"""Characters. Ours have about 1,000, and 7,000 with as many permissions as may be declared
(`permissions.MOST_CHARACTERS`); what is longer is not worth a signature check."""
REMEMBERED_TOKENS = 20_000
"""Checked tokens kept: a dictionary look-up instead of 40-80 us of RSA for each request of a session."""
SMALLEST_KEY_BITS = 2048


class InvalidToken(problems.Unauthorized):
    title = "The access token is not valid"
    slug = "invalid-token"


class ExpiredToken(problems.Unauthorized):
    title = "The access token has expired"
    slug = "expired-token"


class SessionEnded(problems.Unauthorized):
    """The gateway's word: it asks auth, a token does not say it."""

    title = "The session has ended"
    slug = "session-ended"


_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class _Header(msgspec.Struct):
    """The only members that are looked at; `crit` and `b64` would change what the signature means."""

    alg: str
    typ: str
    kid: str
    crit: msgspec.Raw | None = None
    b64: msgspec.Raw | None = None


class _Claims(msgspec.Struct):
    sub: str
    email: str
    roles: list[str]
    sid: str
    iat: int
    nbf: int
    exp: int
    entitlements: list[str] | None = None
    """None in a token of a release that knew only roles."""
    roles_version: int = 0
    sellers: list[str] | None = None
    """None in a token of a release that took a user for a seller."""
    groups: list[str] = []


class Verifier:
    """Checks access tokens against auth's published keys.

    `fetch_jwks` answers a JWKS document as JSON text and may raise `problems.Unavailable`. `permissions` are those that
    a token of a release that knew only roles is read with.
    """

    def __init__(self, fetch_jwks: Callable[[], Awaitable[str]], permissions: Permissions) -> None:
        self._fetch_jwks = fetch_jwks
        self._permissions = permissions
        self._keys: dict[str, RSAPublicKey] = {}
        self._asked_at = float("-inf")
        self._renew_at = float("inf")
        self._asking = asyncio.Lock()
        self._renewal: asyncio.Task[None] | None = None
        self._known: dict[str, tuple[Principal, int, int]] = {}

    async def verify(self, token: str) -> Principal:
        """The principal whom `token` names.

        Raises `ExpiredToken` or `InvalidToken`, and `Unavailable` when no keys could be had at all.
        """
        known = self._known.get(token)
        if known is None:
            known = await self._check(token)
            if len(self._known) >= REMEMBERED_TOKENS:
                del self._known[next(iter(self._known))]
            self._known[token] = known
        elif time.monotonic() > self._renew_at:
            self._renew_aside()
        principal, begins_at, expires_at = known
        now = clock.now().timestamp()
        if begins_at > now + CLOCK_SKEW_SECONDS:
            # The clock of who made it was ahead, or is behind now: a remembered one would outlive its session.
            raise InvalidToken("The access token is from the future: use the refresh token, or sign in again.")
        if expires_at <= now:
            self._known.pop(token, None)
            raise ExpiredToken("Sign in again, or use the refresh token.")
        return principal

    def known(self, token: str) -> Principal | None:
        """The same where it is at hand: None for a token that has not been checked before, or is not good now."""
        known = self._known.get(token)
        if known is None or time.monotonic() > self._renew_at:
            return None
        principal, begins_at, expires_at = known
        return principal if begins_at - CLOCK_SKEW_SECONDS <= clock.now().timestamp() < expires_at else None

    async def _check(self, token: str) -> tuple[Principal, int, int]:
        key = await self._key_for(_header_of(token))
        try:
            jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": ["exp", "iat", "nbf", "iss", "aud", "sub", "jti"],
                    # Time is looked at with each use, not only the first: see `verify`.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            claims = msgspec.json.decode(base64url_decode(token.split(".")[1]), type=_Claims)
        except (jwt.PyJWTError, msgspec.MsgspecError, ValueError, RecursionError):
            raise InvalidToken("The access token is not one of ours, or not for here.") from None
        return self._principal(claims), max(claims.iat, claims.nbf), claims.exp

    def _principal(self, claims: _Claims) -> Principal:
        said = claims.entitlements
        permissions = self._permissions.of_roles(claims.roles) if said is None else frozenset(said)
        return Principal(
            user_id=claims.sub,
            email=claims.email,
            roles=frozenset(claims.roles),
            session_id=claims.sid,
            permissions=permissions,
            roles_version=claims.roles_version,
            sellers=frozenset(_sellers_of(claims)),
            groups=frozenset(claims.groups),
        )

    async def _key_for(self, header: _Header) -> RSAPublicKey:
        if header.kid not in self._keys:
            await self._ask()
        try:
            return self._keys[header.kid]
        except KeyError:
            raise InvalidToken("The access token is signed with a key that is not ours.") from None

    def _renew_aside(self) -> None:
        """Ask for the keys without making a request wait: those in hand are good until auth answers."""
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        # What fails here is tried again after REFETCH_SECONDS by the next request.
        with contextlib.suppress(problems.Problem):
            await self._ask()

    async def _ask(self) -> None:
        async with self._asking:
            if self._keys and time.monotonic() - self._asked_at < REFETCH_SECONDS:
                return
            self._asked_at = time.monotonic()
            self._renew_at = self._asked_at + REFETCH_SECONDS
            keys = _keys_of(await self._fetch_jwks())
            self._renew_at = self._asked_at + KEYS_FRESH_SECONDS
            if not self._keys.keys() <= keys.keys():
                # A key was withdrawn: tokens remembered under it must be checked again.
                self._known.clear()
            self._keys = keys


def _sellers_of(claims: _Claims) -> list[str]:
    if claims.sellers is not None:
        return claims.sellers
    return [claims.sub] if "seller" in claims.roles else []


def _header_of(token: str) -> _Header:
    if len(token) > LONGEST_TOKEN or not _COMPACT.fullmatch(token):
        raise InvalidToken("The access token is not a signed JWT.")
    try:
        parts = [base64url_decode(part) for part in token.split(".")]
        header = msgspec.json.decode(parts[0], type=_Header)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise InvalidToken("The access token is not a signed JWT.") from None
    # Spare bits at the end of base64 could be set at will: then many texts would be one token.
    if b".".join(map(base64url_encode, parts)) != token.encode():
        raise InvalidToken("The access token is not a signed JWT.")
    if header.alg != ALGORITHM or header.typ != TYPE or header.crit is not None or header.b64 is not None:
        raise InvalidToken("The access token is not one of ours.")
    return header


def _keys_of(document: str) -> dict[str, RSAPublicKey]:
    """The usable keys of a JWKS document by id; what is not an RSA signing key is passed over."""
    keys: dict[str, RSAPublicKey] = {}
    for entry in msgspec.json.decode(document)["keys"]:
        if entry.get("kty") == "RSA" and entry.get("use", "sig") == "sig" and entry.get("alg", ALGORITHM) == ALGORITHM:
            key = jwt.PyJWK(entry, algorithm=ALGORITHM).key
            if isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_KEY_BITS:
                keys[entry["kid"]] = key
    return keys
