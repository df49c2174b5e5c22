"""What every request for units of an order's lines keeps to: a pure rule."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.services.order.errors import DuplicateLine


def check_once(skus: Sequence[str]) -> None:
    """Raise `DuplicateLine`, naming the field, where one of them stands twice."""
    seen: set[str] = set()
    for at, sku in enumerate(skus):
        if sku in seen:
            raise DuplicateLine(sku, field=f"items[{at}].sku")
        seen.add(sku)
