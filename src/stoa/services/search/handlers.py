"""When catalog announces a product, a category, an attribute, another type, or another slug of a brand, mark what may
have changed; when inventory has nothing more of a SKU, or something again, remember that. When an order is placed,
count what was sold of each product; when it is canceled or comes back, take that off again.

Nothing is asked here. The feed looks at what is marked as soon as the transaction has committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from stoa.kit import clock, ids
from stoa.kit.db import Transaction, after_commit
from stoa.kit.events import Event
from stoa.kit.service import BatchHandler, Handler
from stoa.services.search import repository
from stoa.services.search.document import ATTRIBUTES, CATEGORIES, WALK
from stoa.services.search.repository import Stock
from stoa.services.search.sales import SALES_EVENTS, sold_lines, take_back

PRODUCT_EVENTS = ("product.created", "product.updated", "product.deleted")
CATEGORY_EVENTS = ("category.created", "category.updated", "category.deleted")
ATTRIBUTE_EVENTS = ("attribute.created", "attribute.updated", "attribute.deleted")
SILENT_EVENTS = ("attribute.updated", "attribute.deleted", "product_type.updated", "brand.updated", "brand.deleted")
"""After which products show, or are found by, other than they did, without a word of theirs."""
SHOWN: Mapping[str, AbstractSet[str]] = {
    "attribute.updated": {"label", "choices", "translations"},
    "product_type.updated": {"attributes"},
    "brand.updated": {"slug"},
}
"""What of them products are found by."""
STOCK_EVENTS = ("inventory.sold_out", "inventory.back_in_stock")


class Updated(msgspec.Struct):
    changed: Sequence[str]


class BrandDeleted(msgspec.Struct):
    merged_into: str | None


class StockTold(msgspec.Struct):
    sku: str
    available: int


def batch_handler(marked: Callable[[], None]) -> BatchHandler:
    """All of them at once. `marked` is called after the commit."""

    async def handle(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
        told: dict[str, Stock] = {}
        for event in events:
            if event.type in STOCK_EVENTS:
                stock = event.read(StockTold)
                one = Stock(stock.sku, stock.available > 0, event.aggregateversion)
                if one.sku not in told or told[one.sku].version < one.version:
                    told[one.sku] = one
        subjects = {event.subject for event in events if event.type in PRODUCT_EVENTS}
        if any(event.type in CATEGORY_EVENTS for event in events):
            subjects.add(CATEGORIES)
        if any(event.type in ATTRIBUTE_EVENTS for event in events):
            subjects.add(ATTRIBUTES)
        if any(event.type in SILENT_EVENTS and _shows_otherwise(event) for event in events):
            subjects.add(WALK + ids.FIRST)
        back = await take_back(tx, events)
        await repository.learn(
            tx, sold=sold_lines(events), back=back, stock=told.values(), subjects=subjects, now=clock.now()
        )
        after_commit(marked)
        return ()

    return handle


def _shows_otherwise(event: Event) -> bool:
    if event.type == "brand.deleted":
        # What products of the other one are found by, too.
        return event.read(BrandDeleted).merged_into is not None
    return event.type not in SHOWN or not SHOWN[event.type].isdisjoint(event.read(Updated).changed)


def handlers(handle: BatchHandler) -> Mapping[str, Handler]:
    """By the type of the event."""

    async def alone(tx: Transaction, event: Event) -> None:
        await handle(tx, [event])

    heard = (*PRODUCT_EVENTS, *CATEGORY_EVENTS, *ATTRIBUTE_EVENTS, *SILENT_EVENTS, *STOCK_EVENTS, *SALES_EVENTS)
    return dict.fromkeys(heard, alone)
