"""The payment simulator: a provider with a memory, as a foreign system would have it.

It answers by token:

    tok_ok                   the money is held
    tok_declined             refused
    tok_insufficient_funds   refused
    tok_timeout              the answer never comes; whether money moved is decided by the key, see `moved`
    tok_duplicate_webhook    as tok_ok, and the signed webhook that says so is sent twice
    tok_capture_refused      the money is held, but the bank lets it go before it is captured
    anything else            refused: it knows no such token

It keeps what happened under each key in a schema of its own and commits on its own: a crash of the shop
between asking and recording finds it as a bank would be found. What keeps it from its memory is a fault of
our database, and no silence of a bank: `DatabaseUnavailable`, before the time of a provider is up.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import asyncpg
import msgspec
from msgspec.structs import replace

from stoa.kit import clock
from stoa.kit.batcher import Batcher
from stoa.kit.db import Database, DatabaseUnavailable
from stoa.kit.http.types import Price
from stoa.kit.money import Money
from stoa.kit.problems import Problem
from stoa.kit.time_limit import time_limit
from stoa.ports.payment import CardRefused, Heard, KeptCard, NotGenuine, Said, SaidOfRefund, Status
from stoa.services.payment.errors import InsufficientFunds, PaymentDeclined, UnknownToken
from stoa.services.payment.repository import webhook_secret
from stoa.services.payment.signature import is_genuine, sign

NAME = "simulator"

T = TypeVar("T")

_DECLINES = {"tok_declined": PaymentDeclined.slug, "tok_insufficient_funds": InsufficientFunds.slug}
_SILENT = "tok_timeout"
_TALKATIVE = "tok_duplicate_webhook"
_FLEETING = "tok_capture_refused"
_ACCEPTED = {"tok_ok", _SILENT, _TALKATIVE, _FLEETING}

SIGNATURE = "stoa-signature"

Deliver = Callable[[Mapping[str, str], bytes], Awaitable[None]]
"""Takes a webhook: its headers and its body."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Webhook(msgspec.Struct, frozen=True):
    """Members that we do not know are left alone."""

    id: Text
    key: Text
    order_id: Text
    amount: Price


def moved(key: str) -> bool:
    """Whether a `tok_timeout` under this key moved the money before it fell silent: one time in two."""
    return hashlib.sha256(key.encode()).digest()[0] % 2 == 1


class _Authorization(msgspec.Struct, frozen=True):
    key: str
    order_id: str
    amount: Money
    reason: str
    webhooks: int
    let_go: bool


class Simulator:
    """`timeout_seconds` is how long whoever asks waits for it, `tolerance_seconds` how far a webhook's time may be from
    our clock."""

    def __init__(self, db: Database, timeout_seconds: float, tolerance_seconds: int) -> None:
        self._db = db
        self._tolerance_seconds = tolerance_seconds
        self._remembers_within = timeout_seconds * 2 / 3
        self._authorizations: Batcher[_Authorization, Said] = Batcher(self._authorize, locks=lambda asked: (asked.key,))
        self._captures: Batcher[str, Said] = Batcher(self._capture, locks=lambda key: (key,))
        self._voids: Batcher[str, Said] = Batcher(self._void, locks=lambda key: (key,))

    async def authorize(self, key: str, *, order_id: str, amount: Money, token: str) -> Said:
        if token.startswith("card_"):
            token = await self._remembering(self._db.fetchval(CARD, token)) or token
        reason = "" if token in _ACCEPTED else _DECLINES.get(token, UnknownToken.slug)
        webhooks = 2 if token == _TALKATIVE else 0
        if token == _SILENT and not moved(key):
            await _silence()
        asked = _Authorization(key, order_id, amount, reason, webhooks, let_go=token == _FLEETING)
        said = await self._remembering(self._authorizations.submit(asked))
        if token == _SILENT:
            await _silence()
        return said

    async def keep(self, token: str, *, customer: str) -> KeptCard:
        if token not in _ACCEPTED | _DECLINES.keys():
            raise CardRefused
        digest = hashlib.sha256(f"{customer} {token}".encode()).hexdigest()
        reference = f"card_{digest[:32]}"
        await self._remembering(self._db.execute(KEEP_CARD, reference, token))
        return KeptCard(reference, "simulated", f"{int(digest[32:], 16) % 10_000:04}", "")

    async def forget(self, reference: str) -> None:
        await self._remembering(self._db.execute(FORGET_CARD, reference))

    async def query(self, key: str) -> Said:
        row = await self._remembering(self._db.fetchrow(QUERY, key))
        return replace(_said(row), refunded_minor=row["refunded_minor"]) if row else Said(Status.ABSENT)

    async def capture(self, key: str) -> Said:
        return await self._remembering(self._captures.submit(key))

    async def void(self, key: str) -> Said:
        return await self._remembering(self._voids.submit(key))

    async def refund(self, key: str, *, refund_key: str, amount: Money) -> SaidOfRefund:
        return await self._remembering(self._refund(key, refund_key, amount))

    async def _refund(self, key: str, refund_key: str, amount: Money) -> SaidOfRefund:
        async with self._db.transaction() as tx:
            row = await tx.fetchrow(LOCK, key)
            if row is None or row["status"] != Status.CAPTURED or row["currency"] != amount.currency:
                return SaidOfRefund(done=False)
            if (reference := await tx.fetchval(REFUND_REFERENCE, refund_key)) is not None:
                return SaidOfRefund(done=True, reference=reference)
            if row["refunded_minor"] + amount.amount > row["amount_minor"]:
                return SaidOfRefund(done=False)
            reference = await tx.fetchval(REFUND, refund_key, key, amount.amount)
            return SaidOfRefund(done=True, reference=reference)

    async def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Heard:
        secret = await webhook_secret(self._db, NAME)
        now = int(clock.now().timestamp())
        signature = headers.get(SIGNATURE, "")
        if not is_genuine(signature, secret, body, now=now, tolerance_seconds=self._tolerance_seconds):
            raise NotGenuine
        try:
            event = msgspec.json.decode(body, type=_Webhook)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ValueError("no webhook of the simulator") from None
        return Heard(event.id, event.key, event.order_id, event.amount.money)

    async def send_webhooks(self, deliver: Deliver) -> float | None:
        """One round: sign and send what has not been taken yet. 0 where there was any: what was refused goes again."""
        unsent = await self._db.fetch(UNSENT_WEBHOOKS)
        if not unsent:
            return None
        secret = await webhook_secret(self._db, NAME)
        for row in unsent:
            body: bytes = row["body"].encode()
            try:
                await deliver({SIGNATURE: sign(secret, int(clock.now().timestamp()), body)}, body)
            except Problem:
                continue
            await self._db.execute(WEBHOOK_SENT, row["seq"])
        return 0.0

    async def _remembering(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            with time_limit(self._remembers_within):
                return await work
        except TimeoutError:
            raise DatabaseUnavailable(f"The database of {self._db.service} does not answer.") from None

    async def _authorize(self, asked: Sequence[_Authorization]) -> list[Said | Exception]:
        first = {one.key: one for one in reversed(asked)}.values()
        rows = await self._db.fetch(
            AUTHORIZE,
            [one.key for one in first],
            [one.order_id for one in first],
            [one.amount.amount for one in first],
            [one.amount.currency for one in first],
            [Status.DECLINED if one.reason else Status.AUTHORIZED for one in first],
            [one.reason for one in first],
            [one.let_go for one in first],
            # The same event twice: same id, same body.
            [one.key for one in first for _ in range(one.webhooks)],
            [_webhook(one) for one in first for _ in range(one.webhooks)],
        )
        return _in_order(rows, [one.key for one in asked])

    async def _capture(self, keys: Sequence[str]) -> list[Said | Exception]:
        return _in_order(await self._db.fetch(CAPTURE, keys), keys)

    async def _void(self, keys: Sequence[str]) -> list[Said | Exception]:
        return _in_order(await self._db.fetch(VOID, list(set(keys))), keys)


async def _silence() -> None:
    """The answer never comes: whoever waits for it gives up."""
    await asyncio.get_running_loop().create_future()


def _webhook(one: _Authorization) -> str:
    body: dict[str, Any] = {
        "id": hashlib.sha256(f"authorized {one.key}".encode()).hexdigest()[:32],
        "type": "payment.authorized",
        "key": one.key,
        "order_id": one.order_id,
        "amount": msgspec.to_builtins(one.amount),
    }
    return msgspec.json.encode(body).decode()


def _said(row: asyncpg.Record) -> Said:
    return Said(Status(row["status"]), row["reference"], row["reason"])


def _in_order(rows: Sequence[asyncpg.Record], keys: Sequence[str]) -> list[Said | Exception]:
    said = {row["key"]: _said(row) for row in rows}
    return [said.get(key, Said(Status.ABSENT)) for key in keys]


# All three are set-based, and answer with what is there by now, whether or not it was there before. Rows are locked in
# the order of their keys.
AUTHORIZE = """
    WITH said AS (
        INSERT INTO simulator.payments AS p (key, order_id, amount_minor, currency, status, reason, let_go)
        SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::boolean[])
        ORDER BY 1
        ON CONFLICT (key) DO UPDATE SET key = p.key
        RETURNING key, status, reference, reason, xmax = 0 AS is_new
    ), told AS (
        INSERT INTO simulator.webhooks (body)
        SELECT webhook.body FROM unnest($8::text[], $9::text[]) AS webhook (key, body) JOIN said USING (key)
        WHERE said.is_new
    )
    SELECT key, status, reference, reason FROM said
"""
QUERY = "SELECT key, status, reference, reason, refunded_minor FROM simulator.payments WHERE key = $1"
LOCK = "SELECT status, amount_minor, currency, refunded_minor FROM simulator.payments WHERE key = $1 FOR UPDATE"
CAPTURE = """
    UPDATE simulator.payments AS p
    SET status = CASE WHEN p.status <> 'authorized' THEN p.status WHEN p.let_go THEN 'voided' ELSE 'captured' END
    FROM (SELECT key FROM simulator.payments WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE) AS known
    WHERE p.key = known.key
    RETURNING p.key, p.status, p.reference, p.reason
"""
VOID = """
    INSERT INTO simulator.payments AS p (key, amount_minor, currency, status)
    SELECT key, 0, 'XXX', 'voided' FROM unnest($1::text[]) AS key ORDER BY key
    ON CONFLICT (key) DO UPDATE
    SET status = CASE p.status WHEN 'authorized' THEN 'voided' ELSE p.status END
    RETURNING key, status, reference, reason
"""
REFUND_REFERENCE = "SELECT reference FROM simulator.refunds WHERE key = $1"
REFUND = """
    WITH given AS (
        UPDATE simulator.payments SET refunded_minor = refunded_minor + $3 WHERE key = $2
    )
    INSERT INTO simulator.refunds (key, payment_key, amount_minor) VALUES ($1, $2, $3) RETURNING reference
"""
KEEP_CARD = "INSERT INTO simulator.cards (reference, token) VALUES ($1, $2) ON CONFLICT DO NOTHING"
FORGET_CARD = "DELETE FROM simulator.cards WHERE reference = $1"
CARD = "SELECT token FROM simulator.cards WHERE reference = $1"
UNSENT_WEBHOOKS = "SELECT seq, body FROM simulator.webhooks WHERE sent_at IS NULL ORDER BY seq LIMIT 100"
WEBHOOK_SENT = "UPDATE simulator.webhooks SET sent_at = now() WHERE seq = $1"
