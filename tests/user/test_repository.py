"""Every statement fits the schema."""

from stoa.services.user import repository
from stoa.testing import prepare_all


async def test_every_statement(database):
    names = await prepare_all(await database("user"), repository)
    assert {"ADD_PROFILE", "PROMOTE_OLDEST", "DELETE_WISH"} <= set(names)
