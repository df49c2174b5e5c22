"""A file of products, whatever wrote it, as entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

from stoa.kit.nearest import choose
from stoa.services.catalog.product_files import json_lines, own_columns, shopify, woocommerce
from stoa.services.catalog.product_files.dialect import OURS, Dialect
from stoa.services.catalog.product_files.each_once import each_once
from stoa.services.catalog.product_files.entry import Entry
from stoa.services.catalog.product_files.table import UnreadableFile, read_table

Format = Literal["csv", "jsonl"]
Source = Literal["stoa", "shopify", "woocommerce"]

_SHOPS = {"shopify": shopify, "woocommerce": woocommerce}


@dataclass(frozen=True)
class ProductFile:
    """`left_out` are the columns that say nothing here, `stock` those that say how many there are; `header` all of the
    file, none of JSON lines, and `dialect` how it is written."""

    header: Sequence[str]
    dialect: Dialect
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
    """`columns` are our columns, or those of the shop that wrote the file, by those that it has, where these have other
    names. Prices that say no currency are in `currency`; `locales` are the shop's, without its own. Raises
    `UnreadableFile`, also while the entries are read."""
    if written_as == "jsonl":
        return ProductFile([], OURS, [], [], each_once(json_lines.entries(file)))
    table = read_table(file)
    if source == "stoa":
        ours = _ours(table.header, columns, locales)
        left_out = [name for name in table.header if name not in ours]
        stock = [name for name in ours if ours[name] == own_columns.STOCK]
        entries = each_once(own_columns.entries(table, ours, currency))
    else:
        shop = _SHOPS[source]
        named = replace(table, header=_theirs(table.header, columns))
        if missing := shop.missing(named.header):
            raise UnreadableFile(_no_export(source, missing))
        both = list(zip(table.header, named.header, strict=True))
        understood = shop.understood(named.header)
        left_out = [name for name, meant in both if meant not in {*understood, *own_columns.ERRORS}]
        stock = [name for name, meant in both if meant in shop.STOCK]
        entries = (_as_there(entry, {meant: name for name, meant in both}) for entry in shop.entries(named, currency))
    return ProductFile(table.header, table.dialect, [name for name in left_out if name], stock, entries)


def _theirs(header: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The columns as the shop calls them that wrote the file. Raises `UnreadableFile` for two of one name."""
    _check_there(header, columns)
    named = [columns.get(name, name) for name in header]
    if twice := next((name for name in columns.values() if named.count(name) > 1), None):
        raise UnreadableFile(f"Two columns of the file are {twice!r}.")
    return named


def _no_export(source: Source, missing: Sequence[str]) -> str:
    names = ", ".join(map(repr, missing))
    return (
        f"The file is no product export of {source}: it has no column {names}. Where a column has another name, as in"
        f" another language, say so: --column 'Their name={missing[0]}', or columns in the API."
    )


def _as_there(entry: Entry, names: Mapping[str, str]) -> Entry:
    """With columns as the file has them."""
    faults = [(names.get(column, column), detail) for column, detail in entry.faults]
    columns = {member: names.get(name, name) for member, name in entry.columns.items()}
    return replace(entry, columns=columns, faults=faults)


def _check_there(header: Sequence[str], columns: Mapping[str, str]) -> None:
    if missing := [name for name in columns if name not in header]:
        raise UnreadableFile(f"The file has no column {missing[0]!r}; {choose(missing[0], header)}.")


def _ours(header: Sequence[str], columns: Mapping[str, str], locales: Collection[str]) -> dict[str, str]:
    """Our columns by theirs. Raises `UnreadableFile` for a file that says of no product which it is, and for another
    shop's, which would come in by halves: what its columns mean nobody has said."""
    _check_there(header, columns)
    if not columns and (shop := next((name for name, each in _SHOPS.items() if each.is_plainly_one(header)), None)):
        raise UnreadableFile(f"This looks like an export of {shop}: say so, with --from {shop}, or source in the API.")
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
            "No column slug or sku says which product is meant. Where one has another name, say so:"
            " --column 'Their name=sku', or columns in the API."
        )
    return ours
