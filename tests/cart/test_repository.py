"""The statements fit the schema, and the schema keeps what the rules promise."""

import asyncpg
import pytest

from stoa.kit.ids import uuid7
from stoa.services.cart import repository
from stoa.testing import prepare_all


async def test_every_statement_can_be_prepared(db):
    assert "WRITE_LINES" in await prepare_all(db, repository)


@pytest.mark.parametrize("quantity", [0, -1, 100_001, 2**62])
async def test_a_quantity_that_is_none_is_not_stored(db, fill, lines, quantity):
    cart = await fill({"MUG": 1})
    with pytest.raises(asyncpg.CheckViolationError):
        await fill({"MUG": quantity}, cart_id=cart.id)
    assert await lines(cart.id) == {"MUG": 1}


async def test_a_users_cart_has_the_users_id(db):
    with pytest.raises(asyncpg.CheckViolationError):
        await db.execute(repository.ADD_CART, uuid7(), uuid7())


async def test_each_change_raises_the_version_and_no_change_does_not(fill):
    cart = await fill({"MUG": 1, "SPOON": 2})
    assert (cart.version, [(line.sku, line.quantity) for line in cart.lines]) == (1, [("MUG", 1), ("SPOON", 2)])
    same = await fill({"MUG": 1, "SPOON": 2}, cart_id=cart.id)
    assert same == cart
    changed = await fill({"SPOON": 2, "FORK": 1, "MUG": 5}, cart_id=cart.id)
    assert changed.version == 2
    assert [(line.sku, line.quantity) for line in changed.lines] == [("MUG", 5), ("SPOON", 2), ("FORK", 1)]
    emptied = await fill({}, cart_id=cart.id)
    assert (emptied.version, emptied.lines) == (3, ())
