"""Add and change many products in one request: as by a PATCH or POST each, at the price of a few.

So many are one transaction; in it each stands for itself, and one that is refused leaves the others as they are. What
was done stays done if the request ends early, and a repeat finds it unchanged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from msgspec import UNSET

from stoa.kit import problems, staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import MOST_TRIES, Transaction
from stoa.services.catalog import categories_repository, repository, translations_repository, variants_repository
from stoa.services.catalog.bodies import named_files
from stoa.services.catalog.edit_product import blank, judged
from stoa.services.catalog.errors import SkuTaken, SlugTaken
from stoa.services.catalog.fields import defined_for
from stoa.services.catalog.images import Files, files_of
from stoa.services.catalog.plan_products import Known, Plan, plan
from stoa.services.catalog.plan_translations import hold_slugs, write_said
from stoa.services.catalog.product import Product, changes
from stoa.services.catalog.product_items import ProductItem, said_slugs
from stoa.services.catalog.save_products import add, save_all
from stoa.services.catalog.service import Catalog

T = TypeVar("T")

ONE_BATCH = 200
"""Products in a transaction. Each stands in sixteen indexes and is announced: some 100 ms."""

Outcome = Literal["created", "updated", "unchanged", "refused"]


class Written(NamedTuple):
    """What became of an item: the product as it is now, or why not."""

    outcome: Outcome
    product: Product | None = None
    problem: problems.Problem | None = None


async def write_products(catalog: Catalog, items: Sequence[ProductItem], by: Principal) -> list[Written]:
    """An outcome for each, in their order. The field of a problem begins with the item's place: `products[3].slug`."""
    files = await files_of(catalog.media, named_files(items))
    written: list[Written] = []
    for start in range(0, len(items), ONE_BATCH):
        before = frozenset(one.product.id for one in written if one.product is not None)
        batch = _Batch(catalog, by, start, before, files)
        written += await until_nobody_meets(partial(batch.write, items[start : start + ONE_BATCH]), catalog)
    return written


async def until_nobody_meets(write: Callable[[Transaction], Awaitable[T]], catalog: Catalog) -> T:
    """Whoever takes a slug or SKU at the same moment is seen when it is tried again, and then it is one item's."""
    for _ in range(MOST_TRIES - 1):
        try:
            return await catalog.db.transact(write)
        except (SlugTaken, SkuTaken):
            continue
    return await catalog.db.transact(write)


class _Batch:
    """The items of one transaction, of which the first is the request's `start`-th. `seen` are products of earlier
    ones."""

    def __init__(self, catalog: Catalog, by: Principal, start: int, seen: frozenset[str], files: Files) -> None:
        self._catalog = catalog
        self._by = by
        self._start = start
        self._seen = seen
        self._files = files

    async def write(self, items: Sequence[ProductItem], tx: Transaction) -> list[Written]:
        skus = {variant.sku for item in items if item.variants is not UNSET for variant in item.variants}
        known = await known_of(tx, items, skus, set(self._seen), self._files)
        known = replace(known, defined=await defined_for(tx, items, known.products.values()))
        plans = [self._plan(at, item, known) for at, item in enumerate(items, start=self._start)]
        written = await write_plans(tx, self._catalog, [one for one in plans if isinstance(one, Plan)])
        return [written[one.before.id] if isinstance(one, Plan) else one for one in plans]

    def _plan(self, at: int, item: ProductItem, known: Known) -> Plan | Written:
        try:
            return plan(item, known, self._by, self._catalog.settings)
        except problems.Problem as problem:
            problem.field = f"products[{at}].{problem.field}" if problem.field else f"products[{at}]"
            return Written("refused", problem=problem)


async def known_of(
    tx: Transaction, items: Sequence[ProductItem], skus: Collection[str], seen: set[str], files: Files
) -> Known:
    """What the items name, with their products locked, but for what is `defined`. `skus` are those of the variants that
    they will have, `seen` the products that may not be named again."""
    ids = [item.id.lower() for item in items if item.id is not None]
    slugs = [item.slug for item in items if item.slug is not UNSET]
    names = {item.category for item in items if item.category is not UNSET and item.category is not None}
    # First: whoever adds a product with one of these meanwhile has its slug seen by the next statement.
    whose_skus = await variants_repository.whose_skus(tx, skus)
    products = await repository.lock_products(tx, ids, slugs)
    new = set(slugs) - {one.slug for one in products}
    said = {slug for item in items for slug in said_slugs(item)}
    asked = new | said
    translated = await translations_repository.whose_in_languages(tx, "product", asked) if asked else {}
    others = await repository.whose_slugs(tx, said - set(slugs)) if said - set(slugs) else {}
    speaking = any(item.translations for item in items)
    texts = await translations_repository.texts_of(tx, [one.id for one in products]) if speaking else {}
    return Known(
        products={one.id: one for one in products},
        categories=await categories_repository.categories_named(tx, names),
        slugs={**others, **{one.slug: one.id for one in products}},
        skus=whose_skus,
        seen=seen,
        files=files,
        translated=translated,
        texts=texts,
    )


async def write_plans(tx: Transaction, catalog: Catalog, plans: Sequence[Plan]) -> dict[str, Written]:
    """What became of each, by the product's id. Raises `SlugTaken` or `SkuTaken` where somebody took one since the
    plans were made."""
    new = [one.after for one in plans if one.new]
    names = [one.after.slug for one in plans if one.new or one.after.slug != one.before.slug]
    await hold_slugs(tx, [said for one in plans for said in one.said], names)
    added = await add(tx, catalog, new)
    if len(added) < len(new):
        raise SlugTaken("of one of them")
    said = {one.after.id: one.said for one in plans if one.said}
    old = [(one.before, one.after) for one in plans if not one.new]
    changed = [(before, after) for before, after in old if after.id in said or changes(before, after)]
    saved = await save_all(tx, catalog, changed, said)
    await write_said(tx, said)
    acts = [staff_acts.Act("product.added", one.id, None, judged(one, blank(one.id, None))) for one in added]
    acts += [_changed(before, after) for before, after in changed if changes(before, after)]
    await staff_acts.record_all(tx, acts)
    written = {one.before.id: Written("unchanged", one.before) for one in plans}
    written |= {one.id: Written("created", one) for one in added}
    return written | {one.id: Written("updated", one) for one in saved}


def _changed(before: Product, after: Product) -> staff_acts.Act:
    told = judged(after, before) | {"changed": changes(before, after)}
    return staff_acts.Act("product.changed", before.id, judged(before, after), told)
