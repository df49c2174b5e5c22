"""The columns of our own CSV for what a product says in another language, which stands behind a dot: `name.de`.

What a variant's row says is of its options, too: `options.de` has a pair for each of `options`, in their order, and
nothing where that is as in the shop's own language: `color=red; size=L` and `Farbe=rot; Größe=`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from stoa.services.catalog.product_files import cells, image_cells
from stoa.services.catalog.product_files.entry import Fault, read_cell

SEO = {"seo_title": "title", "seo_description": "description"}
OF_PRODUCT = ("name", "slug", "description", *SEO, "images")
NAME, OPTIONS = "variant_name", "options"
OF_VARIANT = (NAME, OPTIONS)


def is_one(column: str, locales: Collection[str]) -> bool:
    name, _, locale = column.partition(".")
    return name in {*OF_PRODUCT, *OF_VARIANT} and locale in locales


def of_products(locales: Iterable[str]) -> list[str]:
    return [f"{name}.{locale}" for locale in locales for name in OF_PRODUCT]


def of_variants(locales: Iterable[str]) -> list[str]:
    return [f"{name}.{locale}" for locale in locales for name in OF_VARIANT]


def language_of(column: str, names: Collection[str] = OF_PRODUCT) -> str:
    """`de` of `name.de`; empty for what is none of these."""
    name, _, locale = column.partition(".")
    return locale if name in names else ""


def _languages(said: Iterable[str], names: Collection[str]) -> list[str]:
    return sorted({locale for column in said if (locale := language_of(column, names))})


def places(where: Mapping[str, str]) -> dict[str, str]:
    """The columns, by the members of the item."""
    found: dict[str, str] = {}
    for column, theirs in where.items():
        name, _, locale = column.partition(".")
        if language_of(column):
            found[f"translations.{locale}.{f'seo.{SEO[name]}' if name in SEO else name}"] = theirs
        elif language_of(column, OF_VARIANT):
            member = "variants" if name == NAME else name
            found[f"translations.{locale}.{member}"] = theirs
            found[f"variants[0].translations.{locale}.{'name' if name == NAME else name}"] = theirs
    return found


# ------------------------------------------------------------------------------------------------- reading


def of_product(said: Mapping[str, str], where: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the row of a product says in each language."""
    return {locale: _said(said, where, locale) for locale in _languages(said, OF_PRODUCT)}


def _said(said: Mapping[str, str], where: Mapping[str, str], locale: str) -> dict[str, Any]:
    found = {name: said[f"{name}.{locale}"] for name in OF_PRODUCT if f"{name}.{locale}" in said}
    translation: dict[str, Any] = {name: cell or None for name, cell in found.items() if name not in SEO}
    if "slug" in found:
        translation["slug"] = found["slug"].strip() or None
    if seo := {SEO[name]: cell or None for name, cell in found.items() if name in SEO}:
        translation["seo"] = seo
    if "images" in found:
        images = read_cell(where[f"images.{locale}"], image_cells.read, found["images"])
        translation["images"] = {image_cells.named(image): image["alt"] for image in images}
    return translation


def of_variant(said: Mapping[str, str], where: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """What the row of a variant says of it in each language. Raises `Fault`."""
    found: dict[str, dict[str, Any]] = {}
    for locale in _languages(said, OF_VARIANT):
        found[locale] = {}
        if f"{NAME}.{locale}" in said:
            found[locale]["name"] = said[f"{NAME}.{locale}"] or None
        if f"{OPTIONS}.{locale}" in said:
            found[locale]["options"] = _options(said, where, f"{OPTIONS}.{locale}")
    return found


def _options(said: Mapping[str, str], where: Mapping[str, str], column: str) -> dict[str, dict[str, str | None]]:
    """By the option's name: what it and its value are called."""
    if OPTIONS not in said:
        raise Fault(where[column], "It is read beside the column options, which the file does not have.")
    own = read_cell(where[OPTIONS], cells.split_pairs, said[OPTIONS])
    pairs = read_cell(where[column], cells.split_couples, said[column]) or [("", "")] * len(own)
    if len(pairs) != len(own):
        raise Fault(where[column], f"It has {len(pairs)} pairs, and options has {len(own)}.")
    return {
        name: {"name": called or None, "value": value or None} for name, (called, value) in zip(own, pairs, strict=True)
    }


# ------------------------------------------------------------------------------------------------- writing


def written_of_product(translations: Mapping[str, Any], images: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """`images` are the product's."""
    row: dict[str, str] = {}
    for locale, said in translations.items():
        row |= {f"{name}.{locale}": said.get(name, "") for name in ("name", "slug", "description")}
        row |= {f"{name}.{locale}": said.get("seo", {}).get(member, "") for name, member in SEO.items()}
        shown = said.get("images", {})
        named = [(image, image_cells.named(image)) for image in images]
        row[f"images.{locale}"] = image_cells.written(
            {**image, "alt": shown[name]} for image, name in named if name in shown
        )
    return row


def written_of_variant(variant: Mapping[str, Any], translations: Mapping[str, Any]) -> dict[str, str]:
    row: dict[str, str] = {}
    for locale, said in translations.items():
        row[f"{NAME}.{locale}"] = said.get("variants", {}).get(variant["sku"], "")
        row[f"{OPTIONS}.{locale}"] = _couples(variant["options"], said.get("options", {}))
    return row


def _couples(own: Mapping[str, str], said: Mapping[str, Any]) -> str:
    pairs: Sequence[tuple[str, str]] = [
        (said.get(name, {}).get("name") or "", said.get(name, {}).get("values", {}).get(value, ""))
        for name, value in own.items()
    ]
    return cells.joined_couples(pairs) if any(name or value for name, value in pairs) else ""
