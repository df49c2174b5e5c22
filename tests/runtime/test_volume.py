"""What each service's jobs ask, on tables of 100,000 rows of which a few are due: they read the few."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.volume import fill, read_by

from stoa.kit import clock
from stoa.kit.rounds import ONE_ROUND
from stoa.services.auth import guessing
from stoa.services.auth import repository as auth
from stoa.services.cart import repository as cart
from stoa.services.checkout import repository as checkout
from stoa.services.inventory import repository as inventory
from stoa.services.notification import repository as notification
from stoa.services.payment import drifts_repository as drifts
from stoa.services.payment import repository as payment
from stoa.services.payment import simulator
from stoa.services.search import sales_repository as sales

NOW = clock.now()
DUE = 50
ENOUGH = 20 * ONE_ROUND
A_FEW_OLD = f"now() - CASE WHEN n <= {DUE} THEN interval '100 days' ELSE interval '-1 day' END"

Fill = tuple[str, str, str]
Statement = tuple[Any, ...]

CASES: dict[str, tuple[list[Fill], list[Statement]]] = {
    "auth": (
        [
            ("guesses", "account, client, failed_at", f"sha256(n::text::bytea), 'a', {A_FEW_OLD}"),
            ("guesses", "account, client, succeeded_at", f"sha256(n::text::bytea), 'b', {A_FEW_OLD}"),
            ("network_allowances", "network, name, full_at", f"n::text, 'told', {A_FEW_OLD}"),
            ("address_proofs", "account, code_hash, ends_at", f"n::text::bytea, sha256(n::text::bytea), {A_FEW_OLD}"),
            (
                "users",
                "id, email, first_name, last_name, phone, roles, registration_key, created_at",
                "lpad(n::text, 32, '0')::uuid, n || '@example.com', '', '', '', '{customer}', n::text::bytea,"
                f" {A_FEW_OLD}",
            ),
            (
                "sessions",
                "id, user_id, client, created_at, expires_at",
                f"lpad(n::text, 32, '0')::uuid, lpad(n::text, 32, '0')::uuid, '', now(), {A_FEW_OLD}",
            ),
            (
                "refresh_tokens",
                "token_hash, session_id, expires_at, used_at",
                f"sha256(n::text::bytea), lpad(n::text, 32, '0')::uuid, {A_FEW_OLD}, now()",
            ),
        ],
        [
            (auth.FORGET_GUESSES, NOW - guessing.FORGIVEN_AFTER, NOW - guessing.KNOWN_FOR, ONE_ROUND),
            (auth.REMOVE_TOKENS, NOW, ONE_ROUND),
            (auth.REMOVE_SESSIONS, NOW - timedelta(days=30), ONE_ROUND),
            (auth.FORGET_ALLOWANCES, NOW, ONE_ROUND),
            (auth.REMOVE_PROOFS, NOW, ONE_ROUND),
            (auth.FORGET_REGISTRATIONS, NOW - timedelta(days=1), ONE_ROUND),
        ],
    ),
    "inventory": (
        [
            (
                "reservations",
                "id, key, state, order_id, expires_at",
                "md5(n::text)::uuid, n, CASE WHEN n % 2 = 0 THEN 'held' ELSE 'committed' END, md5(n::text)::uuid,"
                f" {A_FEW_OLD}",
            )
        ],
        [(inventory.TAKE_DUE, NOW, 200, []), (inventory.TAKE_DUE, NOW, 200, ["sku-1"]), (inventory.NEXT_EXPIRY, NOW)],
    ),
    "cart": (
        [("carts", "id, updated_at", f"md5(n::text)::uuid, {A_FEW_OLD}")],
        [
            (cart.REMOVE_EXPIRED, NOW - timedelta(days=30), ONE_ROUND),
            (cart.ABANDON, NOW - timedelta(days=30), ONE_ROUND),
        ],
    ),
    "checkout": (
        [
            (
                "checkouts",
                "id, scope, key, body_hash, order_id, state, step, data, lease_owner, lease_until, answer_status,"
                " answer_body",
                "md5(n::text)::uuid, 's', n, '', md5(n::text)::uuid,"
                f" CASE WHEN n <= {DUE} THEN 'running' ELSE 'completed' END,"
                " '', '{}', '', now(), 201, ''",
            )
        ],
        [(checkout.ADOPT, "me", 4.0, [], 512), (checkout.NEXT_LAPSE,), (checkout.COUNT_OPEN,)],
    ),
    "payment": (
        [
            (
                "payments",
                "id, key, order_id, state, method, amount_minor, currency, asked_at, reconcile_at",
                "lpad(n::text, 32, '0')::uuid, n, md5(n::text)::uuid,"
                f" CASE WHEN n <= {DUE} THEN 'unknown' ELSE 'captured' END,"
                " 'card', 100, 'GBP', now() - interval '1 hour',"
                f" CASE WHEN n <= {DUE} THEN now() - interval '1 minute' WHEN n % 2 = 0 THEN now() + interval '9 days'"
                " END",
            ),
            (
                "refunds",
                "id, payment_id, source, reason, amount_minor, currency, state",
                "md5(n::text)::uuid, lpad(n::text, 32, '0')::uuid, 'void', '', 1, 'GBP',"
                f" CASE WHEN n <= {DUE} THEN 'pending' ELSE 'done' END",
            ),
            ("simulator.webhooks", "body, sent_at", f"'', CASE WHEN n > {DUE} THEN now() END"),
        ],
        [
            (payment.UNSETTLED, 10.0, 900.0, 100),
            (payment.NEXT_UNSETTLED, 10.0, 900.0),
            (payment.REFUNDS_DUE, 100),
            (drifts.DUE, 100),
            (drifts.NEXT_DUE,),
            (payment.NEXT_REFUND,),
            (simulator.UNSENT_WEBHOOKS,),
        ],
    ),
    "notification": (
        [
            (
                "deliveries",
                "id, event_id, template, recipient, subject, text_body, html_body, sent_at, due_at",
                "md5(n::text)::uuid, n, 'welcome', 'ada@example.com', 'Welcome', 'text', 'html', now(),"
                f" CASE WHEN n <= {DUE} THEN now() - interval '1 hour' END",
            )
        ],
        [(notification.CLAIM_DUE, 8, 120.0), (notification.NEXT_DUE,)],
    ),
    "search": (
        [
            ("popularity", "product_id, weight, popularity, as_of", f"md5(n::text)::uuid, 1, 1, {A_FEW_OLD}"),
            (
                "sold",
                "order_id, sku, product_id, units, weight, sold_at",
                f"md5(n::text)::uuid, n::text, md5(n::text)::uuid, 1, 1, {A_FEW_OLD}",
            ),
        ],
        [
            (sales.FORGET_LINES, NOW - timedelta(days=30), ONE_ROUND),
            (sales.FADE, NOW - timedelta(days=3), NOW, 1.0, 0.1, ONE_ROUND),
        ],
    ),
}


@pytest.mark.parametrize("service", CASES)
async def test_a_job_reads_what_is_due(database, service: str) -> None:
    fills, statements = CASES[service]
    db = await database(service)
    for table, columns, values in fills:
        await fill(db, table, columns, values)
    for sql, *arguments in statements:
        read = await read_by(db, sql, *arguments)
        assert 0 < read.rows <= ENOUGH, sql
        assert read.pages <= ENOUGH, sql
