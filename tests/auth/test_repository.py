"""Every statement fits the schema."""

from stoa.services.auth import groups_repository, repository, roles_repository, sellers_repository
from stoa.testing import prepare_all


async def test_every_statement(database):
    db = await database("auth")
    for each in (groups_repository, roles_repository, sellers_repository):
        assert await prepare_all(db, each)
    names = await prepare_all(db, repository)
    assert {"ADD_USER", "HOLD_TALLIES", "REMOVE_KEYS"} <= set(names)
