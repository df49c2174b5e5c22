"""A database of carts, and carts with what a test needs in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import pytest

from stoa.kit.db import Database
from stoa.kit.ids import uuid7
from stoa.services.cart import access, repository
from stoa.services.cart.change import save
from stoa.services.cart.repository import Cart


@pytest.fixture
async def db(database: Callable[..., Awaitable[Database]]) -> Database:
    return await database("cart")


@pytest.fixture
def fill(db: Database) -> Callable[..., Awaitable[Cart]]:
    """`await fill({"MUG": 2}, user_id=...)`: a user's or a new guest's cart with exactly these lines."""

    async def write(lines: Mapping[str, int], *, user_id: str | None = None, cart_id: str | None = None) -> Cart:
        cart_id = cart_id or user_id or uuid7()
        async with db.transaction() as tx:
            await repository.add_cart(tx, cart_id, user_id=user_id)
            await save(tx, await access.find_locked(tx, cart_id, user_id), lines)
        cart = await repository.read_cart(db, cart_id)
        assert cart is not None
        return cart

    return write


def lines_of(cart: Cart | None) -> dict[str, int]:
    assert cart is not None
    return {line.sku: line.quantity for line in cart.lines}


@pytest.fixture
def lines(db: Database) -> Callable[[str], Awaitable[dict[str, int]]]:
    """`await lines(cart_id)`: what is in it now."""

    async def read(cart_id: str) -> dict[str, int]:
        return lines_of(await repository.read_cart(db, cart_id))

    return read
