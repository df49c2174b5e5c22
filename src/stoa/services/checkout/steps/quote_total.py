"""Quote: what it costs, from the snapshot. The first quote stays, so that what is authorized is what is ordered.

No undo: it changes nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from stoa.ports.destination import destination_of
from stoa.services.checkout.errors import PriceChanged
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.pricing import quote
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    if purchase.quote is not None:
        return purchase
    assert purchase.items is not None
    destination = destination_of(purchase.shipping_address)
    quoted = await quote(purchase.items, purchase.shipping_method, destination, neighbors.rules)
    if purchase.expected_total is not None and quoted.total != purchase.expected_total:
        raise PriceChanged(quoted.total)
    return replace(purchase, quote=quoted)


QUOTE_TOTAL = Step("quote_total", do, effect=False)
