"""The databases that tests get: separate, and closed to every other service's role."""

from __future__ import annotations


async def test_each_database_is_its_own(database) -> None:
    one, other = await database("cart"), await database("cart")
    await one.execute("CREATE TABLE only_here (id int)")
    assert await other.fetchval("SELECT to_regclass('only_here')") is None
    assert await one.fetchval("SELECT current_user") == "stoa_cart"
