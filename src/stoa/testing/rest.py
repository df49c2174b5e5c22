"""One service's REST API without a server: real routes, real tokens, real idempotency keys.

rest = Rest(routes.bind(orders), db)
answer = await rest.send("POST", f"/orders/{order_id}/cancel", {"reason": "…"}, user=ADA)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa

from stoa.app import PERMISSIONS, SERVICES
from stoa.kit.db import Database
from stoa.kit.http.app import PREFIX, build
from stoa.kit.http.routes import BoundRoutes
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.ids import uuid7
from stoa.kit.tokens import ALGORITHM, AUDIENCE, ISSUER, TYPE, Verifier
from stoa.testing.contract import contract_of, ours


@dataclass(frozen=True)
class User:
    id: str
    email: str
    roles: tuple[str, ...] = ("customer",)
    permissions: frozenset[str] = frozenset()
    """Beside those of the roles that come with a shop."""
    sellers: frozenset[str] | None = None
    """For whom they act; None is for the seller of their own id, if that is what they are."""
    groups: frozenset[str] = frozenset()
    """Of customers."""


def new_user(*roles: str) -> User:
    user_id = uuid7()
    return User(user_id, f"{user_id}@example.com", roles or ("customer",))


def who_may(*permissions: str) -> User:
    """Somebody with a role that allows these and no more."""
    return replace(new_user("support"), permissions=frozenset(permissions))


def acting(*sellers: str) -> User:
    """A seller's person: who acts for these."""
    return replace(new_user("seller"), sellers=frozenset(sellers))


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def problem(self) -> str:
        """The problem's type without its base."""
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.body["type"]).removeprefix("/problems/")


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def _jwks() -> str:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(_key().public_key(), as_dict=True)
    return msgspec.json.encode({"keys": [{**public, "kid": "test", "use": "sig", "alg": ALGORITHM}]}).decode()


@cache
def token_of(user: User) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": user.id,
        "email": user.email,
        "roles": list(user.roles),
    }
    claims |= {"entitlements": sorted(PERMISSIONS.of_roles(user.roles) | user.permissions), "roles_version": 1}
    if user.sellers is not None:
        claims |= {"sellers": sorted(user.sellers)}
    if user.groups:
        claims |= {"groups": sorted(user.groups)}
    claims |= {"sid": str(uuid4()), "jti": str(uuid4()), "iat": now, "nbf": now, "exp": now + 3600}
    return jwt.encode(claims, _key(), algorithm=ALGORITHM, headers={"kid": "test", "typ": TYPE})


class Rest:
    def __init__(self, bound: BoundRoutes, db: Database | None = None, verifier: Verifier | None = None) -> None:
        # What it answers for other services is theirs to describe.
        self._contract = ours() if bound.service in SERVICES else contract_of(bound)
        largest = SERVICES[bound.service].largest_bodies if bound.service in SERVICES else {}
        keys = {bound.service: IdempotencyKeys(db)} if db is not None else {}
        self._app = build([bound], verifier=verifier or Verifier(_jwks, PERMISSIONS), keys=keys, largest_bodies=largest)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: User | None = None,
        token: str | None = None,
        key: str | None = None,
        raw: bytes | None = None,
        client: str = "127.0.0.1",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`raw` in the place of `body` sends bytes as they are, `token` in the place of `user` any access token."""
        content = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
        pairs = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        pairs += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        if user is not None:
            token = token_of(user)
        if token is not None:
            pairs.append((b"authorization", f"Bearer {token}".encode()))
        if key is not None:
            pairs.append((b"idempotency-key", key.encode()))
        bare, _, query = f"{PREFIX}{path}".partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": bare,
            "raw_path": bare.encode(),
            "query_string": query.encode(),
            "headers": pairs,
            "client": (client, 1),
        }
        sent: list[dict[str, Any]] = []

        requests = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if requests:
                return requests.pop()
            # The caller stays until it is answered.
            stays: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
            return await stays

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start = sent[0]
        text = b"".join(message.get("body", b"") for message in sent[1:])
        answered = {name.decode(): value.decode() for name, value in start["headers"]}
        self._contract.check(method, f"{PREFIX}{path}", start["status"], answered.get("content-type", ""), text)
        is_json = answered.get("content-type", "").partition(";")[0].endswith("json")
        return Answer(start["status"], answered, msgspec.json.decode(text) if is_json and text else text or None)

    async def ok(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
        """The body of an answer that must have `status`."""
        answer = await self.send(method, path, body, **more)
        assert answer.status == status, answer
        return answer.body
