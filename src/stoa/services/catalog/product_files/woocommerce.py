"""A product export of WooCommerce as it is.

A row is a product, or a variation of one that its `Parent` names, wherever in the file that stands. What a product of
several variations differs in are the attributes that these name, with a value or open to any; the other attributes and
its size are specifications.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stoa.services.catalog.product import called
from stoa.services.catalog.product_files.articles import GRAMS, Articles
from stoa.services.catalog.product_files.entry import Entry, Fault, Skus, read_cell
from stoa.services.catalog.product_files.numbers import number_of
from stoa.services.catalog.product_files.plain_text import plain_text
from stoa.services.catalog.product_files.prices import price_of
from stoa.services.catalog.product_files.remarks import Said
from stoa.services.catalog.product_files.stock import left_of, oversold, sold_without
from stoa.services.catalog.product_files.table import Row, Table
from stoa.services.catalog.product_files.variations import Variation, differing, settled
from stoa.services.catalog.words import slug_of

_PLAIN = ("ID", "Type", "SKU", "Name", "Published", "Short description", "Description", "Regular price", "Categories")
STOCK = ("Stock",)
_VISIBILITY = "Visibility in catalog"
_GTIN = "GTIN, UPC, EAN, or ISBN"
_IN_STOCK = "In stock?"
_BACKORDERS = "Backorders allowed?"
_MORE = (_VISIBILITY, "Tags", "Images", "Parent", "Brands", "Position", _GTIN, _IN_STOCK, _BACKORDERS)
_MEASURE = re.compile(r"(Weight|Length|Width|Height) \(.+\)")
_WEIGHT = re.compile(rf"Weight \(({'|'.join(GRAMS)})\)")
_ATTRIBUTE = re.compile(r"Attribute ([0-9]+) (name|value\(s\))")
_COMMA = re.compile(r"(?<!\\),")
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]*|#[0-9]+|#[xX][0-9a-fA-F]+);")
_SHARED = "parent"
"""Where a number of pieces would stand: the product's are those of all its variations together."""
_ITSELF = Variation([{}], [])
"""A product without variations."""
_Said = tuple[Row, dict[str, str]]
"""A row, and its cells by their columns."""


def missing(header: Sequence[str]) -> list[str]:
    """Columns without which the file is no such export."""
    return [name for name in ("Type", "SKU", "Name", "Regular price") if name not in header]


def is_plainly_one(header: Sequence[str]) -> bool:
    """Whether these columns are of such an export, and of hardly anything else."""
    return {"Type", "SKU", "Regular price"}.issubset(header)


def understood(header: Sequence[str]) -> set[str]:
    """Of these columns the ones that say something here."""
    return {
        name
        for name in header
        if name in {*_PLAIN, *_MORE, *STOCK} or _MEASURE.fullmatch(name) or _ATTRIBUTE.match(name)
    }


def entries(table: Table, currency: str) -> Iterator[Entry]:
    """Products without variations as they come, then the others: a variation may stand before its product."""
    parents: list[_Said] = []
    variations: dict[str, list[_Said]] = {}
    names = _Names()
    for row in table.rows:
        said = dict(zip(table.header, (cell.strip() for cell in row.cells), strict=False))
        kinds = {kind.strip() for kind in said.get("Type", "").lower().split(",")}
        if "variation" in kinds:
            variations.setdefault(said.get("Parent", ""), []).append((row, said))
        elif "variable" in kinds:
            parents.append((row, said))
        elif "simple" in kinds:
            yield _entry((row, said), [], names, currency)
        else:
            detail = f"A product of type {said.get('Type')!r} has nothing to sell itself."
            yield Entry(row.line, _raw([(row, said)]), faults=[("Type", detail)])
    for parent in parents:
        own = [parent[1].get("SKU", ""), f"id:{parent[1].get('ID')}"]
        yield _entry(parent, [one for name in own if name for one in variations.pop(name, [])], names, currency)
    for name, orphans in variations.items():
        yield Entry(orphans[0][0].line, _raw(orphans), faults=[("Parent", f"The file has no product {name!r}.")])


def _raw(rows: Sequence[_Said]) -> list[list[str]]:
    return [list(row.cells) for row, _ in rows]


class _Names:
    """Slugs, which such a file has none of: of two products of the same name the second has its number behind it."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def slug_of(self, said: Mapping[str, str]) -> str:
        plain = slug_of(_text(said.get("Name", "")))
        slug = plain if plain and plain not in self._taken else slug_of(f"{plain} {said.get('ID') or said.get('SKU')}")
        self._taken.add(slug)
        return slug


def _entry(product: _Said, variations: Sequence[_Said], names: _Names, currency: str) -> Entry:
    row, said = product
    raw = _raw([product, *variations])
    skus, articles = Skus(), Articles(_text(said.get("Name", "")))
    try:
        item = _product(said, names.slug_of(said))
        others = _shelve(item, said.get("Categories", ""))
        unread = _measure(item, said)
        pictures = [url for one in (said, *(one for _, one in variations)) for url in _listed(one.get("Images", ""))]
        item["images"] = [{"url": url} for url in dict.fromkeys(pictures) if not _is_open(url)]
        attributes = _attributes(said)
        named = [{name: ", ".join(values) for name, values in _attributes(one).items()} for _, one in variations]
        differ = differing(named, attributes)
        item["specifications"] |= {
            name: ", ".join(values) for name, values in attributes.items() if values and name not in differ
        }
        sold = [one for _, one in variations] or [said]
        stand_for = read_cell(_PLACES["variants[0].options"], settled, named, attributes) if variations else [_ITSELF]
        made = [
            _variants(one, stands_for, item["slug"], said, currency, skus=skus, articles=articles)
            for one, stands_for in zip(sold, stand_for, strict=True)
        ]
        item["variants"] = [
            {"position": at, **variant} for at, variant in enumerate(each for variants in made for each in variants)
        ]
    except Fault as fault:
        return Entry(row.line, raw, faults=[(fault.column, fault.detail)])
    name = item["name"]
    remarks = [
        *skus.remarks,
        *articles.remarks,
        *([Said("hidden-as-draft", name)] if said.get("Published") == "1" and _is_hidden(said) else []),
        *([Said("stock-shared", name)] if any(one.get("Stock") == _SHARED for one in sold) else []),
        *(
            each
            for one, stands_for, variants in zip(sold, stand_for, made, strict=True)
            for each in (*_said_of_any(one, stands_for, name), *_said_of_stock(one, variants, name))
        ),
        *(Said("category-left-out", f"{name}: {each}") for each in others),
        *(Said("measure-left-out", f"{name}: {each}") for each in unread),
        *(Said("picture-left-out", f"{name}: {url}") for url in dict.fromkeys(pictures) if _is_open(url)),
    ]
    return Entry(row.line, raw, item, _PLACES, renamed=skus.renamed, remarks=remarks)


def _product(said: Mapping[str, str], slug: str) -> dict[str, Any]:
    texts = [plain_text(said.get(name, "").replace("\\n", "\n")) for name in ("Short description", "Description")]
    return {
        "slug": slug,
        "name": _text(said.get("Name", "")),
        "description": "\n\n".join(text for text in texts if text),
        "brand": _text((_listed(said.get("Brands", "")) or [""])[0]),
        "tags": list(dict.fromkeys(map(_text, _listed(said.get("Tags", ""))))),
        "status": "active" if said.get("Published", "1") == "1" and not _is_hidden(said) else "draft",
        "specifications": {},
    }


def _is_hidden(said: Mapping[str, str]) -> bool:
    """Sold to whoever has its address."""
    return said.get(_VISIBILITY, "").lower() == "hidden"


def _is_sold_uncounted(said: Mapping[str, str]) -> bool:
    """It says 1, or `backorder`, and of how many nothing."""
    return said.get(_IN_STOCK, "0").lower() not in {"", "0"} and not said.get("Stock")


def _said_of_any(said: Mapping[str, str], stands_for: Variation, product: str) -> list[Said]:
    if not stands_for.open:
        return []
    any_of = ", ".join(stands_for.open)
    return [Said("variation-of-any", f"{said.get('SKU') or product}: any {any_of}, {len(stands_for.options)} variants")]


def _said_of_stock(said: Mapping[str, str], variants: Sequence[Mapping[str, Any]], product: str) -> list[Said]:
    if _is_sold_uncounted(said):
        return [Said("stock-not-counted", variant["sku"]) for variant in variants]
    stock = said.get("Stock", "")
    told = [each for variant in variants if stock for each in sold_without(variant["sku"], said.get(_BACKORDERS, ""))]
    if any("stock" in variant for variant in variants):
        return [*oversold(variants[0]["sku"], stock), *told]
    if len(variants) > 1 and stock not in {"", _SHARED}:
        return [Said("stock-shared", f"{said.get('SKU') or product}: {stock}"), *told]
    return told


def _text(cell: str) -> str:
    """It keeps the names of things as a page has them: `Home &amp; Garden`."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), cell)


def _is_open(url: str) -> bool:
    """Over http anybody on the way may change it, and browsers show no such picture on a page of ours."""
    return url.lower().startswith("http://")


def _shelve(item: dict[str, Any], cell: str) -> list[str]:
    """The deepest is its category. What is neither that nor around it is left out: the answer."""
    shelves = [[_text(part.strip()) for part in each.split(">")] for each in _listed(cell)]
    if not shelves:
        return []
    own = item["category_path"] = max(shelves, key=len)
    return [" > ".join(each) for each in shelves if each != own[: len(each)]]


def _weight(said: Mapping[str, str], product: Mapping[str, str]) -> tuple[str, str]:
    """As it stands there, and its unit. A variation that says none weighs what its product does."""
    for column in filter(_WEIGHT.fullmatch, said):
        return said[column] or product.get(column, ""), column[len("Weight (") : -1]
    return "", "g"


def _shown(said: Mapping[str, str]) -> str:
    """The picture of a variation."""
    return next((url for url in _listed(said.get("Images", "")) if not _is_open(url)), "")


def _measure(item: dict[str, Any], said: Mapping[str, str]) -> list[str]:
    """Its size is specifications. What is no number is left out: the answer."""
    unread: list[str] = []
    for name, cell in said.items():
        if cell and _MEASURE.fullmatch(name) and not _WEIGHT.fullmatch(name):
            try:
                item["specifications"][name] = number_of(cell, comma=True)
            except ValueError:
                unread.append(f"{name} {cell}")
    return unread


def _variants(
    said: Mapping[str, str],
    stands_for: Variation,
    slug: str,
    product: Mapping[str, str],
    currency: str,
    *,
    skus: Skus,
    articles: Articles,
) -> list[dict[str, Any]]:
    """Those that the row is. What there is of several together is of none alone."""
    price = read_cell("Regular price", price_of, said.get("Regular price", ""), currency, comma=True)
    article = articles.members(said.get(_GTIN, ""), "gtin", *_weight(said, product))
    shown = "" if said is product else _shown(said)
    # Empty where it counts none.
    counted = "" if said.get("Stock") == _SHARED else said.get("Stock", "")
    stock = read_cell("Stock", left_of, counted) if counted else None
    shared = len(stands_for.options) > 1 and stock
    variants: list[dict[str, Any]] = []
    for options in stands_for.options:
        apart = [options[name] for name in stands_for.open]
        named = skus.named(said.get("SKU", ""), slug, list(options.values()), apart)
        variants.append(
            {
                "sku": named["sku"],
                "name": called("", options.values()),
                "price": price,
                "options": options,
                **article,
                "metadata": article.get("metadata", {}) | named.get("metadata", {}),
                **({"stock": stock} if stock is not None and not shared else {}),
                **({"image": shown} if shown else {}),
            }
        )
    return variants


def _attributes(said: Mapping[str, str]) -> dict[str, list[str]]:
    """The values of each, by name: none where a variation is open to any."""
    found: dict[str, list[str]] = {}
    for column, name in said.items():
        match = _ATTRIBUTE.fullmatch(column)
        if match and match[2] == "name" and name:
            found[_text(name)] = list(map(_text, _listed(said.get(f"Attribute {match[1]} value(s)", ""))))
    return found


def _listed(cell: str) -> list[str]:
    """The parts between commas; one that belongs to a part has a backslash before it."""
    return [part for each in _COMMA.split(cell) if (part := each.replace("\\,", ",").strip())]


_PLACES = {
    "slug": "Name",
    "name": "Name",
    "description": "Description",
    "tags": "Tags",
    "images": "Images",
    "category_path": "Categories",
    "brand": "Brands",
    "status": "Published",
    "sku": "SKU",
    "variants[0].sku": "SKU",
    "variants[0].metadata.sku": "SKU",
    "variants[0].price": "Regular price",
    "variants[0].stock": "Stock",
    "variants[0].image": "Images",
    "variants[0].options": "Attribute 1 value(s)",
}
