"""What the benchmark's shop sells: many products of one variant each, with stock that does not run out."""

from __future__ import annotations

import asyncio

from bench.shop import Shop

PRODUCTS = 200
FIRST = 1000
"""The products are `BENCH-1000` and so on: a number in the name is what pgbench can make, too."""
ON_HAND = 1_000_000
AT_ONCE = 8

DESCRIPTION = (
    "Turned from one piece of beech, oiled twice and packed in paper. It takes a year to make and lasts longer "
    "than the table it stands on. The grain is never the same; the size is, to a tenth of a millimetre. "
) * 3


def sku(number: int) -> str:
    """Of the number-th product, from 0, round and round."""
    return f"BENCH-{FIRST + number % PRODUCTS}"


def slug(number: int) -> str:
    return sku(number).lower()


async def stock_up(shop: Shop, products: int | None = None) -> None:
    """Add the first `products` of them, or all, through the API, as an administrator would."""
    # Signed in once, before several want to.
    await shop.as_admin("GET", "/products?limit=1")
    room = asyncio.Semaphore(AT_ONCE)

    async def add(number: int) -> None:
        async with room:
            variant = {"sku": sku(number), "name": "", "price": {"amount": 1999 + number, "currency": "GBP"}}
            product = {
                "slug": slug(number),
                "name": f"Beech bowl no. {number}",
                "brand": "Hearth & Field",
                "description": DESCRIPTION,
                "status": "active",
                "variants": [variant],
            }
            await shop.as_admin("POST", "/products", product)
            await shop.as_admin("PUT", f"/inventory/{sku(number)}", {"on_hand": ON_HAND})

    await asyncio.gather(*(add(number) for number in range(products or PRODUCTS)))
    await shop.settle()
