"""A product export of Shopify as it is.

One product is the rows of a `Handle` (in newer files: `URL handle`): the first says what is said of all of it, each
with a price is a variant, and one with an address of a picture alone is a picture. Its prices of other markets and
what its apps added are no product's here, and named as left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from stoa.services.catalog.product import called
from stoa.services.catalog.product_files.articles import Articles
from stoa.services.catalog.product_files.entry import Entry, Fault, Skus, read_cell
from stoa.services.catalog.product_files.plain_text import plain_text
from stoa.services.catalog.product_files.prices import price_of
from stoa.services.catalog.product_files.remarks import Said
from stoa.services.catalog.product_files.stock import left_of, oversold, sold_without
from stoa.services.catalog.product_files.table import Row, Table
from stoa.services.catalog.words import slug_apart

STOCK = ("Variant Inventory Qty", "Inventory quantity")
_NAMES = {
    "handle": ("Handle", "URL handle"),
    "name": ("Title",),
    "description": ("Body (HTML)", "Description"),
    "brand": ("Vendor",),
    "category": ("Product Category", "Product category", "Standard Product Type"),
    "type": ("Type", "Custom Product Type"),
    "tags": ("Tags",),
    "published": ("Published", "Published on online store"),
    "status": ("Status",),
    "sku": ("Variant SKU", "SKU"),
    "price": ("Variant Price", "Price"),
    "seo_title": ("SEO Title", "SEO title"),
    "seo_description": ("SEO Description", "SEO description"),
    "stock": STOCK,
    "tracker": ("Variant Inventory Tracker", "Inventory tracker"),
    "policy": ("Variant Inventory Policy", "Continue selling when out of stock"),
    "barcode": ("Variant Barcode", "Barcode"),
    "grams": ("Variant Grams", "Weight value (grams)"),
    "gift card": ("Gift Card", "Gift card"),
    "variant image": ("Variant Image", "Variant image URL"),
    "image": ("Image Src", "Product image URL"),
    "alt": ("Image Alt Text", "Image alt text"),
    **{f"option {at}": (f"Option{at} Name", f"Option{at} name") for at in (1, 2, 3)},
    **{f"value {at}": (f"Option{at} Value", f"Option{at} value") for at in (1, 2, 3)},
}
_PLAIN = {
    "Handle": {"Variant SKU", "Variant Price", "Published on online store", "Product category", "Option1 value"},
    "URL handle": {"SKU", "Price", "Published on online store", "Product category", "Option1 value"},
}
"""With the first, as older files and newer ones have it, each of the others is of such an export alone."""
_NO_OPTION = ("Title", "Default Title")
"""How it writes that a product has one variant and no options."""


def missing(header: Sequence[str]) -> list[str]:
    """Columns without which the file is no such export."""
    return [names[0] for names in (_NAMES["handle"], _NAMES["name"]) if not set(names) & set(header)]


def is_plainly_one(header: Sequence[str]) -> bool:
    """Whether these columns are of such an export, and of hardly anything else."""
    return any(handle in header and not others.isdisjoint(header) for handle, others in _PLAIN.items())


def understood(header: Sequence[str]) -> set[str]:
    """Of these columns the ones that say something here."""
    return set(header) & {name for names in _NAMES.values() for name in names}


def entries(table: Table, currency: str) -> Iterator[Entry]:
    where = {ours: name for ours, names in _NAMES.items() for name in names if name in table.header}
    at = {ours: table.header.index(name) for ours, name in where.items()}
    comma = table.dialect.has_decimal_comma
    seen: dict[str, int] = {}
    for rows in _grouped(table.rows, at):
        line = seen.setdefault(_cell(rows[0], at, "handle"), rows[0].line)
        if line == rows[0].line:
            yield _entry(rows, at, where, currency, comma=comma)
        else:
            # Somebody has sorted the file: half a product would take the place of the other half.
            detail = f"Line {line} begins the same product: put all its rows there, one behind the other."
            yield Entry(rows[0].line, [list(row.cells) for row in rows], faults=[(where["handle"], detail)])


def _grouped(rows: Iterable[Row], at: Mapping[str, int]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        handle = _cell(row, at, "handle")
        if group and handle and handle != _cell(group[0], at, "handle"):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _entry(
    rows: Sequence[Row], at: Mapping[str, int], where: Mapping[str, str], currency: str, *, comma: bool
) -> Entry:
    raw = [list(row.cells) for row in rows]
    said = [{name: _cell(row, at, name) for name in at} for row in rows]
    skus, articles = Skus(), Articles(said[0].get("name", ""))
    try:
        item = _product(said[0])
        item["variants"] = _variants(said, item["slug"], where, currency, skus, articles=articles, comma=comma)
        item["images"] = _images(said, item["variants"])
        if not item["variants"] and item["status"] == "active" and "price" in where:
            raise Fault(where["price"], "There is no price, and an active product has one.")
    except Fault as fault:
        return Entry(rows[0].line, raw, faults=[(fault.column, fault.detail)])
    cards = [Said("gift-card-as-goods", item["name"])] if said[0].get("gift card", "").lower() == "true" else []
    sold = [one for one in said if _is_variant(one)]
    stock = [said for one, variant in zip(sold, item["variants"], strict=True) for said in _said_of_stock(one, variant)]
    return Entry(
        rows[0].line,
        raw,
        item,
        _places(where),
        renamed=skus.renamed,
        remarks=[*skus.remarks, *articles.remarks, *stock, *cards],
    )


def _product(first: Mapping[str, str]) -> dict[str, Any]:
    shown = first.get("published", "true").lower() != "false"
    item: dict[str, Any] = {
        "slug": slug_apart(first["handle"]),
        "name": first.get("name", ""),
        "description": plain_text(first.get("description", "")),
        "brand": first.get("brand", ""),
        "tags": list(dict.fromkeys(tag for each in first.get("tags", "").split(",") if (tag := each.strip()))),
        **{name: first[name] for name in ("seo_title", "seo_description") if first.get(name)},
        "status": "active" if shown and first.get("status", "active").lower() == "active" else "draft",
    }
    shelves = first.get("category", "").split(">") if first.get("category") else [first.get("type", "")]
    if path := [name for each in shelves if (name := each.strip())]:
        item["category_path"] = path
    return item


def _images(said: Sequence[Mapping[str, str]], variants: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Those of the product, and of its variants what is none of these."""
    images = [{"url": one["image"], "alt": one.get("alt", "")[:200]} for one in said if one.get("image")]
    own = dict.fromkeys(one["image"] for one in variants if "image" in one)
    return images + [{"url": url, "alt": ""} for url in own if url not in {image["url"] for image in images}]


def _is_variant(said: Mapping[str, str]) -> bool:
    """Else it is a picture."""
    return any(said.get(name) for name in ("price", "sku", "value 1"))


def _is_counted(said: Mapping[str, str]) -> bool:
    """Of what is not tracked it says 0, and sells it all the same."""
    return bool(said.get("tracker", "shopify"))


def _said_of_stock(said: Mapping[str, str], variant: Mapping[str, Any]) -> list[Said]:
    if not _is_counted(said):
        return [Said("stock-not-counted", variant["sku"])]
    counted = oversold(variant["sku"], said["stock"]) if "stock" in variant else []
    return [*counted, *sold_without(variant["sku"], said.get("policy", ""))]


def _variants(
    said: Sequence[Mapping[str, str]],
    slug: str,
    where: Mapping[str, str],
    currency: str,
    skus: Skus,
    *,
    articles: Articles,
    comma: bool,
) -> list[dict[str, Any]]:
    """Of the rows that are more than a picture. The names of the options stand in the first row alone."""
    variants: list[dict[str, Any]] = []
    for one in said:
        if not _is_variant(one):
            continue
        options = {
            name: one[f"value {at}"]
            for at in (1, 2, 3)
            if (name := said[0].get(f"option {at}", "")) and one.get(f"value {at}")
        }
        if options == dict([_NO_OPTION]):
            options = {}
        price = one.get("price", "")
        stock = one.get("stock") if _is_counted(one) else ""
        article = articles.members(one.get("barcode", "").lstrip("'"), "barcode", one.get("grams", ""))
        named = skus.named(one.get("sku", "").lstrip("'"), slug, list(options.values()))
        variants.append(
            {
                "sku": named["sku"],
                "name": called("", options.values()),
                **({"price": read_cell(where["price"], price_of, price, currency, comma=comma)} if price else {}),
                "options": options,
                "position": len(variants),
                **article,
                "metadata": article.get("metadata", {}) | named.get("metadata", {}),
                **({"image": one["variant image"]} if one.get("variant image") else {}),
                **({"stock": read_cell(where["stock"], left_of, stock)} if stock else {}),
            }
        )
    return variants


def _cell(row: Row, at: Mapping[str, int], name: str) -> str:
    place = at.get(name, len(row.cells))
    return row.cells[place].strip() if place < len(row.cells) else ""


def _places(where: Mapping[str, str]) -> dict[str, str]:
    of_product = {"slug": "handle", "category_path": "category", "images": "image", "sku": "sku", "variants": "price"}
    places = {member: where[name] for member, name in of_product.items() if name in where}
    own = ("name", "description", "brand", "tags", "status", "seo_title", "seo_description")
    places |= {name: where[name] for name in own if name in where}
    of_variant = {"sku": "sku", "metadata.sku": "sku", "price": "price", "options": "value 1", "stock": "stock"}
    of_variant |= {"image": "variant image"}
    return places | {f"variants[0].{member}": where[name] for member, name in of_variant.items() if name in where}
