"""An account that ends: what named somebody is gone from every database, but where the law wants it kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from journeys.client import ADDRESS, Shopper, card

from stoa.app import SERVICES
from stoa.runtime import secrets as secrets_of
from stoa.runtime.access import Access
from stoa.runtime.data_dir import DataDir
from stoa.runtime.postgres import dsn_of_running

KEPT = {
    "order.orders",
    "order.order_items",
    "notification.order_contacts",
    # For its time.
    "checkout.checkouts",
    *(f"{name}.idempotency_keys" for name in SERVICES),
}
"""docs/operations.md, When an account is deleted."""

TABLES = """
    SELECT format('%I.%I', nspname, relname) AS name FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1
"""

HANDLED = "SELECT done_at IS NOT NULL FROM inbox WHERE type = $1 AND subject = $2"

Found = dict[str, list[str]]


@pytest.fixture(scope="module")
async def databases(running_shop: tuple[str, Path]) -> AsyncIterator[Mapping[str, asyncpg.Connection]]:
    data_dir = DataDir(running_shop[1])
    secrets = secrets_of.load(data_dir.secrets, {})
    dsn = dsn_of_running(data_dir.postgres, secrets.superuser)
    assert dsn
    access = Access(dsn, secrets)
    opened = {name: await asyncpg.connect(access.dsn_of(service)) for name, service in SERVICES.items()}
    yield opened
    for each in opened.values():
        await each.close()


async def until_handled(hearer: asyncpg.Connection, event_type: str, subject: str) -> None:
    give_up = time.monotonic() + 20
    while not await hearer.fetchval(HANDLED, event_type, subject):
        assert time.monotonic() < give_up, f"{event_type} of {subject} was not handled"
        await asyncio.sleep(0.05)


async def rows_with(databases: Mapping[str, asyncpg.Connection], words: list[str]) -> Found:
    """Where anything of `words` stands, by service and table, in whatever column, bytes too."""
    pattern = "|".join([*words, *(word.encode().hex() for word in words)])
    found = {}
    for service, connection in databases.items():
        for row in await connection.fetch(TABLES):
            table = row["name"].removeprefix("public.")
            rows = await connection.fetch(f"SELECT t::text AS row FROM {row['name']} AS t WHERE t::text ~* $1", pattern)
            if rows:
                found[f"{service}.{table}"] = [each["row"][:300] for each in rows]
    return found


async def until_only_kept(
    databases: Mapping[str, asyncpg.Connection], words: list[str], kept: Collection[str] = ()
) -> Found:
    """What stands beside `KEPT` and `kept` when the events have been handled."""
    give_up = time.monotonic() + 20
    while True:
        all_found = await rows_with(databases, words)
        found = {table: rows for table, rows in all_found.items() if table not in KEPT | {*kept}}
        if not found or time.monotonic() > give_up:
            return found
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("who", ["its owner", "staff"])
async def test_of_an_account_that_ended(
    visitor: Shopper,
    admin: Shopper,
    new_product: Callable,
    databases: Mapping[str, asyncpg.Connection],
    who: str,
):
    mark = f"q{uuid4().hex[:12]}"
    sku = await new_product(price=1000, on_hand=9)
    address = ADDRESS | {"name": f"Zoe {mark}n", "line1": f"1 {mark}s Street", "phone": "+44 20 7946 0001"}
    ada = await visitor.register(f"Zoe{mark}f")
    email = ada.user["email"]
    await ada.ok("PATCH", "/users/profile", {"last_name": f"Last{mark}l"})
    await ada.ok("POST", "/users/addresses", address, status=201)
    await ada.ok("POST", "/users/wishlist", {"sku": sku}, status=201)
    await admin.ok("PATCH", f"/users/{ada.user['id']}/profile", {"metadata": {"note": f"{mark} likes tea"}})
    await ada.fill_cart(**{sku: 2})
    sold = await ada.buy(shipping_address=address)
    await admin.ok("POST", f"/orders/{sold['id']}/ship", {"carrier": "DHL", "tracking_number": "JD0146"})
    await admin.ok("POST", f"/orders/{sold['id']}/deliver")
    back = {"items": [{"sku": sku, "quantity": 1}], "reason": "too small"}
    await ada.ok("POST", f"/orders/{sold['id']}/return", back, status=201)
    await ada.fill_cart(**{sku: 1})
    await ada.buy(token="tok_declined", status=402, shipping_address=address)
    item = {"sku": sku, "quantity": 2, "metadata": {"engraving": f"For {mark}e"}}
    await ada.ok("POST", "/cart/me/items", item, status=201)
    await admin.until(f"/notifications?order_id={sold['id']}", lambda body: len(body["items"]) >= 3)
    before = await rows_with(databases, [mark])
    assert {"auth.users", "cart.cart_items"} <= before.keys()

    if who == "staff":
        await admin.ok("DELETE", f"/auth/users/{ada.user['id']}", {"reason": "as asked"}, status=204)
    else:
        await ada.ok("POST", "/auth/me/delete", {"current_password": "a long enough passphrase"}, status=204)
    assert await until_only_kept(databases, [mark, email]) == {}
    # The address is free, and whoever has it sees nothing of what was.
    again = {"email": email, "password": "another long passphrase", "first_name": "A", "last_name": "B"}
    made = await visitor.ok("POST", "/auth/register", again, status=201)
    anew = Shopper(visitor.session, visitor.base_url, made["access_token"], made["user"])
    assert (await anew.ok("GET", "/orders"))["items"] == []
    assert (await anew.ok("GET", "/cart/me"))["items"] == []
    assert (await anew.ok("GET", "/users/addresses"))["items"] == []


async def test_who_orders_and_signs_in_while_the_account_ends(
    visitor: Shopper, admin: Shopper, new_product: Callable, databases: Mapping[str, asyncpg.Connection]
):
    """Each is whole or refused, and nothing that was under way brings back what named somebody."""
    mark = f"q{uuid4().hex[:12]}"
    sku = await new_product(price=1000, on_hand=9)
    ada = await visitor.register(f"Zoe{mark}f")
    email, password = ada.user["email"], "a long enough passphrase"
    await ada.fill_cart(**{sku: 2})
    order = {"shipping_address": ADDRESS, "shipping_method": "standard", "payment": card()}
    ending = {"current_password": password}
    ordered, first, second, signed_in, changed, put = await asyncio.gather(
        ada.send("POST", "/orders", order),
        ada.send("POST", "/auth/me/delete", ending),
        ada.send("POST", "/auth/me/delete", ending),
        visitor.send("POST", "/auth/login", {"email": email, "password": password}),
        ada.send("PATCH", "/users/profile", {"last_name": f"Last{mark}l"}),
        ada.send("POST", "/cart/me/items", {"sku": sku, "quantity": 1, "metadata": {"engraving": f"For {mark}e"}}),
    )
    assert 204 in {first.status, second.status}
    assert {first.status, second.status} <= {204, 401, 403, 404}
    assert (ordered.status in {201, 401}, signed_in.status in {200, 401}) == (True, True), (ordered, signed_in)
    assert (changed.status in {200, 401, 404}, put.status in {201, 401}) == (True, True), (changed, put)
    if ordered.status == 201:
        await admin.until(f"/orders/{ordered.body['id']}", lambda body: body["status"] == "confirmed")
        # Its mail is gone again where the end of the account was heard of after it.
        await until_handled(databases["notification"], "order.placed", ordered.body["id"])
    late = await visitor.refused("POST", "/auth/login", {"email": email, "password": password})
    assert late.problem == "wrong-credentials"
    if signed_in.status == 200:
        there = Shopper(visitor.session, visitor.base_url, signed_in.body["access_token"])
        assert (await there.send("GET", "/users/profile")).status in {401, 404}
    # Whom to write to about an order is written to, as long as it is under way.
    mails = {"notification.deliveries"} if ordered.status == 201 else set()
    assert await until_only_kept(databases, [mark], mails) == {}
