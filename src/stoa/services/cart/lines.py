"""What a cart may hold: pure rules over its lines, each a quantity by SKU.

`available` is what can be had of a SKU, None where nobody knows: then the checkout will see. `most` is
what a line of it may hold.
"""

from __future__ import annotations

from collections.abc import Mapping

from stoa.services.cart.errors import CartFull, OutOfStock, QuantityTooLarge

MOST_OF_A_LINE = 100_000
"""Units of one SKU. The table has a CHECK behind it."""

MOST_LINES = 1_000
"""Different SKUs in one cart: what a checkout takes in one piece."""

Lines = Mapping[str, int]


def add(lines: Lines, sku: str, quantity: int, available: int | None, most: int = MOST_OF_A_LINE) -> Lines:
    """`lines` with `quantity` more of `sku`: what is in the cart already counts."""
    return put(lines, sku, lines.get(sku, 0) + quantity, available, most)


def put(lines: Lines, sku: str, quantity: int, available: int | None, most: int = MOST_OF_A_LINE) -> Lines:
    """`lines` with exactly `quantity` of `sku`."""
    check_line(sku, quantity, available, most)
    return {**lines, sku: quantity}


def remove(lines: Lines, sku: str) -> Lines:
    """`lines` without `sku`, which need not be there."""
    return {each: quantity for each, quantity in lines.items() if each != sku}


def take_out(lines: Lines, bought: Lines) -> Lines:
    """`lines` without what was `bought`: less of it, or none where there is no more than that."""
    left = {sku: quantity - bought.get(sku, 0) for sku, quantity in lines.items()}
    return {sku: quantity for sku, quantity in left.items() if quantity > 0}


def added_up(mine: Lines, guests: Lines) -> Lines:
    """Both together: quantities add up to the limit of a line."""
    together = dict(mine)
    for sku, quantity in guests.items():
        together[sku] = min(MOST_OF_A_LINE, together.get(sku, 0) + quantity)
    return together


def larger_of(mine: Lines, guests: Lines) -> Lines:
    """Both together, of each SKU the larger quantity."""
    return {**mine, **{sku: max(quantity, mine.get(sku, 0)) for sku, quantity in guests.items()}}


def check_line(sku: str, quantity: int, available: int | None, most: int = MOST_OF_A_LINE) -> None:
    """Raise `QuantityTooLarge` or `OutOfStock` unless a cart may hold `quantity` of `sku`."""
    if quantity > most:
        raise QuantityTooLarge(sku, quantity)
    if available is not None and quantity > available:
        raise OutOfStock(sku, quantity, available)


def within_limit(lines: Lines) -> Lines:
    """`lines` if there are not too many of them. Raises `CartFull`."""
    if len(lines) > MOST_LINES:
        raise CartFull(f"A cart holds at most {MOST_LINES} different SKUs.", limit=MOST_LINES)
    return lines
