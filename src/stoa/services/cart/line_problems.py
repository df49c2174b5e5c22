"""What is wrong with a line as it stands: a pure rule over what catalog and inventory say of it now.

It is advice. The checkout has the last word by the same facts: it refuses what is `not-for-sale` or out of stock, and
a total that is not the one which the shopper expects.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from stoa.kit.money import Money
from stoa.services.cart.document import Line


class Type(StrEnum):
    NOT_FOR_SALE = "not-for-sale"
    """Catalog sells none under this SKU any more, or has no price for it here."""
    OUT_OF_STOCK = "out-of-stock"
    """None of it can be had."""
    QUANTITY_REDUCED = "quantity-reduced"
    """Fewer can be had than the line wants."""
    PRICE_CHANGED = "price-changed"
    """One costs something else than when the shopper put it in, or last changed the line."""


class LineProblem(msgspec.Struct, frozen=True, kw_only=True):
    """`detail` says it in words. `available` is there where fewer can be had, `before` and `now` where the price has
    changed."""

    type: Type
    sku: str
    detail: str
    available: int | None = None
    before: Money | None = None
    now: Money | None = None


def problems_of(line: Line, price: Money | None, available: int | None) -> list[LineProblem]:
    """Of a line whose SKU costs `price` (None: it is not for sale) and of which so many can be had; `available` is None
    where inventory is silent: then its last word counts."""
    if price is None:
        return [LineProblem(type=Type.NOT_FOR_SALE, sku=line.sku, detail="This is no longer for sale.")]
    found = []
    if available == 0 or (available is None and line.sold_out):
        found.append(LineProblem(type=Type.OUT_OF_STOCK, sku=line.sku, detail="This is sold out.", available=0))
    elif available is not None and available < line.quantity:
        detail = f"Of the {line.quantity} in the cart only {available} can be had."
        found.append(LineProblem(type=Type.QUANTITY_REDUCED, sku=line.sku, detail=detail, available=available))
    if line.seen is not None and line.seen != price:
        detail = f"One cost {line.seen} when it was put in, and costs {price} now."
        found.append(LineProblem(type=Type.PRICE_CHANGED, sku=line.sku, detail=detail, before=line.seen, now=price))
    return found
