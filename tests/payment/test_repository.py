"""What the schema itself holds, and that every statement fits it."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from payment.conftest import House, new_payment

from stoa.kit.ids import uuid7
from stoa.services.payment import repository, simulator

STATEMENTS = {
    name: value
    for module in (repository, simulator)
    for name, value in vars(module).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, str) and " " in value
}


async def test_every_statement_fits_the_schema(house: House):
    assert len(STATEMENTS) > 25
    async with house.db.dedicated() as connection:
        for name, sql in STATEMENTS.items():
            try:
                await connection.prepare(sql)
            except asyncpg.PostgresError as error:
                pytest.fail(f"{name}: {error}")


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_two_processes_that_add_the_same_do_not_wait_for_each_other(house: House):
    first, held, last = (new_payment(order_id=order_id) for order_id in sorted(uuid7() for _ in range(3)))
    async with house.db.dedicated() as third:
        await third.execute("BEGIN")
        await repository.add_payments(third, [held], "simulator")
        adding = []
        for batch in ([first, held, last], [last, first]):
            adding.append(asyncio.create_task(repository.add_payments(house.db, batch, "simulator")))
            async with asyncio.timeout(5):
                while await house.db.fetchval(WAITING) < len(adding):
                    await asyncio.sleep(0.01)
        await third.execute("ROLLBACK")
        assert [len(added) for added in await asyncio.gather(*adding)] == [3, 0]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE payments SET refund_asked_minor = 1001",
        "UPDATE payments SET refunded_minor = 1",
        "UPDATE payments SET refunded_minor = -1",
        "UPDATE payments SET state = 'authorized', refund_asked_minor = 1",
        "UPDATE payments SET state = 'paid'",
        "UPDATE payments SET order_id = NULL",
        "UPDATE payments SET amount_minor = -1",
        "UPDATE simulator.payments SET refunded_minor = 1001",
        "UPDATE ledger SET amount_minor = 1",
        "DELETE FROM ledger",
        "TRUNCATE ledger",
    ],
)
async def test_what_must_never_be_is_refused_by_the_schema(house: House, sql: str):
    await house.captured()
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await house.db.execute(sql)
    assert await house.balances() == {"customer_funds": -1000, "captured": 1000}


@pytest.mark.parametrize(
    ("amounts", "balanced"), [((5, -5), True), ((5,), False), ((5, -4), False), ((5, -2, -3), True)]
)
async def test_what_is_added_to_the_ledger_sums_to_zero(house: House, amounts, balanced):
    payment = await house.captured()
    before = await house.db.fetchval("SELECT count(*) FROM ledger")
    add = """
        INSERT INTO ledger (transaction_id, payment_id, movement, account, amount_minor, currency)
        SELECT $1, $2, 'capture', 'captured', amount, 'GBP' FROM unnest($3::bigint[]) AS amount
    """

    async def book() -> None:
        await house.db.execute(add, uuid7(), payment.id, amounts)

    if balanced:
        await book()
    else:
        with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
            await book()
    assert await house.db.fetchval("SELECT count(*) FROM ledger") == before + (len(amounts) if balanced else 0)


async def test_one_movement_does_not_make_up_for_another(house: House):
    payment = await house.captured()
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await house.db.execute(
            """
            INSERT INTO ledger (transaction_id, payment_id, movement, account, amount_minor, currency)
            VALUES ($1, $3, 'capture', 'captured', 5, 'GBP'), ($2, $3, 'capture', 'authorized', -5, 'GBP')
            """,
            uuid7(),
            uuid7(),
            payment.id,
        )


async def test_pounds_do_not_make_up_for_euros(house: House):
    payment = await house.captured()
    with pytest.raises(asyncpg.CheckViolationError, match="does not sum to zero"):
        await house.db.execute(
            """
            INSERT INTO ledger (transaction_id, payment_id, movement, account, amount_minor, currency)
            VALUES ($1, $2, 'capture', 'captured', 5, 'GBP'), ($1, $2, 'capture', 'authorized', -5, 'EUR')
            """,
            uuid7(),
            payment.id,
        )
