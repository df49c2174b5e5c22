"""What the schema itself holds, and that every statement fits it."""

from __future__ import annotations

import asyncio
import itertools

import asyncpg
import pytest
from checkout.conftest import House, Shopper

from stoa.kit.ids import uuid7
from stoa.services.checkout import repository, states
from stoa.services.checkout.errors import WrongState
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
    assert len(STATEMENTS) == 18
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


def new_checkout(cart_id: str) -> NewCheckout:
    purchase = Purchase(
        checkout_id=uuid7(),
        order_id=uuid7(),
        user_id=None,
        cart_id=cart_id,
        shipping_method="standard",
        payment_method="card",
        expected_total=None,
        traceparent="",
        bought_cart_id=cart_id,
        bought_cart_round=1,
    )
    return NewCheckout(scope="guest", key=purchase.checkout_id, body_hash=b"", step="create_order", purchase=purchase)


async def test_two_processes_that_claim_the_same_carts_do_not_wait_for_each_other(house: House):
    carts = sorted(uuid7() for _ in range(3))  # two of a millisecond may be in any order
    async with house.db.dedicated() as third:
        await third.execute("BEGIN")
        await repository.claim(third, [new_checkout(carts[1])], "third", 60)
        claims = []
        for order in (reversed(carts), carts):
            batch = [new_checkout(cart_id) for cart_id in order]
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
    from msgspec.structs import replace

    assert changes(again, replace(again, payment_id="p", answer=None)) == {"payment_id": "p"}
