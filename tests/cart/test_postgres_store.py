"""What only the store in PostgreSQL can do wrong: `test_store.py` has what every store keeps."""

from __future__ import annotations

import asyncio
from contextvars import Context

from stoa.kit.ids import uuid7
from stoa.services.cart import repository
from stoa.services.cart.document import Cart
from stoa.services.cart.postgres_store import PostgresCarts
from stoa.services.cart.store import Change


async def test_a_cart_that_is_made_after_the_lock_is_not_changed_without_one(db) -> None:
    """Others find it and change it meanwhile: what was read without the lock would be written over theirs."""
    store, ada = PostgresCarts(db), uuid7()

    def one_more(cart: Cart) -> Change:
        return Change({"MUG": cart.quantities.get("MUG", 0) + 1})

    async with db.transaction() as maker:
        # Whoever reads a cart waits for this, and reads it as it is then.
        await maker.execute("LOCK TABLE sku_marks IN ACCESS EXCLUSIVE MODE")
        changing = asyncio.create_task(store.change(ada, one_more), context=Context())
        while not changing.done() and not await maker.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
        await repository.add_cart(maker, ada, ada)
    assert await changing is None
