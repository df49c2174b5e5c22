"""A file of products, whatever wrote it, as entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from stoa.kit.nearest import choose
from stoa.services.catalog.product_files import json_lines, own_columns, shopify, woocommerce
from stoa.services.catalog.product_files.entry import Entry
from stoa.services.catalog.product_files.table import UnreadableFile, read_table

Format = Literal["csv", "jsonl"]
Source = Literal["stoa", "shopify", "woocommerce"]


@dataclass(frozen=True)
class ProductFile:
    """`left_out` are the columns that say nothing here, `stock` those that say how many there are; `header` all of the
    file, none of JSON lines."""

    header: Sequence[str]
    left_out: Sequence[str]
    stock: Sequence[str]
    entries: Iterator[Entry]


def read_products(
    file: BinaryIO,
    written_as: Format,
    source: Source,
    columns: Mapping[str, str],
    currency: str,
    *,
    locales: Collection[str] = (),
) -> ProductFile:
    """`columns` are our columns by those of the file, where they have other names. Prices that say no currency are in
    `currency`; `locales` are the shop's, without its own. Raises `UnreadableFile`, also while the entries are read."""
    if written_as == "jsonl":
        return ProductFile([], [], [], json_lines.entries(file))
    table = read_table(file)
    if source == "stoa":
        ours = _ours(table.header, columns, locales)
        left_out = [name for name in table.header if name not in ours]
        stock = [name for name in ours if ours[name] == own_columns.STOCK]
        entries = own_columns.entries(table, ours, currency)
    else:
        shop = shopify if source == "shopify" else woocommerce
        if not shop.knows(table.header):
            raise UnreadableFile(f"The file is no product export of {source}: its first line has other columns.")
        understood = shop.understood(table.header)
        left_out = [name for name in table.header if name not in {*understood, *own_columns.ERRORS}]
        stock = [name for name in table.header if name in shop.STOCK]
        entries = shop.entries(table, currency)
    return ProductFile(table.header, [name for name in left_out if name], stock, entries)


def _ours(header: Sequence[str], columns: Mapping[str, str], locales: Collection[str]) -> dict[str, str]:
    """Our columns by theirs. Raises `UnreadableFile` for a file that says of no product which it is."""
    if missing := [name for name in columns if name not in header]:
        raise UnreadableFile(f"The file has no column {missing[0]!r}; {choose(missing[0], header)}.")
    ours: dict[str, str] = {}
    for name in header:
        meant = columns.get(name, name)
        column = own_columns.column_of(meant, locales)
        if column is None and name in columns:
            known = [*own_columns.OF_PRODUCT, *own_columns.OF_VARIANT, own_columns.STOCK]
            raise UnreadableFile(f"There is no column {meant!r} here; {choose(meant, known)}.")
        if column in ours.values():
            raise UnreadableFile(f"Two columns of the file are {column}: {name!r} is one of them.")
        if column is not None:
            ours[name] = column
    if not {"slug", "sku"} & set(ours.values()):
        raise UnreadableFile(
            "The file has neither a column slug nor a column sku: nothing says which product is meant."
        )
    return ours
