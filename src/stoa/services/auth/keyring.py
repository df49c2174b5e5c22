"""The signing keys: made when there are none, rotated by age, read from the database again every so often.

A private key never leaves the database of auth and its processes. Any process may make or rotate keys:
an advisory lock lets one do it and the others find it done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import jwt
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from stoa.kit import clock, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.kit.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE
from stoa.services.auth import keys, repository
from stoa.services.auth.keys import KeyRow
from stoa.services.auth.settings import Settings

KEY_BITS = 2048
FRESH_SECONDS = 60.0
"""How long the keys read are used; far below `key_lead_seconds`, so every process knows a key before it signs."""


class Keyring:
    """Signs access tokens and publishes what they are checked with."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._token_life = timedelta(seconds=settings.access_token_seconds)
        self._lead = timedelta(seconds=settings.key_lead_seconds)
        self._age = timedelta(days=settings.key_rotation_days)
        self._keys: Sequence[KeyRow] = ()
        self._jwks = ""
        self._private: dict[str, rsa.RSAPrivateKey] = {}
        self._fresh_until = float("-inf")
        self._reading = asyncio.Lock()

    async def jwks(self) -> str:
        """The public keys in force (next, current and recently retired) as a JWKS document."""
        await self.ready()
        return self._jwks

    async def ready(self) -> None:
        """Have keys at hand: before the transaction whose outcome `sign` puts into a token."""
        if time.monotonic() < self._fresh_until:
            return
        async with self._reading:
            if time.monotonic() < self._fresh_until:
                return
            await self._read()
            if not self._keys:
                # The very first start. A process that made one meanwhile is the one whose key counts.
                await self.rotate_when_due()

    def sign(self, principal: Principal) -> str:
        """A new access token, with the keys at hand."""
        now = clock.now()
        key = keys.signer(self._keys, now)
        issued = int(now.timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": principal.user_id,
            "email": principal.email,
            "roles": sorted(principal.roles),
            "entitlements": sorted(principal.permissions),
            "roles_version": principal.roles_version,
            "sellers": sorted(principal.sellers),
            "groups": sorted(principal.groups),
            "sid": principal.session_id,
            "jti": uuid7(),
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(self._token_life.total_seconds()),
        }
        private = self._private[key.kid]
        return jwt.encode(claims, private, algorithm=ALGORITHM, headers={"kid": key.kid, "typ": TYPE})

    async def rotate_when_due(self) -> None:
        """Make the next key when the newest is old enough, and remove those whose tokens are dead."""
        new = await _new_key() if self._is_due(await repository.all_keys(self._db), clock.now()) else None
        async with self._db.transaction() as tx:
            await repository.lock_keys(tx)
            there, now = await repository.all_keys(tx), clock.now()
            if new is not None and self._is_due(there, now):
                await repository.add_key(tx, _row(new, now + self._lead if there else now))
            await repository.remove_keys(tx, [key.kid for key in keys.withdrawn(there, now, self._token_life)])
        await self._read()

    async def rotate(self, *, withdraw_others: bool) -> str:
        """Make the next key now, whatever the age of the others; its id.

        A next key that is waiting already is that key: a repeat makes no more. `withdraw_others` is for a
        key that leaked: the new one signs at once, the others are gone, and their access tokens with them.
        """
        new = await _new_key()
        async with self._db.transaction() as tx:
            await repository.lock_keys(tx)
            there, now = await repository.all_keys(tx), clock.now()
            waiting = keys.waiting(there, now, self._lead)
            if waiting and not withdraw_others:
                made = waiting[0]
            else:
                if withdraw_others:
                    await repository.remove_keys(tx, [key.kid for key in there])
                made = _row(new, now if withdraw_others or not there else now + self._lead)
                await repository.add_key(tx, made)
                await staff_acts.record_operator(
                    tx, act="signing_key.rotated", subject=made.kid, after={"others_withdrawn": withdraw_others}
                )
        await self._read()
        return made.kid

    def _is_due(self, there: Sequence[KeyRow], now: datetime) -> bool:
        return keys.is_due(there, now, self._age, self._lead)

    async def _read(self) -> None:
        self._keys = await repository.all_keys(self._db)
        self._private = {key.kid: self._private.get(key.kid) or _private_key(key) for key in self._keys}
        self._jwks = msgspec.json.encode({"keys": [key.public_jwk for key in self._keys]}).decode()
        self._fresh_until = time.monotonic() + FRESH_SECONDS


async def _new_key() -> rsa.RSAPrivateKey:
    """Some tenths of a second of prime numbers, in a thread."""
    return await asyncio.to_thread(rsa.generate_private_key, 65537, KEY_BITS)


def _row(private: rsa.RSAPrivateKey, signs_from: datetime) -> KeyRow:
    kid = uuid7()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    jwk = {"kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, "n": public["n"], "e": public["e"]}
    return KeyRow(kid, pem.decode(), jwk, signs_from)


def _private_key(row: KeyRow) -> rsa.RSAPrivateKey:
    # It was made here. To prove once more that its factors are primes takes 60 ms at each start.
    key = serialization.load_pem_private_key(
        row.private_pem.encode(), password=None, unsafe_skip_rsa_key_validation=True
    )
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
