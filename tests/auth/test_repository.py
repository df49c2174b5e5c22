"""Every statement fits the schema."""

from stoa.services.auth import repository
from stoa.testing import prepare_all


async def test_every_statement(database):
    names = await prepare_all(await database("auth"), repository)
    assert {"ADD_USER", "HOLD_TALLIES", "REMOVE_KEYS"} <= set(names)
