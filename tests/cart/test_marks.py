"""What inventory announces marks the lines of all carts, in whatever order it arrives."""

from itertools import permutations

import pytest

from stoa.kit import clock
from stoa.kit.events import Event
from stoa.kit.ids import uuid7
from stoa.services.cart import repository
from stoa.services.cart.handlers import HANDLERS


async def hear(db, kind: str, version: int, sku: str = "MUG") -> None:
    event = Event(
        id=uuid7(),
        type=f"inventory.{kind}",
        source="inventory",
        subject=sku,
        time=clock.now(),
        aggregateversion=version,
        traceparent="00-" + "1" * 32 + "-" + "1" * 16 + "-01",
        data={"sku": sku, "available": 0 if kind == "sold_out" else 5},
    )
    async with db.transaction() as tx:
        await HANDLERS[event.type](tx, event)


async def marks(db, cart_id: str) -> dict[str, bool]:
    return {line.sku: line.sold_out for line in (await repository.read_cart(db, cart_id)).lines}


async def test_lines_that_are_there_and_lines_to_come(db, fill):
    first = await fill({"MUG": 1, "SPOON": 1})
    await hear(db, "sold_out", 1)
    later = await fill({"MUG": 1})
    assert await marks(db, first.id) == {"MUG": True, "SPOON": False}
    assert await marks(db, later.id) == {"MUG": True}
    await hear(db, "back_in_stock", 2)
    assert await marks(db, first.id) == {"MUG": False, "SPOON": False}
    assert (await repository.read_cart(db, first.id)).version == first.version


@pytest.mark.parametrize("arrival", list(permutations([("sold_out", 1), ("back_in_stock", 2), ("sold_out", 3)])))
async def test_the_newest_word_counts_whatever_comes_last(db, fill, arrival):
    cart = await fill({"MUG": 1})
    for kind, version in arrival:
        for _ in range(2):
            await hear(db, kind, version)
    assert await marks(db, cart.id) == {"MUG": True}
