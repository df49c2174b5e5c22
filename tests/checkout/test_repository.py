"""What the schema itself holds, and that every statement fits it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import asyncpg
import pytest
from checkout.conftest import House, Shopper
from msgspec.structs import replace

from stoa.kit.ids import uuid7
from stoa.services.checkout import repository, states
from stoa.services.checkout.errors import CartEmpty, WrongState
from stoa.services.checkout.purchase import Purchase, changes, document, read
from stoa.services.checkout.repository import NewCheckout
from stoa.services.checkout.states import TRANSITIONS, State

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

STATEMENTS = {
    name: value
    for name, value in vars(repository).items()
    if name.isupper() and name not in {"_CHECKOUT", "_AFTER", "IN_STATE_AFTER"}
} | {f"IN_STATE_AFTER {state}": sql for state, sql in repository.IN_STATE_AFTER.items()}


async def test_every_statement_fits_the_schema(house: House):
    assert len(STATEMENTS) == 19
    async with house.db.dedicated() as connection:
        for name, sql in STATEMENTS.items():
            try:
                await connection.prepare(sql)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE checkouts SET state = 'paid'",
        "UPDATE checkouts SET state = 'needs_attention'",
        "UPDATE checkouts SET parked_from = 'running'",
        "UPDATE checkouts SET answer_status = NULL",
        "UPDATE checkouts SET answer_status = NULL, answer_body = NULL",
        "UPDATE checkouts SET bought_cart_round = NULL",
        "INSERT INTO checkouts SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), "
        "'order_id', gen_random_uuid()))).* FROM checkouts AS c",
        "INSERT INTO checkouts SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), "
        "'order_id', gen_random_uuid(), 'key', 'another', 'state', 'running'))).* FROM checkouts AS c",
    ],
)
async def test_what_must_never_be_is_refused_by_the_schema(house: House, shopper: Shopper, sql: str):
    await house.buy(shopper.user, key="k")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await house.db.execute(sql)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(State, State)))
def test_only_the_transitions_of_the_table_are_made(before: State, after: State):
    if before is after or (before, after) in TRANSITIONS:
        states.check(before, after)
    else:
        with pytest.raises(WrongState) as refusal:
            states.check(before, after)
        assert refusal.value.status == 409


async def test_a_purchase_survives_its_row(house: House, shopper: Shopper):
    placed = await house.buy(shopper.user)
    purchase = (await house.row(placed.checkout_id)).purchase
    assert purchase.items is not None
    assert [(item.sku, item.quantity, item.unit_price.amount) for item in purchase.items] == [(shopper.sku, 2, 1000)]
    assert purchase.quote is not None
    assert purchase.quote.total.amount == 2994
    assert "answer" not in document(purchase)
    assert changes(purchase, purchase) == {}
    assert purchase.answer == placed.answer


def new_checkout(cart_id: str, key: str = "", *, is_refused: bool = False) -> NewCheckout:
    purchase = Purchase(
        checkout_id=uuid7(),
        order_id=uuid7(),
        user_id=None,
        cart_id=cart_id,
        shipping_method="standard",
        payment_method="card",
        expected_total=None,
        traceparent="",
    )
    if is_refused:
        purchase = purchase.refused(CartEmpty())
    else:
        purchase = replace(purchase, bought_cart_id=cart_id, bought_cart_round=1)
    return NewCheckout(
        scope=f"cart:{cart_id}", key=key or uuid7(), body_hash=b"", step="create_order", purchase=purchase
    )


def with_other_keys(claims: Sequence[NewCheckout]) -> list[NewCheckout]:
    return [new_checkout(one.purchase.bought_cart_id) for one in claims]


def with_the_first_refused(claims: Sequence[NewCheckout]) -> list[NewCheckout]:
    """Repeats of two keys, for the first of which something has changed meanwhile."""
    first, last = claims[0], claims[-1]
    return [
        new_checkout(first.purchase.bought_cart_id, first.key, is_refused=True),
        new_checkout(last.purchase.bought_cart_id, last.key),
    ]


@pytest.mark.parametrize("claimed_again", [with_other_keys, with_the_first_refused])
@pytest.mark.parametrize("in_order", [lambda claims: claims, reversed], ids=["sorted", "reversed"])
async def test_two_processes_that_claim_the_same_do_not_wait_for_each_other(house: House, claimed_again, in_order):
    mine = [new_checkout(cart_id) for cart_id in sorted(uuid7() for _ in range(3))]  # of a millisecond in any order
    async with house.db.dedicated() as third:
        await third.execute("BEGIN")
        await repository.claim(third, with_other_keys(mine[1:2]), "third", 60)
        claims = []
        for batch in (mine, list(in_order(claimed_again(mine)))):
            claims.append(asyncio.create_task(repository.claim(house.db, batch, house.db.session, 60)))
            async with asyncio.timeout(5):
                while await house.db.fetchval(WAITING) < len(claims):
                    await asyncio.sleep(0.01)
        await third.execute("ROLLBACK")
        assert [len(claimed) for claimed in await asyncio.gather(*claims)] == [3, 0]


async def test_only_what_changed_is_written(house: House, shopper: Shopper):
    placed = await house.buy(shopper.user)
    row = await house.row(placed.checkout_id)
    again = read(await house.db.fetchval("SELECT data FROM checkouts"), row.purchase.answer)
    assert again == row.purchase
    assert changes(again, replace(again, payment_id="p", answer=None)) == {"payment_id": "p"}
