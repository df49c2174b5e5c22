"""All products as a file that can be read in again: in the order of their slugs, page by page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from stoa.kit.custom_fields.repository import definitions
from stoa.services.catalog import categories_repository, export_repository, repository
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.fields import PRODUCT, VARIANT
from stoa.services.catalog.fitting_translations import Parts, fitting, parts_of
from stoa.services.catalog.images import Image
from stoa.services.catalog.import_errors import ColumnMissing, TooManyColumns
from stoa.services.catalog.product import Product, Variant
from stoa.services.catalog.product_files.dialect import lines_of
from stoa.services.catalog.product_files.own_columns import NoColumn, header_of, rows_of
from stoa.services.catalog.product_files.reading import Format
from stoa.services.catalog.product_files.table import MOST_COLUMNS
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import ProductTranslation
from stoa.services.catalog.translations_repository import texts_of

ONE_PAGE = 200
MOST_PAGE_BYTES = 2 << 20
"""A page goes in a message between services, which has 4 MiB; a product is as large as this at most."""

CONTENT_TYPES: Mapping[Format, str] = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class Wanted(NamedTuple):
    """`sellers` None: everybody's products, and the shop's."""

    statuses: Collection[Literal["draft", "active"]]
    sellers: Collection[str] | None


class ExportPage(NamedTuple):
    """`after` is the slug of its last product, empty where there are no more."""

    content: bytes
    after: str


async def header_for(catalog: Catalog, written_as: Format, wanted: Wanted) -> list[str]:
    """The columns of a CSV file of these products; none of JSON lines. Raises `TooManyColumns`."""
    if written_as == "jsonl":
        return []
    db, whose = catalog.db, (wanted.statuses, wanted.sellers)
    header = header_of(
        locales=catalog.settings.locales[1:],
        specifications=await export_repository.specifications(db, *whose),
        custom=sorted(await definitions(db, PRODUCT)),
        metadata=await export_repository.metadata(db, *whose),
        variant_custom=sorted(await definitions(db, VARIANT)),
        variant_metadata=await export_repository.variant_metadata(db, *whose),
    )
    if len(header) > MOST_COLUMNS:
        raise TooManyColumns(MOST_COLUMNS)
    return header


async def export_page(catalog: Catalog, header: Sequence[str], wanted: Wanted, after: str) -> ExportPage:
    """The products behind the slug `after`, from the first where it is empty; with the header before those. Raises
    `ColumnMissing` where one has got since what the header has no column for."""
    products = await repository.exported_after(catalog.db, after, wanted.statuses, wanted.sellers, ONE_PAGE + 1)
    tree = {one.id: one for one in await categories_repository.categories(catalog.db)}
    locales = catalog.settings.locales[1:]
    texts = await texts_of(catalog.db, [one.id for one in products[:ONE_PAGE]]) if locales else {}
    content = bytearray(b"" if after or not header else lines_of([header]))
    for product in products[:ONE_PAGE]:
        said = texts.get(product.id, {})
        item = item_of(product, tree, {locale: said[locale] for locale in locales if locale in said})
        content += _lines(item, header)
        after = product.slug
        if len(content) > MOST_PAGE_BYTES:
            break
    more = bool(products) and products[-1].slug != after
    return ExportPage(bytes(content), after if more else "")


def _lines(item: Mapping[str, Any], header: Sequence[str]) -> bytes:
    """Of a product, in JSON where there is no header."""
    if not header:
        return msgspec.json.encode(item) + b"\n"
    try:
        return lines_of(rows_of(item, header))
    except NoColumn as missing:
        raise ColumnMissing(missing.column, str(item["slug"])) from None


async def export(catalog: Catalog, written_as: Format, wanted: Wanted) -> AsyncGenerator[bytes, None]:
    """The whole file. Raises `TooManyColumns` before anything is sent."""
    header = await header_for(catalog, written_as, wanted)
    first = await export_page(catalog, header, wanted, "")
    return _pages(catalog, header, wanted, first)


async def _pages(
    catalog: Catalog, header: Sequence[str], wanted: Wanted, page: ExportPage
) -> AsyncGenerator[bytes, None]:
    yield page.content
    while page.after:
        page = await export_page(catalog, header, wanted, page.after)
        yield page.content


def item_of(product: Product, tree: Mapping[str, Category], texts: Mapping[str, ProductTranslation]) -> dict[str, Any]:
    """All of it that a file has: what is another shop's, as ids and versions, is left out."""
    return {
        "slug": product.slug,
        "name": product.name,
        "description": product.description,
        "brand": product.brand,
        "tax_class": product.tax_class,
        "category": product.category.slug if product.category else None,
        "category_path": _way(tree, product.category.id if product.category else None),
        "product_type": product.product_type.slug if product.product_type else None,
        "status": product.status,
        "publish_at": product.publish_at.isoformat() if product.publish_at else None,
        "unpublish_at": product.unpublish_at.isoformat() if product.unpublish_at else None,
        "tags": list(product.tags),
        "specifications": dict(product.specifications),
        "images": [_image(image) for image in product.images],
        "seo": msgspec.structs.asdict(product.seo),
        "custom_fields": product.custom_fields.shown(private=True),
        "metadata": dict(product.metadata),
        "translations": _translations(product, texts) if texts else {},
        "variants": [_variant(variant) for variant in product.variants],
    }


def _translations(product: Product, texts: Mapping[str, ProductTranslation]) -> dict[str, Any]:
    parts = parts_of(product)
    return {locale: _said(parts, one) for locale, one in texts.items()}


def _said(parts: Parts, translation: ProductTranslation) -> dict[str, Any]:
    """What is said of it and fits it."""
    said: dict[str, Any] = msgspec.to_builtins(fitting(parts, translation))
    return {name: one for name, one in said.items() if one is not None and one != {}}


def _image(image: Image) -> dict[str, Any]:
    """A file of the shop's own by its id: its addresses change with its pictures."""
    place = {"url": image.url} if image.file_id is None else {"file_id": image.file_id}
    return place | {"alt": image.alt}


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "sku": variant.sku,
        "name": variant.name,
        "price": {"amount": variant.price.amount, "currency": variant.price.currency},
        "options": dict(variant.options),
        "position": variant.position,
        "barcode": variant.barcode,
        "weight": variant.weight,
        "image": variant.image,
        "custom_fields": variant.custom_fields.shown(private=True),
        "metadata": dict(variant.metadata),
    }


def _way(tree: Mapping[str, Category], category_id: str | None) -> list[str]:
    """The names from the top."""
    names: list[str] = []
    while category_id is not None and category_id in tree:
        names.append(tree[category_id].name)
        category_id = tree[category_id].parent_id
    return names[::-1]
