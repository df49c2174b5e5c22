"""Every statement fits the schema."""

from sql import prepare_all

from stoa.services.auth import repository


async def test_every_statement(database):
    names = await prepare_all(await database("auth"), repository)
    assert {"ADD_USER", "HOLD_TALLIES", "REMOVE_KEYS"} <= set(names)
