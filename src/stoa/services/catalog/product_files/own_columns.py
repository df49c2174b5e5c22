"""The columns of our own CSV: a line for each variant, and with the first of a product what is said of all of it.

What a file does not have stays as it is; a cell that is there and empty says that there is nothing. Variants that a
file does not name stay, too: what is not sold any more is archived, one by one, by somebody who means it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from stoa.kit.barcodes import barcode_of
from stoa.kit.money import amount_of
from stoa.services.catalog.product_files import cells, image_cells, translated_columns
from stoa.services.catalog.product_files.articles import whole_grams_of
from stoa.services.catalog.product_files.entry import Cell, Entry, Fault, Faults
from stoa.services.catalog.product_files.numbers import place_of
from stoa.services.catalog.product_files.prices import price_of
from stoa.services.catalog.product_files.stock import stock_of
from stoa.services.catalog.product_files.table import Row, Table
from stoa.services.catalog.product_files.translated_columns import SEO, language_of

OF_PRODUCT = (
    *("slug", "name", "description", "brand", "category", "category_path", "product_type", "status", "tax_class"),
    *("publish_at", "unpublish_at", "tags", "images", "seo_title", "seo_description"),
)
DATES = ("publish_at", "unpublish_at")
OF_VARIANT = (
    *("sku", "variant_name", "price", "currency", "options", "position"),
    *("barcode", "weight", "variant_image"),
)
STOCK = "stock"
"""Of a variant, and in no file that we write: how many there are is not catalog's to know."""
SPECIFICATION, CUSTOM, METADATA = "spec.", "custom.", "meta."
VARIANT_CUSTOM, VARIANT_METADATA = "variant.custom.", "variant.meta."
PREFIXES = (SPECIFICATION, CUSTOM, METADATA, VARIANT_CUSTOM, VARIANT_METADATA)
"""With the name of a specification, a custom field or a key of metadata behind it."""
ERRORS = ("error", "error_column", "error_line")
"""What the file of refused rows says beside them: mended and sent again, it is read past."""
PATH = ">"

_ALSO = {
    "title": "name",
    "handle": "slug",
    "url_handle": "slug",
    "vendor": "brand",
    "body": "description",
    "variant_sku": "sku",
    "variant_price": "price",
    "variant_inventory_qty": STOCK,
    **dict.fromkeys(("variant_barcode", "gtin", "ean", "upc", "isbn"), "barcode"),
    **dict.fromkeys(("variant_grams", "grams"), "weight"),
}
"""What others call them."""


def column_of(name: str, locales: Collection[str] = ()) -> str | None:
    """Ours that a column of this name is; None for one that is none. `locales` are the shop's, without its own."""
    if translated_columns.is_one(name, locales):
        return name
    if name.startswith(PREFIXES):
        return name if name not in PREFIXES else None
    plain = "_".join(name.strip().lower().split())
    plain = _ALSO.get(plain, plain)
    return plain if plain in {*OF_PRODUCT, *OF_VARIANT, STOCK, *ERRORS} else None


# ------------------------------------------------------------------------------------------------- reading


def entries(table: Table, columns: Mapping[str, str], currency: str) -> Iterator[Entry]:
    """Of each product one: rows that follow each other and have its slug, or none. `columns` are ours by theirs."""
    named = [columns.get(name, "") for name in table.header]
    comma = table.dialect.has_decimal_comma
    for rows in _grouped(table.rows, named.index("slug") if "slug" in named else None):
        yield _entry(rows, table.header, named, currency, comma=comma)


def _grouped(rows: Iterable[Row], slug: int | None) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        said = row.cells[slug].strip() if slug is not None else ""
        before = group[0].cells[slug].strip() if group and slug is not None else ""
        if group and (slug is None or (said and said != before) or (not said and not before)):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _entry(rows: Sequence[Row], header: Sequence[str], named: Sequence[str], currency: str, *, comma: bool) -> Entry:
    raw = [list(row.cells) for row in rows]
    where = {ours: theirs for theirs, ours in zip(header, named, strict=True) if ours}
    try:
        said = [_cells(row, named) for row in rows]
    except Fault as fault:
        return Entry(rows[0].line, raw, faults=[(fault.column, fault.detail)])
    faults = Faults()
    item = _product(said[0], where, faults)
    for row, one in zip(rows, said, strict=True):
        faults.line = row.line if len(rows) > 1 else None
        _check_same(said[0], one, where, faults)
        if one.get("sku"):
            item.setdefault("variants", []).append(_variant(one, where, currency, faults, comma=comma))
    specified = {
        column.removeprefix(SPECIFICATION): Cell(cell, comma)
        for column, cell in said[0].items()
        if cell and column.startswith(SPECIFICATION)
    }
    return Entry(rows[0].line, raw, item, _places(where), faults.found, specified)


def _cells(row: Row, named: Sequence[str]) -> dict[str, str]:
    """What the row says in our columns."""
    if len(row.cells) > len(named):
        raise Fault("", f"Line {row.line} has something behind the last column that the first line names.")
    return {name: cells.unguarded(cell) for name, cell in zip(named, row.cells, strict=True) if name}


def _check_same(first: Mapping[str, str], other: Mapping[str, str], where: Mapping[str, str], faults: Faults) -> None:
    for name, cell in other.items():
        of_product = name in OF_PRODUCT or name.startswith((SPECIFICATION, CUSTOM, METADATA)) or language_of(name)
        if of_product and cell and cell != first[name]:
            faults.say(where[name], f"{cell[:100]!r} is not what the first line of the product says.")


def _product(said: Mapping[str, str], where: Mapping[str, str], faults: Faults) -> dict[str, Any]:
    item: dict[str, Any] = {name: said[name] for name in ("name", "description", "brand") if name in said}
    item |= {name: said[name].strip() for name in ("slug", "status", "tax_class") if said.get(name, "").strip()}
    if "category" in said:
        item["category"] = said["category"].strip() or None
    # RFC 3339, or nothing.
    item |= {name: said[name].strip() or None for name in ("product_type", *DATES) if name in said}
    item |= {name: said[name] for name in SEO if name in said}
    if path := cells.split(said.get("category_path", ""), PATH):
        item["category_path"] = path
    if "tags" in said:
        item["tags"] = cells.split(said["tags"], cells.LISTED)
    if "images" in said:
        item["images"] = image_cells.read(said["images"])
    members = {"specifications": SPECIFICATION, "custom_fields": CUSTOM, "metadata": METADATA}
    item |= _named(said, where, members, faults)
    return item | _translated(translated_columns.of_product, said, where, faults)


def _translated(
    how: Callable[..., dict[str, Any]], said: Mapping[str, str], where: Mapping[str, str], faults: Faults
) -> dict[str, Any]:
    """What is said in other languages, if anything is."""
    found = faults.member("translations", "", how, said, where)
    return found if found.get("translations") else {}


def _variant(
    said: Mapping[str, str], where: Mapping[str, str], currency: str, faults: Faults, *, comma: bool
) -> dict[str, Any]:
    variant: dict[str, Any] = {"sku": said["sku"].strip()}
    if "variant_name" in said:
        variant["name"] = said["variant_name"]
    if said.get("price", "").strip():
        of = said.get("currency", "").strip().upper() or currency
        variant |= faults.member("price", where["price"], price_of, said["price"], of, comma=comma)
    if "options" in said:
        variant |= faults.member("options", where["options"], cells.split_pairs, said["options"])
    if position := said.get("position", "").strip():
        variant |= faults.member("position", where["position"], place_of, position)
    if "barcode" in said:
        # A spreadsheet writes a number that is text with an apostrophe before it.
        variant |= faults.member("barcode", where["barcode"], barcode_of, said["barcode"].strip().lstrip("'"))
    if "weight" in said:
        weight = said["weight"].strip()
        variant |= faults.member("weight", where["weight"], whole_grams_of, weight) if weight else {"weight": None}
    if "variant_image" in said:
        variant["image"] = image_cells.read_one(said["variant_image"])
    if stock := said.get(STOCK, "").strip():
        variant |= faults.member("stock", where[STOCK], stock_of, stock)
    variant |= _translated(translated_columns.of_variant, said, where, faults)
    return variant | _named(said, where, {"custom_fields": VARIANT_CUSTOM, "metadata": VARIANT_METADATA}, faults)


def _named(
    said: Mapping[str, str], where: Mapping[str, str], members: Mapping[str, str], faults: Faults
) -> dict[str, Any]:
    """What stands in the columns of each prefix; an empty cell takes away."""
    item: dict[str, Any] = {}
    for member, prefix in members.items():
        how = cells.read_text if member == "metadata" else cells.read
        for column, cell in said.items():
            if column.startswith(prefix):
                name = column.removeprefix(prefix)
                read = faults.member(name, where[column], how, cell) if cell else {name: None}
                item[member] = item.get(member, {}) | read
    return item


def _places(where: Mapping[str, str]) -> dict[str, str]:
    """The columns, by the members of the item."""
    places = {name: where[name] for name in (*OF_PRODUCT, "sku") if name in where}
    members = {SPECIFICATION: "specifications.", CUSTOM: "custom_fields.", METADATA: "metadata."}
    of_variants = {name: name for name in (*OF_VARIANT, STOCK)} | {
        "currency": "price.currency",
        "variant_name": "name",
        "variant_image": "image",
    }
    for column, theirs in where.items():
        for prefix, member in members.items():
            if column.startswith(prefix):
                places[member + column.removeprefix(prefix)] = theirs
        if column in of_variants:
            places[f"variants[0].{of_variants[column]}"] = theirs
        elif column.startswith("variant."):
            member = column.removeprefix("variant.").replace("custom.", "custom_fields.", 1)
            places[f"variants[0].{member.replace('meta.', 'metadata.', 1)}"] = theirs
    return places | translated_columns.places(where)


# ------------------------------------------------------------------------------------------------- writing


def header_of(
    *,
    locales: Sequence[str] = (),
    specifications: Iterable[str],
    custom: Iterable[str],
    metadata: Iterable[str],
    variant_custom: Iterable[str],
    variant_metadata: Iterable[str],
) -> list[str]:
    """All columns of a file, with those for the names that the products and their variants have."""
    return [
        *OF_PRODUCT,
        *translated_columns.of_products(locales),
        *(SPECIFICATION + name for name in specifications),
        *(CUSTOM + name for name in custom),
        *(METADATA + name for name in metadata),
        *OF_VARIANT,
        *translated_columns.of_variants(locales),
        *(VARIANT_CUSTOM + name for name in variant_custom),
        *(VARIANT_METADATA + name for name in variant_metadata),
    ]


class NoColumn(Exception):
    """A product has what the header has no `column` for."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def rows_of(item: Mapping[str, Any], header: Sequence[str]) -> list[list[str]]:
    """A row for each variant of a product, one for a product without. `item` has all members that an export has. Raises
    `NoColumn`: what no column has would be lost without a word."""
    said = {
        "slug": item["slug"],
        "name": item["name"],
        "description": item["description"],
        "brand": item["brand"],
        "category": item["category"] or "",
        "category_path": cells.joined(item["category_path"], f" {PATH} "),
        "status": item["status"],
        "tax_class": item["tax_class"],
        **{name: item[name] or "" for name in ("product_type", *DATES)},
        **{name: item["seo"][member] for name, member in SEO.items()},
        "tags": cells.joined(item["tags"], separators=cells.LISTED),
        "images": image_cells.written(item["images"]),
        **translated_columns.written_of_product(item["translations"], item["images"]),
        **_prefixed(SPECIFICATION, item["specifications"]),
        **_prefixed(CUSTOM, item["custom_fields"]),
        **_prefixed(METADATA, item["metadata"]),
    }
    rows = [said | _of_variant(variant, item["translations"]) for variant in item["variants"]] or [said]
    known = set(header)
    if lost := next((name for row in rows for name, cell in row.items() if cell and name not in known), None):
        raise NoColumn(lost)
    return [cells.guarded_row([row.get(name, "") for name in header]) for row in rows]


def _of_variant(variant: Mapping[str, Any], translations: Mapping[str, Any]) -> dict[str, str]:
    price = variant["price"]
    return {
        "sku": variant["sku"],
        "variant_name": variant["name"],
        "price": amount_of(price["amount"], price["currency"], grouped=False),
        "currency": price["currency"],
        "options": cells.joined_pairs(variant["options"]),
        "position": str(variant["position"]),
        "barcode": variant["barcode"],
        "weight": "" if variant["weight"] is None else str(variant["weight"]),
        "variant_image": image_cells.written_one(variant["image"]),
        **translated_columns.written_of_variant(variant, translations),
        **_prefixed(VARIANT_CUSTOM, variant["custom_fields"]),
        **_prefixed(VARIANT_METADATA, variant["metadata"]),
    }


def _prefixed(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {prefix + name: cells.written(value) for name, value in values.items()}
