"""A line that names its product by a SKU alone is the only one of that SKU in its file: of two nobody knows which is
meant, and the second would write over the first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from stoa.services.catalog.product_files.entry import Entry

MOST_REMEMBERED = 1_000_000
"""SKUs, in some 130 MB; of those behind them only what stands close together is seen, as taken already."""


def each_once(entries: Iterable[Entry]) -> Iterator[Entry]:
    """With a fault where a SKU stands again, whatever became of the line that had it first. So it is the same in a file
    that is read again from its beginning."""
    lines: dict[str, int] = {}
    for entry in entries:
        said = skus_of(entry.item)
        again = [
            (
                entry.column_of(f"variants[{at}].sku"),
                f"Line {lines[sku]} has the SKU {sku} already: one of them is wrong.",
            )
            for at, sku in said.items()
            if sku in lines
        ]
        if not is_named(entry.item) and len(lines) < MOST_REMEMBERED:
            lines.update({sku: entry.line for sku in said.values() if sku not in lines})
        yield replace(entry, faults=[*entry.faults, *again]) if again else entry


def is_named(item: Mapping[str, Any]) -> bool:
    """Whether it says itself which product is meant."""
    return bool(item.get("id") or item.get("slug"))


def skus_of(item: Mapping[str, Any]) -> dict[int, str]:
    """By the places of its variants: a line of JSON may say anything there."""
    variants = item.get("variants")
    each = enumerate(variants if isinstance(variants, list) else [])
    return {at: one["sku"] for at, one in each if isinstance(one, dict) and isinstance(one.get("sku"), str)}
