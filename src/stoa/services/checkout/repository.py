"""All of checkout's SQL: one constant per statement, one function per constant.

Whoever works on a row holds its lease: every save is on condition of that and of the version it has
read, so somebody who has lost the row without noticing cannot write to it. Several rows are locked in
the order of their ids, or not waited for.
"""

# ruff: noqa: S608 - what is put into the statements are the columns below, never a value

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from stoa.kit.db import Db, affected
from stoa.kit.ids import first_uuid7
from stoa.services.checkout import purchase as purchases
from stoa.services.checkout.purchase import KeptAnswer, Purchase
from stoa.services.checkout.states import State

log = logging.getLogger(__name__)

_CHECKOUT = """id, scope, key, body_hash, order_id, user_id, state, parked_from, step, data, attempts, error,
    answer_status, answer_body, version, created_at, updated_at"""


class Checkout(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `checkouts`. `key` is None where it was given back."""

    id: str
    scope: str
    key: str | None
    body_hash: bytes
    state: State
    parked_from: State | None
    step: str
    purchase: Purchase
    attempts: int
    error: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class NewCheckout(msgspec.Struct, frozen=True, kw_only=True):
    """A claim of `key` within `scope` for a request whose body has this hash, and of the round of the cart it buys.

    `purchase` has its snapshot, or the answer that refuses it: then nothing is to be done, and no cart is bought.
    `step` is the last that may have acted when somebody takes it over.
    """

    scope: str
    key: str
    body_hash: bytes
    step: str
    purchase: Purchase
    error: str | None = None

    @property
    def state(self) -> State:
        return State.RUNNING if self.purchase.answer is None else State.FAILED


class Obstacle(msgspec.Struct, frozen=True):
    """Why a claim was not written: its key is taken, or `buyer`, of this `scope`, has the cart. Neither where that is
    over by now."""

    key_taken: bool
    buyer: str | None
    scope: str | None


class CheckoutChange(msgspec.Struct, frozen=True, kw_only=True):
    """From a row as it was read to how it shall be; `frees_key` gives its idempotency key back."""

    before: Checkout
    state: State
    parked_from: State | None
    step: str
    purchase: Purchase
    error: str | None
    frees_key: bool = False


def _checkout(row: asyncpg.Record) -> Checkout:
    answer = KeptAnswer(row["answer_status"], row["answer_body"]) if row["answer_status"] is not None else None
    return Checkout(
        id=row["id"],
        scope=row["scope"],
        key=row["key"],
        body_hash=row["body_hash"],
        state=State(row["state"]),
        parked_from=State(row["parked_from"]) if row["parked_from"] else None,
        step=row["step"],
        purchase=purchases.read(row["data"], answer),
        attempts=row["attempts"],
        error=row["error"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


CLAIM = """
    INSERT INTO checkouts (id, scope, key, body_hash, order_id, user_id, state, step, data, error, answer_status,
                           answer_body, bought_cart_id, bought_cart_round, lease_owner, lease_until)
    SELECT id, scope, key, body_hash, order_id, user_id, state, step, data::jsonb, error, answer_status, answer_body,
           bought_cart_id, bought_cart_round, $15, now() + make_interval(secs => $16)
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::smallint[], $12::bytea[], $13::uuid[], $14::bigint[]) WITH ORDINALITY
         AS new (id, scope, key, body_hash, order_id, user_id, state, step, data, error, answer_status, answer_body,
                 bought_cart_id, bought_cart_round, position)
    ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING id, created_at
"""


def _claimed_after(new: NewCheckout) -> tuple[str, bool, int, str, str]:
    """By this they are ordered, so that two processes that claim the same do not wait for each other in a circle.

    A row takes a key and, unless it is refused, a cart. Those about one cart stand together, because its buyer's keys
    are about no other, and among them the cart is taken before any key is. What could still meet crosswise is keys that
    somebody uses for two carts: PostgreSQL ends one of the two statements, which is `WritesMet`.
    """
    purchase = new.purchase
    cart_id = purchase.bought_cart_id or purchase.cart_id or purchase.user_id or ""
    return cart_id, new.state is not State.RUNNING, purchase.bought_cart_round, new.scope, new.key


async def claim(db: Db, new: Sequence[NewCheckout], owner: str, lease_seconds: float) -> dict[str, Checkout]:
    """Those whose key and cart were free, by id: they are ours."""
    new = sorted(new, key=_claimed_after)
    answers = [one.purchase.answer for one in new]
    bought = [one.purchase if one.state is State.RUNNING else None for one in new]
    rows = await db.fetch(
        CLAIM,
        [one.purchase.checkout_id for one in new],
        [one.scope for one in new],
        [one.key for one in new],
        [one.body_hash for one in new],
        [one.purchase.order_id for one in new],
        [one.purchase.user_id for one in new],
        [one.state for one in new],
        [one.step for one in new],
        [_json(purchases.document(one.purchase)) for one in new],
        [one.error for one in new],
        [answer.status if answer else None for answer in answers],
        [answer.body if answer else None for answer in answers],
        [one.bought_cart_id if one else None for one in bought],
        [one.bought_cart_round if one else None for one in bought],
        owner,
        lease_seconds,
    )
    by_id = {one.purchase.checkout_id: one for one in new}
    return {row["id"]: _made(by_id[row["id"]], row["created_at"]) for row in rows}


def _made(new: NewCheckout, created_at: datetime) -> Checkout:
    return Checkout(
        id=new.purchase.checkout_id,
        scope=new.scope,
        key=new.key,
        body_hash=new.body_hash,
        state=new.state,
        parked_from=None,
        step=new.step,
        purchase=new.purchase,
        attempts=1,
        error=new.error,
        version=1,
        created_at=created_at,
        updated_at=created_at,
    )


# LIMIT, so that each cart is looked up, and not all that were ever bought beside the few.
OBSTACLES = """
    SELECT wanted.id, taken.id IS NOT NULL AS key_taken, buyer.id AS buyer, buyer.scope
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[])
         AS wanted (id, scope, key, bought_cart_id, bought_cart_round)
    LEFT JOIN checkouts AS taken ON taken.scope = wanted.scope AND taken.key = wanted.key
    LEFT JOIN LATERAL (
        SELECT * FROM checkouts
        WHERE bought_cart_id = wanted.bought_cart_id AND bought_cart_round = wanted.bought_cart_round
          AND (state IN ('running', 'completed') OR parked_from = 'running')
        LIMIT 1
    ) AS buyer ON true
"""


async def obstacles(db: Db, refused: Sequence[NewCheckout]) -> dict[str, Obstacle]:
    """What was in the way of claims that were not written, by id."""
    rows = await db.fetch(
        OBSTACLES,
        [one.purchase.checkout_id for one in refused],
        [one.scope for one in refused],
        [one.key for one in refused],
        [one.purchase.bought_cart_id or None for one in refused],
        [one.purchase.bought_cart_round for one in refused],
    )
    return {row["id"]: Obstacle(row["key_taken"], row["buyer"], row["scope"]) for row in rows}


BY_KEY = f"SELECT {_CHECKOUT} FROM checkouts WHERE scope = $1 AND key = $2"


async def by_key(db: Db, scope: str, key: str) -> Checkout | None:
    row = await db.fetchrow(BY_KEY, scope, key)
    return _checkout(row) if row else None


BY_ID = f"SELECT {_CHECKOUT} FROM checkouts WHERE id = $1"


async def by_id(db: Db, checkout_id: str) -> Checkout | None:
    row = await db.fetchrow(BY_ID, checkout_id)
    return _checkout(row) if row else None


SAVE = """
    WITH after AS (
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::smallint[], $9::bytea[], $10::boolean[])
             AS after (id, version, state, parked_from, step, changes, error, answer_status, answer_body, frees_key)
    ), ours AS (
        SELECT checkouts.id FROM checkouts JOIN after USING (id, version)
        WHERE checkouts.lease_owner = $11 ORDER BY checkouts.id FOR NO KEY UPDATE OF checkouts
    )
    UPDATE checkouts
    SET state = after.state, parked_from = after.parked_from, step = after.step, error = after.error,
        data = CASE WHEN after.changes IS NULL THEN checkouts.data ELSE checkouts.data || after.changes::jsonb END,
        answer_status = after.answer_status, answer_body = after.answer_body,
        key = CASE WHEN after.frees_key THEN NULL ELSE checkouts.key END,
        lease_until = now() + make_interval(secs => $12), version = checkouts.version + 1, updated_at = now()
    FROM after JOIN ours USING (id)
    WHERE checkouts.id = after.id
    RETURNING checkouts.id, checkouts.version, checkouts.updated_at
"""


async def save(
    db: Db, changed: Sequence[CheckoutChange], owner: str, lease_seconds: float
) -> dict[str, tuple[int, datetime]]:
    """The new version of each row that was still ours, by id. Only what has changed of a document is sent."""
    answers = [one.purchase.answer for one in changed]
    documents = [purchases.changes(one.before.purchase, one.purchase) for one in changed]
    rows = await db.fetch(
        SAVE,
        [one.before.id for one in changed],
        [one.before.version for one in changed],
        [one.state for one in changed],
        [one.parked_from for one in changed],
        [one.step for one in changed],
        [_json(merged) if merged else None for merged in documents],
        [one.error for one in changed],
        [answer.status if answer else None for answer in answers],
        [answer.body if answer else None for answer in answers],
        [one.frees_key for one in changed],
        owner,
        lease_seconds,
    )
    return {row["id"]: (row["version"], row["updated_at"]) for row in rows}


# A row that is locked is being saved, which renews its lease as well.
RENEW = """
    UPDATE checkouts SET lease_until = now() + make_interval(secs => $3)
    WHERE id IN (SELECT id FROM checkouts
                 WHERE id = ANY($1::uuid[]) AND lease_owner = $2 FOR NO KEY UPDATE SKIP LOCKED)
"""


async def renew(db: Db, checkout_ids: Collection[str], owner: str, lease_seconds: float) -> None:
    await db.execute(RENEW, list(checkout_ids), owner, lease_seconds)


ADOPT = f"""
    UPDATE checkouts
    SET lease_owner = $1, lease_until = now() + make_interval(secs => $2), attempts = attempts + 1,
        version = version + 1, updated_at = now()
    WHERE id IN (
        SELECT id FROM checkouts
        WHERE state IN ('running', 'compensating') AND id <> ALL($3::uuid[])
          AND (lease_until < now()
               OR lease_owner <> ALL(SELECT application_name FROM pg_stat_activity WHERE application_name IS NOT NULL))
        ORDER BY id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING {_CHECKOUT}
"""


async def adopt(db: Db, owner: str, lease_seconds: float, running: Collection[str], most: int) -> list[Checkout]:
    """Open checkouts whose lease has passed or whose owner's connections are gone: ours from now on.

    One that cannot be read (a newer version wrote it) is left out, and stays for others.
    """
    adopted = []
    for row in await db.fetch(ADOPT, owner, lease_seconds, list(running), most):
        try:
            adopted.append(_checkout(row))
        except msgspec.ValidationError:
            log.exception("checkout %s cannot be read", row["id"])
    return adopted


NEXT_LAPSE = """
    SELECT extract(epoch FROM min(lease_until) - now())::float8 FROM checkouts
    WHERE state IN ('running', 'compensating')
"""


async def next_lapse(db: Db) -> float | None:
    """In how many seconds the lease of an open checkout may pass, 0 or less for now; None where none is open."""
    seconds: float | None = await db.fetchval(NEXT_LAPSE)
    return seconds


LET_GO = "UPDATE checkouts SET lease_until = now() WHERE id = ANY($1::uuid[]) AND lease_owner = $2"


async def let_go(db: Db, checkout_ids: Collection[str], owner: str) -> None:
    """Somebody else may take them over at once."""
    await db.execute(LET_GO, list(checkout_ids), owner)


REDRIVE = f"""
    UPDATE checkouts
    SET state = parked_from, parked_from = NULL, error = NULL, lease_owner = $2,
        lease_until = now() + make_interval(secs => $3), attempts = attempts + 1, version = version + 1,
        updated_at = now()
    WHERE id = $1 AND state = 'needs_attention'
    RETURNING {_CHECKOUT}
"""


async def redrive(db: Db, checkout_id: str, owner: str, lease_seconds: float) -> Checkout | None:
    """Ours, and on its way again; None where it does not need attention."""
    row = await db.fetchrow(REDRIVE, checkout_id, owner, lease_seconds)
    return _checkout(row) if row else None


_AFTER = "id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000') ORDER BY id LIMIT $2"
ALL_AFTER = f"SELECT {_CHECKOUT} FROM checkouts WHERE {_AFTER}"
# One statement for each state: the rare ones have an index of theirs, which is known by the word.
IN_STATE_AFTER = {state: f"SELECT {_CHECKOUT} FROM checkouts WHERE state = '{state}' AND {_AFTER}" for state in State}


async def in_state_after(db: Db, state: State | None, after: str | None, most: int) -> list[Checkout]:
    sql = ALL_AFTER if state is None else IN_STATE_AFTER[state]
    return [_checkout(row) for row in await db.fetch(sql, after, most)]


# Ids begin with their time: the oldest come first, and what is too young is not looked at. A refusal gives its key
# back; that of an order stays, so that no second one is made under it.
CUT = """
    UPDATE checkouts
    SET data = data || $4::jsonb, answer_body = '', cut_at = now(),
        key = CASE state WHEN 'completed' THEN key END
    WHERE id IN (
        SELECT id FROM checkouts
        WHERE state IN ('completed', 'failed') AND cut_at IS NULL AND id < $1 AND updated_at < $2
        ORDER BY id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
    )
"""


async def cut(db: Db, before: datetime, most: int) -> int:
    """Take what is personal, the snapshot and the answer from what ended earlier; from how many."""
    return affected(await db.execute(CUT, first_uuid7(before), before, most, purchases.CUT))


# By the index of keys, of which the scope is the first part.
HAVE_ORDERED = """
    SELECT user_id::text FROM unnest($1::uuid[]) AS asked (user_id)
    WHERE EXISTS (SELECT FROM checkouts WHERE scope = 'user:' || asked.user_id AND state = 'completed')
"""


async def have_ordered(db: Db, user_ids: Collection[str]) -> set[str]:
    """Those of whom a checkout became an order, be it canceled since."""
    return {row["user_id"] for row in await db.fetch(HAVE_ORDERED, sorted(user_ids))}


# Each half has its own small index.
COUNT_OPEN = """
    SELECT state, count(*) AS number FROM checkouts WHERE state IN ('running', 'compensating') GROUP BY state
    UNION ALL
    SELECT 'needs_attention', count(*) FROM checkouts WHERE state = 'needs_attention'
"""


async def count_open(db: Db) -> dict[str, int]:
    """How many are under way or in need, by state."""
    return {row["state"]: row["number"] for row in await db.fetch(COUNT_OPEN)}


def _json(document: dict[str, Any]) -> str:
    return msgspec.json.encode(document).decode()
