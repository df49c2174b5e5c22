"""Guests have no name: whose an idempotency key is, and that it is nobody else's."""

from __future__ import annotations

import importlib

import pytest
from tests.asgi import ask
from tests.edge.town import Town
from tests.signing import bearer, token

from stoa.app import SERVICES
from stoa.kit.http.routes import OWN, OWN_REQUIRED, UNKEPT
from stoa.kit.idempotency import IdempotencyKeys

KEY = {"idempotency-key": "k"}

SCOPES = {
    "POST /cart": "visitor",
    "DELETE /cart/{ref}": "ref",
    "POST /cart/{ref}/items": "ref",
    "PUT /cart/{ref}/items": "ref",
    "PUT /cart/{ref}/items/{sku}": "ref",
    "DELETE /cart/{ref}/items/{sku}": "ref",
    "POST /cart/{ref}/items/{sku}/save-for-later": "ref",
    "POST /cart/{ref}/saved/{sku}/move-to-cart": "ref",
    "DELETE /cart/{ref}/saved/{sku}": "ref",
    "POST /cart/{ref}/problems/accept": "ref",
    "PUT /cart/{ref}/contact": "ref",
    "POST /checkout/shipping-methods": "unkept",
    "POST /orders": "own, required",  # with the saga's row: the user, or the guest's cart
    "POST /inventory/{sku}/reserve": "own",  # with the reservation: the admin
    "POST /auth/register": "own",  # with the account: the e-mail address
    "POST /users/register": "own",
    "POST /auth/login": "unkept",
    "POST /auth/refresh": "unkept",
    "POST /auth/logout": "unkept",
    "POST /auth/validate": "unkept",
    "POST /auth/change-password": "unkept",
    "POST /users/change-password": "unkept",
    "POST /auth/me/delete": "unkept",
    "POST /products/bulk": "unkept",
    "POST /product-imports": "unkept",
    "POST /media": "unkept",
    "POST /media/{file_id:uuid}/link": "unkept",
    "POST /media/{file_id:uuid}/pictures": "unkept",
    "POST /inventory/{sku}/subscriptions": "unkept",
    "DELETE /stock-subscriptions/{token:uuid}": "token",
    "POST /checkout/quote": "unkept",
    "POST /payments/webhooks/{provider}": "unkept",
}
"""Of every mutation that a guest may send or that does not have its answers kept by the layer: in what a guest's key
counts, or what it does itself. Of all others a key is the signed-in user's."""


def test_every_mutation_says_whose_its_keys_are():
    declared = {}
    for service in SERVICES.values():
        for route in importlib.import_module(f"{service.package}.routes").routes.bind(None).routes:
            if route.idempotency in {OWN, OWN_REQUIRED, UNKEPT}:
                declared[f"{route.method} {route.path}"] = route.idempotency.value
            elif route.idempotency is not None and not route.who.signed_in:
                declared[f"{route.method} {route.path}"] = route.capability or "visitor"
    assert declared == SCOPES


@pytest.fixture
async def gateway(database):
    keys = IdempotencyKeys(await database("cart"))
    town = Town()
    town.api = town.api_of("auth", "cart", keys={"cart": keys})
    return town.gateway()


def visitor_of(reply) -> str:
    """The id that an answer brought, which is the same in header and cookie."""
    visitor = reply.headers["stoa-visitor"]
    assert reply.headers["set-cookie"] == (f"stoa_visitor={visitor}; Max-Age=172800; Path=/api; HttpOnly; SameSite=Lax")
    return visitor


async def test_two_guests_of_one_address_do_not_share_a_key(gateway):
    first = await ask(gateway, "POST", "/api/v1/cart", headers=KEY)
    second = await ask(gateway, "POST", "/api/v1/cart", headers=KEY)
    assert visitor_of(first) != visitor_of(second)
    assert first.body != second.body
    assert "idempotent-replay" not in second.headers


async def test_a_repeat_with_the_visitor_id_gets_the_first_answer(gateway):
    first = await ask(gateway, "POST", "/api/v1/cart", headers=KEY)
    visitor = visitor_of(first)
    for sent in ({"stoa-visitor": visitor}, {"cookie": f"a=b; stoa_visitor={visitor}; c=d"}):
        again = await ask(gateway, "POST", "/api/v1/cart", headers=KEY | sent)
        assert (again.body, again.headers["idempotent-replay"], visitor_of(again)) == (first.body, "true", visitor)
    # The header says it more clearly than a cookie that a browser adds by itself.
    other = visitor_of(await ask(gateway, "POST", "/api/v1/cart", headers=KEY))
    both = {"stoa-visitor": visitor, "cookie": f"stoa_visitor={other}"}
    assert (await ask(gateway, "POST", "/api/v1/cart", headers=KEY | both)).body == first.body


@pytest.mark.parametrize(
    "claimed",
    [
        "me",
        "",
        "A" * 22 + "." + "A" * 22,
        "nAQbFGozFqzKHWnWWe2Hpw",
        "018f0000-0000-7000-8000-000000000001",
        "../../x",
        'a"b;c',
    ],
)
async def test_an_id_that_is_not_of_our_making_is_worth_nothing(gateway, claimed):
    bodies = set()
    for sent in ({"stoa-visitor": claimed}, {"stoa-visitor": claimed}, {"cookie": f"stoa_visitor={claimed}"}):
        reply = await ask(gateway, "POST", "/api/v1/cart", headers=KEY | sent)
        assert visitor_of(reply) != claimed
        bodies.add(reply.body)
    assert len(bodies) == 3


async def test_an_id_with_another_proof_or_of_another_installation_is_not_ours(gateway):
    visitor = visitor_of(await ask(gateway, "POST", "/api/v1/cart", headers=KEY))
    name, _, proof = visitor.partition(".")
    changed = [f"{name}.{proof[1:]}A", f"{name[1:]}A.{proof}", f"{visitor}A", visitor.swapcase()]
    for each in changed:
        reply = await ask(gateway, "POST", "/api/v1/cart", headers=KEY | {"stoa-visitor": each})
        assert visitor_of(reply) not in {visitor, each}
    elsewhere = Town().gateway("another secret")
    elsewhere._upstreams = gateway._upstreams
    reply = await ask(elsewhere, "POST", "/api/v1/cart", headers=KEY | {"stoa-visitor": visitor})
    assert visitor_of(reply) != visitor


@pytest.mark.parametrize(
    "cookie",
    ['x="' + "\\" * 15_000, "stoa_visitor", "stoa_visitor=", ";;=;", 'stoa_visitor="a', "\xff=\xff", "a=" * 7000],
)
async def test_a_hostile_cookie_is_no_cookie(gateway, cookie):
    reply = await ask(gateway, "POST", "/api/v1/cart", headers=KEY | {"cookie": cookie})
    assert reply.status == 200
    visitor = visitor_of(reply)
    again = KEY | {"cookie": f"{cookie[:100]}; stoa_visitor={visitor}"}
    kept = (await ask(gateway, "POST", "/api/v1/cart", headers=again)).headers.get("idempotent-replay")
    # Of two of the name the first counts, as browsers send the more specific first.
    assert kept == (None if cookie.startswith("stoa_visitor") else "true")


async def test_who_is_somebody_or_sends_no_key_gets_no_id(gateway):
    for headers in ({}, bearer(token("ada")), KEY | bearer(token("ada"))):
        reply = await ask(gateway, "POST", "/api/v1/cart", headers=headers)
        assert reply.status == 200
        assert not {"stoa-visitor", "set-cookie"} & set(reply.headers)
    # Nor where no answer is kept.
    assert "set-cookie" not in (await ask(gateway, "POST", "/api/v1/auth/login", raw=b"{}", headers=KEY)).headers


async def test_over_https_the_cookie_stays_there(gateway):
    reply = await ask(gateway, "POST", "/api/v1/cart", headers=KEY, scheme="https")
    assert reply.headers["set-cookie"].endswith("; HttpOnly; SameSite=Lax; Secure")
