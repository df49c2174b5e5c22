"""The door before the real services: whose a key is, which token matters, and what the logs know."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from stoa.contracts.auth.v1.auth_pb2 import GrantRoleRequest
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub

KEY = {"Idempotency-Key": "k"}
PRICE = {"amount": 1999, "currency": "GBP"}


def account() -> dict[str, str]:
    return {
        "email": f"ada-{uuid4().hex}@example.com",
        "password": "a long enough passphrase",
        "first_name": "Ada",
        "last_name": "Lovelace",
    }


@pytest.fixture
async def send(shop):
    """Sends a request as nobody in particular: status, body, headers."""

    async def send(method, path, body=None, headers=None):
        async with shop.http.request(method, f"/api/v1{path}", json=body, headers=headers or {}) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    return send


def signed(made) -> dict[str, str]:
    return {"Authorization": f"Bearer {made['access_token']}"}


async def test_two_guests_with_one_key_get_a_cart_each(send):
    first, cart, headers = await send("POST", "/cart", headers=KEY)
    _, other, _ = await send("POST", "/cart", headers=KEY)
    assert (first, cart["id"] == other["id"]) == (201, False)
    cookie, _, _ = headers["Set-Cookie"].partition(";")
    for sent in ({"Stoa-Visitor": headers["Stoa-Visitor"]}, {"Cookie": cookie}):
        _, again, answered = await send("POST", "/cart", headers=KEY | sent)
        assert (again, answered["Idempotent-Replay"]) == (cart, "true")


async def test_an_ended_session_keeps_nobody_from_refreshing_or_signing_in(send):
    registered = account()
    _, old, _ = await send("POST", "/auth/register", registered)
    credentials = {name: registered[name] for name in ("email", "password")}
    _, new, _ = await send("POST", "/auth/login", credentials)
    assert (await send("POST", "/auth/logout", headers=signed(old)))[0] == 204
    assert (await send("GET", "/cart/me", headers=signed(old)))[1]["type"] == "/problems/session-ended"

    assert (await send("POST", "/auth/login", credentials, signed(old)))[0] == 200
    assert (await send("POST", "/auth/refresh", {"refresh_token": new["refresh_token"]}, signed(old)))[0] == 200
    status, _, headers = await send("GET", "/products", headers=signed(old))
    assert (status, headers["WWW-Authenticate"]) == (200, 'Bearer error="invalid_token"')
    assert (await send("GET", f"/cart/{uuid4()}", headers=signed(old)))[0] == 401
    assert (await send("POST", "/cart", headers=signed(old)))[0] == 401


async def test_signing_out_twice_is_signing_out(send):
    _, made, _ = await send("POST", "/auth/register", account())
    for _ in range(3):
        assert (await send("POST", "/auth/logout", headers=signed(made)))[0] == 204
    assert (await send("POST", "/auth/logout", {"refresh_token": made["refresh_token"]}, signed(made)))[0] == 204
    status, problem, _ = await send("POST", "/auth/logout", headers={"Authorization": "Bearer a.b.c"})
    assert (status, problem["type"]) == (401, "/problems/invalid-token")


async def test_two_of_one_address_register_under_one_key(send):
    answers = await asyncio.gather(*(send("POST", "/auth/register", account(), KEY) for _ in range(3)))
    assert [status for status, _, _ in answers] == [201, 201, 201]
    assert len({made["user"]["id"] for _, made, _ in answers}) == 3


async def test_what_was_read_in_any_form_lets_its_reader_change_it(send, shop):
    ada = account()
    await send("POST", "/auth/register", ada)
    await shop.stub(AuthServiceStub).GrantRole(GrantRoleRequest(email=ada["email"], role="admin", reason="a test"))
    _, session, _ = await send("POST", "/auth/login", {name: ada[name] for name in ("email", "password")})
    admin = signed(session)
    noted = {"erp": "M-1"}
    mug = {"name": "Mug", "description": "x" * 2_000, "variants": [{"sku": "MUG", "price": PRICE}], "metadata": noted}
    status, made, headers = await send("POST", "/products", mug, admin)
    assert (status, headers["ETag"].split("-")[0]) == (201, f'"{made["version"]}')
    path = f"/products/{made['id']}"
    for coding in ("identity", "gzip", "br"):
        for who in ({}, admin):
            for _ in ("fetched", "stored"):
                _, seen, headers = await send("GET", path, headers={"Accept-Encoding": coding, **who})
            assert headers.get("Content-Encoding", "identity") == coding
            assert seen["metadata"] == (noted if who else {})
            sent = {"If-Match": headers["ETag"], **admin}
            changes = [send("PATCH", path, {"brand": f"{editor} of {seen['version']}"}, sent) for editor in "ab"]
            (won, after, _), (lost, refusal, _) = sorted(await asyncio.gather(*changes), key=lambda each: each[0])
            assert (won, after["version"]) == (200, seen["version"] + 1)
            assert (lost, refusal["type"], refusal["now"]) == (412, "/problems/version-mismatch", after["version"])
            assert (await send("GET", path, headers=who))[1]["brand"] == after["brand"]


async def test_what_was_stored_under_a_slug_leads_on_when_that_changes(shop):
    ada = account()
    stub = shop.stub(AuthServiceStub)
    prefix = "/api/v1"

    async def ask(method, path, **more):
        async with shop.http.request(method, f"{prefix}{path}", allow_redirects=False, **more) as answer:
            return answer.status, answer.headers, await answer.read()

    await ask("POST", "/auth/register", json=ada)
    await stub.GrantRole(GrantRoleRequest(email=ada["email"], role="admin", reason="a test"))
    async with shop.http.post(
        f"{prefix}/auth/login", json={name: ada[name] for name in ("email", "password")}
    ) as answer:
        admin = signed(await answer.json())
    old, new = uuid4().hex, uuid4().hex
    mug = {"name": "Mug", "slug": old, "variants": [{"sku": old, "price": PRICE}]}
    await ask("POST", "/products", json=mug, headers=admin)
    for _ in ("fetched", "stored"):
        assert (await ask("GET", f"/products/{old}"))[0] == 200
    await ask("PATCH", f"/products/{old}", json={"slug": new}, headers=admin)
    for method in ("GET", "HEAD"):
        status, headers, body = await ask(method, f"/products/{old}")
        assert (status, headers["Location"], body) == (301, f"{prefix}/products/{new}", b"")
        assert headers["Cache-Control"] == "no-store"
    assert (await ask("GET", f"/products/{old}", headers=admin))[0] == 301
    async with shop.http.get(f"{prefix}/products/{old}") as followed:
        assert (followed.status, (await followed.json())["slug"]) == (200, new)
