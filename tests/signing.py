"""Signs access tokens as auth does, and as those do who are not auth."""

from __future__ import annotations

import time
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from stoa.kit.permissions import Permission, Permissions
from stoa.kit.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE

PERMISSIONS = Permissions(
    {
        "things": (
            Permission("things.things.remove", "Remove any thing"),
            Permission("things.things.remove_own", "Remove one's own", given_to=("seller",)),
        )
    }
)


@cache
def key(kid: str) -> rsa.RSAPrivateKey:
    """A private key, the same whenever it is asked for by this name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks(*kids: str) -> str:
    """The published halves of these keys."""
    entries = [
        {**jwt.algorithms.RSAAlgorithm.to_jwk(key(kid).public_key(), as_dict=True), "kid": kid, "use": "sig"}
        for kid in kids
    ]
    return msgspec.json.encode({"keys": [{**entry, "alg": ALGORITHM} for entry in entries]}).decode()


def claims_of(user_id: str = "ada", *, roles: tuple[str, ...] = ("customer",), **changes: Any) -> dict[str, Any]:
    """The claims of a token issued now; a change to None leaves the claim out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user_id,
        "email": f"{user_id}@example.com",
        "roles": list(roles),
        "sid": f"session of {user_id}",
        "jti": str(uuid4()),
        "iat": now,
        "nbf": now,
        "exp": now + 900,
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def token(user_id: str = "ada", *, kid: str = "first", roles: tuple[str, ...] = ("customer",), **changes: Any) -> str:
    return jwt.encode(
        claims_of(user_id, roles=roles, **changes), key(kid), algorithm=ALGORITHM, headers={"kid": kid, "typ": TYPE}
    )


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}
