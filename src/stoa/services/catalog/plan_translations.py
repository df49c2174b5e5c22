"""What is said of each of many products in other languages, and how it is written with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import to_builtins

from stoa.kit import problems, staff_acts
from stoa.kit.db import Transaction
from stoa.services.catalog import slugs_repository
from stoa.services.catalog import translations_repository as repository
from stoa.services.catalog.bodies import check_slug
from stoa.services.catalog.fitting_translations import Parts, check_fits, fitting
from stoa.services.catalog.product_items import ProductItem
from stoa.services.catalog.translations import NOTHING_SAID, ProductTranslation, check_translatable


class Said(NamedTuple):
    """In a language of a product what was said, and what is to be; nothing where that says nothing."""

    locale: str
    before: ProductTranslation
    after: ProductTranslation


def said_of(
    item: ProductItem, parts: Parts, known: Mapping[str, ProductTranslation], locales: Sequence[str]
) -> list[Said]:
    """Of a product, of which `parts` are as it is to be, what changes of what is `known` of it by language. Raises what
    translating it does, but `SlugTaken`."""
    changed = []
    for locale, patch in item.translations.items():
        before = fitting(parts, known.get(locale, NOTHING_SAID))
        after = patch.of(before)
        try:
            _check(locale, locales)
            if after.slug is not None and after.slug != before.slug:
                check_slug(after.slug)
            check_fits(parts, after, before)
        except problems.Problem as problem:
            problem.field = place_of(locale, problem.field)
            raise
        after = fitting(parts, after)
        if after != before:
            changed.append(Said(locale, before, after))
    return changed


def _check(locale: str, locales: Sequence[str]) -> None:
    try:
        check_translatable(locale, locales)
    except problems.Problem as problem:
        problem.field = None
        raise


def place_of(locale: str, field: str | None) -> str:
    return f"translations.{locale}" + (f".{field}" if field else "")


async def hold_slugs(tx: Transaction, said: Sequence[Said], others: Sequence[str]) -> None:
    """Where slugs are said in other languages, all that products are to get, in one order: they are written one behind
    the other, and `others` before them."""
    slugs = [one.after.slug for one in said if one.after.slug is not None and one.after.slug != one.before.slug]
    if slugs:
        await slugs_repository.hold_slugs(tx, "product", [*slugs, *others])


async def write_said(tx: Transaction, said: Mapping[str, Sequence[Said]]) -> None:
    """Of products, by id, that are changed with it, and announced. Raises `SlugTaken`."""
    rows = [(product_id, one) for product_id, some in said.items() for one in some]
    if not rows:
        return
    await repository.remove_translations(tx, [(each, one.locale) for each, one in rows if one.after == NOTHING_SAID])
    left = [(each, one.locale, one.after) for each, one in rows if one.after != NOTHING_SAID]
    await repository.write_translations(tx, "product", left)
    was = {one.before.slug: each for each, one in rows if one.before.slug not in {None, one.after.slug}}
    await slugs_repository.keep_slugs(tx, "product", {slug: each for slug, each in was.items() if slug is not None})
    await staff_acts.record_all(tx, [_act(each, one) for each, one in rows])


def _act(product_id: str, one: Said) -> staff_acts.Act:
    before, after = to_builtins(one.before), to_builtins(one.after)
    told = {"locale": one.locale, "changed": [name for name in after if after[name] != before[name]]}
    return staff_acts.Act("product.translated", product_id, None, told)
