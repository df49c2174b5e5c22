"""A shopper with nothing but HTTP: sends requests, keeps the token, says what came back when it surprises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp

ADDRESS = {
    "name": "Ada Lovelace",
    "line1": "12 St James's Square",
    "city": "London",
    "postal_code": "SW1Y 4JH",
    "country": "GB",
    "phone": "+44 20 7946 0000",
}


def card(token: str = "tok_ok") -> dict[str, str]:
    return {"method": "card", "token": token}


@dataclass
class Answer:
    status: int
    headers: Any
    body: Any

    @property
    def problem(self) -> str:
        """The problem's type without its base."""
        assert self.headers["Content-Type"].startswith("application/problem+json"), self
        return str(self.body["type"]).removeprefix("/problems/")


@dataclass
class Shopper:
    """`token` is sent where there is one; every mutation gets a fresh key unless one is given."""

    session: aiohttp.ClientSession
    base_url: str
    token: str | None = None
    user: dict[str, Any] | None = None

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if method != "GET":
            sent["Idempotency-Key"] = key or str(uuid4())
        url = self.base_url + (path if path.startswith(("/api", "/.well-known", "/healthz")) else f"/api/v1{path}")
        async with self.session.request(method, url, json=body, headers=sent) as answer:
            text = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Answer(answer.status, answer.headers, await answer.json() if text and is_json else text.decode())

    async def ok(self, method: str, path: str, body: Any = None, *, status: int = 200, key: str | None = None) -> Any:
        """The body of an answer that must have `status`."""
        answer = await self.send(method, path, body, key=key)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.body}"
        return answer.body

    async def refused(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
        """An answer that must be a problem of the caller's making."""
        answer = await self.send(method, path, body, key=key)
        assert 400 <= answer.status < 500, f"{method} {path}: {answer.status} {answer.body}"
        assert answer.problem
        return answer

    async def register(self, first_name: str = "Ada") -> Shopper:
        """A new account, signed in."""
        account = {
            "email": f"{first_name.lower()}-{uuid4().hex[:12]}@example.com",
            "password": "a long enough passphrase",
            "first_name": first_name,
            "last_name": "Lovelace",
        }
        made = await self.ok("POST", "/auth/register", account, status=201)
        return Shopper(self.session, self.base_url, made["access_token"], made["user"])

    async def sign_in(self, email: str, password: str) -> Shopper:
        made = await self.ok("POST", "/auth/login", {"email": email, "password": password})
        return Shopper(self.session, self.base_url, made["access_token"], made["user"])

    async def fill_cart(self, **lines: int) -> Any:
        """Put `lines` (units by SKU) into my cart and answer with it."""
        cart: Any = None
        for sku, quantity in lines.items():
            cart = await self.ok("POST", "/cart/me/items", {"sku": sku, "quantity": quantity}, status=201)
        return cart

    async def buy(self, *, token: str = "tok_ok", status: int = 201, key: str | None = None, **more: Any) -> Any:
        order = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card(token)} | more
        return await self.ok("POST", "/orders", order, status=status, key=key)

    async def until(self, path: str, holds: Callable[[Any], bool], within_seconds: float = 20.0) -> Any:
        """Ask again until what the shop answers holds: effects of events come a moment later."""
        give_up = time.monotonic() + within_seconds
        while True:
            body = await self.ok("GET", path)
            if holds(body):
                return body
            assert time.monotonic() < give_up, f"GET {path} still answers {body}"
            await asyncio.sleep(0.05)
