"""The statements fit the schema, and the lists walk their indexes."""

import re

import pytest

from stoa.services.order import (
    cancellations_repository,
    notes_repository,
    placing_repository,
    repository,
    returns_repository,
    shipments_repository,
    timeline_repository,
)
from stoa.testing import prepare_all


async def test_every_statement_can_be_prepared(orders):
    assert "READ_ORDERS" in await prepare_all(orders.db, repository)
    assert "CREATE_ORDERS" in await prepare_all(orders.db, placing_repository)
    assert "ADD_CANCELLATION" in await prepare_all(orders.db, cancellations_repository)
    assert "NOTES_OF_ORDER" in await prepare_all(orders.db, notes_repository)
    assert "TIMELINE" in await prepare_all(orders.db, timeline_repository)
    assert "ADD_SHIPMENT" in await prepare_all(orders.db, shipments_repository)
    assert "RECEIVE_RETURN" in await prepare_all(orders.db, returns_repository)


NEWEST = "'ffffffff-ffff-ffff-ffff-ffffffffffff'"
OLDEST = "'00000000-0000-0000-0000-000000000000'"
ANY = ("NULL", "NULL", "NULL")
SOMEBODY = "'00000000-0000-7000-8000-000000000000'"


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        (repository.USERS_ORDERS, tuple(f"ARRAY[{one}]" for one in (SOMEBODY, NEWEST, "NULL", "21")), "orders_of_user"),
        (
            repository.ORDERS_STANDING,
            (NEWEST, OLDEST, "21", "'{pending}'", "'{paid}'", "'{unfulfilled}'"),
            "orders_by_standing",
        ),
        (repository.ALL_ORDERS, (NEWEST, OLDEST, "21"), "orders_pkey"),
        (repository.ORDERS_OF_EMAIL, (NEWEST, OLDEST, "21", *ANY, "NULL", "'a'", "NULL"), "orders_of_email"),
        (repository.ORDERS_OF_USER, (NEWEST, OLDEST, "21", *ANY, SOMEBODY, "NULL", "NULL"), "orders_of_user"),
    ],
)
async def test_lists_are_walked_along_an_index(orders, statement, arguments, index):
    for number, argument in enumerate(arguments, 1):
        statement = statement.replace(f"${number}", argument)
    async with orders.db.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        plan = "\n".join(row[0] for row in await tx.fetch(f"EXPLAIN {statement}"))
    assert re.search(rf"Index (Only )?Scan Backward using {index} on orders", plan)
    assert "Sort Key: o.id" not in plan
