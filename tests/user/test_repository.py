"""Every statement fits the schema."""

from sql import prepare_all

from stoa.services.user import repository


async def test_every_statement(database):
    names = await prepare_all(await database("user"), repository)
    assert {"ADD_PROFILE", "PROMOTE_OLDEST", "DELETE_WISH"} <= set(names)
