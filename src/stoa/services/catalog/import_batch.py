"""Some products of a file, in one transaction: each stands for itself, as in `write_products`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from stoa.kit import problems
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.ids import uuid7
from stoa.services.catalog import repository, translations_repository, variants_repository
from stoa.services.catalog.bodies import named_files
from stoa.services.catalog.errors import ProductUnnamed
from stoa.services.catalog.fields import defined_for
from stoa.services.catalog.fit_specifications import fitted
from stoa.services.catalog.images import Files, files_of
from stoa.services.catalog.import_errors import NoProductOfSku, SeveralWrong
from stoa.services.catalog.import_row import (
    ProductRow,
    completed,
    row_and_wrong,
    without_strange_files,
    without_variants,
)
from stoa.services.catalog.plan_products import Known, Plan, plan
from stoa.services.catalog.product import CategoryName, Product, same, slugs_for
from stoa.services.catalog.product_files.each_once import is_named, skus_of
from stoa.services.catalog.product_files.entry import Entry
from stoa.services.catalog.product_files.remarks import Said
from stoa.services.catalog.product_items import ProductItem
from stoa.services.catalog.product_types import missing_of
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings
from stoa.services.catalog.shelve_products import Shelves, make_shelves, shelves_for
from stoa.services.catalog.types_errors import SpecificationMissing
from stoa.services.catalog.write_products import Outcome, known_of, write_plans


class Imported(NamedTuple):
    """What became of an entry. One that is refused has a problem, whose field is a column of the file; any other may
    say how much of its SKUs there is; `remarks` are what of it is not here as it stands there."""

    entry: Entry
    outcome: Outcome
    problem: problems.Problem | None = None
    stock: Mapping[str, int] = {}
    remarks: Sequence[Said] = ()


class _Read(NamedTuple):
    """What is said of one product: by one entry, or by several that name only SKUs of it. Of one with anything `wrong`
    the `row` has what else may be wrong with it: what its type asks for."""

    entries: tuple[Entry, ...]
    row: ProductRow
    wrong: Sequence[problems.Problem] = ()


class Batch(NamedTuple):
    """Entries as they are meant, and those that mean nothing. `files` are those that their images name."""

    read: Sequence[_Read]
    refused: Sequence[Imported]
    files: Files


async def read_batch(catalog: Catalog, entries: Sequence[Entry]) -> Batch:
    """What can be known before a transaction."""
    read: list[_Read] = []
    refused: list[Imported] = []
    for entry in entries:
        faults = [problems.Unprocessable(detail, field=column or None) for column, detail in entry.faults]
        row, wrong = row_and_wrong(entry.item)
        if row is None or (faults and not entry.item):
            refused += _refused((entry,), faults or wrong)
        else:
            read.append(_Read((entry,), row if not (faults or wrong) else without_variants(row), [*faults, *wrong]))
    return Batch(read, refused, await files_of(catalog.media, named_files(one.row.item for one in read)))


async def import_batch(tx: Transaction, catalog: Catalog, batch: Batch, by: Principal) -> list[Imported]:
    """An outcome for each entry. Raises `SlugTaken` or `SkuTaken` where somebody else takes one at the same moment."""
    imported = list(batch.refused)
    found = await _found_by_sku(tx, batch.read)
    read = await _with_slugs(tx, [one for one in found if not one.wrong])
    read += [one for one in found if one.wrong]
    shelves = await shelves_for(tx, [one.row for one in read], by)
    rows = [shelves.shelved(one.row) for one in read]
    skus = {sku for row in rows for sku in row.skus}
    known = await known_of(tx, [row.item for row in rows], skus, set(), batch.files)
    items: list[tuple[_Read, ProductItem]] = []
    left_out: dict[int, Sequence[Said]] = {}
    for one, row in zip(read, rows, strict=True):
        try:
            if _is_unnamed(row):
                raise NoProductOfSku(row.skus[0], "variants[0].sku")
            if row.item.id is None and row.item.slug is UNSET and not one.wrong:
                raise ProductUnnamed("slug", ("slug", "sku"))
            before = _named(row, known)
            item, gone = without_strange_files(completed(row, before), before, known.files)
            items.append((one, item))
            left_out[one.entries[0].line] = [Said("file-left-out", f"{_called(item, before)}: {each}") for each in gone]
        except problems.Problem as problem:
            imported += _refused(one.entries, [problem])
    defined = await defined_for(tx, [item for _, item in items], known.products.values())
    known = dataclasses.replace(known, defined=defined)
    plans: list[tuple[_Read, Plan]] = []
    for one, said in items:
        item, unfit = _fitted(one, said, known)
        if wrong := [*one.wrong, *unfit]:
            imported += _refused(one.entries, wrong)
            continue
        try:
            plans.append((one, _shelved_plan(one.row, item, known, shelves, by, settings=catalog.settings)))
        except problems.Problem as problem:
            imported += _refused(one.entries, [problem])
    await make_shelves(tx, catalog, shelves.missing)
    written = await write_plans(tx, catalog, [each for _, each in plans])
    return imported + [
        Imported(entry, written[each.before.id].outcome, stock=one.row.stock, remarks=left_out[one.entries[0].line])
        for one, each in plans
        for entry in one.entries
    ]


def _shelved_plan(
    row: ProductRow, item: ProductItem, known: Known, shelves: Shelves, by: Principal, *, settings: Settings
) -> Plan:
    """With the categories that it is to stand in. What is refused takes nothing: its slug, its SKUs and the slugs of
    its categories are free for those after it."""
    made = shelves.make(row)
    missing = {one.slug: CategoryName(one.id, one.slug, one.name) for one in shelves.missing}
    item = replace(item, category=shelves.shelved(row).item.category)
    known = dataclasses.replace(known, categories={**known.categories, **missing})
    try:
        return plan(item, known, by, settings)
    except problems.Problem:
        shelves.take_back(made)
        raise


async def _found_by_sku(tx: Transaction, read: Sequence[_Read]) -> list[_Read]:
    """Who names no product names it by a SKU of it. All that is said of one product in this way is said at once: it
    changes once, and is announced once."""
    unnamed = {one.entries[0].line: sku for one in read if (sku := _sku_alone(one)) is not None}
    if not unnamed:
        return list(read)
    whose = await variants_repository.whose_skus(tx, unnamed.values())
    found: dict[str | int, _Read] = {}
    for one in read:
        product_id = whose.get(unnamed.get(one.entries[0].line, ""))
        if product_id is None:
            found[one.entries[0].line] = one
            continue
        row = one.row._replace(item=replace(one.row.item, id=product_id))
        if one.wrong:
            # That much is said of it, and none of it is written.
            found[one.entries[0].line] = one._replace(row=row)
            continue
        before = found.get(product_id)
        variants = [*before.row.beside.variants, *row.beside.variants] if before else row.beside.variants
        row = row._replace(beside=replace(row.beside, variants=variants))
        found[product_id] = _Read((*before.entries, *one.entries) if before else one.entries, row)
    return list(found.values())


def _sku_alone(one: _Read) -> str | None:
    """By which its product is found, where nothing else says which it is. Of what is wrong the entry still has it."""
    if _is_unnamed(one.row):
        return one.row.skus[0]
    if one.wrong and not is_named(one.entries[0].item):
        return next(iter(skus_of(one.entries[0].item).values()), None)
    return None


async def _with_slugs(tx: Transaction, read: Sequence[_Read]) -> list[_Read]:
    """A new product that is named and has no slug gets one of its name. A repeat finds it by its SKU."""
    new = {one.entries[0].line: slugs_for(str(one.row.item.name), uuid7()) for one in read if _is_new(one.row)}
    if not new:
        return list(read)
    wished = {slugs[0] for slugs in new.values()}
    taken = {str(one.row.item.slug) for one in read if one.row.item.slug is not UNSET}
    taken |= (await repository.whose_slugs(tx, wished)).keys()
    taken |= (await translations_repository.whose_in_languages(tx, "product", wished)).keys()
    named: list[_Read] = []
    for one in read:
        if (slugs := new.get(one.entries[0].line)) is None:
            named.append(one)
            continue
        slug = next((each for each in slugs if each not in taken), slugs[-1])
        taken.add(slug)
        named.append(one._replace(row=one.row._replace(item=replace(one.row.item, slug=slug))))
    return named


def _called(item: ProductItem, before: Product | None) -> str:
    return str(item.slug) if before is None else before.slug


def _is_new(row: ProductRow) -> bool:
    """Whether nobody has its SKU, and it is named."""
    return _is_unnamed(row) and row.item.name is not UNSET


def _is_unnamed(row: ProductRow) -> bool:
    """Whether only a SKU says which product is meant."""
    return row.item.id is None and row.item.slug is UNSET and bool(row.skus)


def _named(row: ProductRow, known: Known) -> Product | None:
    """The product that the row is about, if it is there."""
    product_id = row.item.id or known.slugs.get(str(row.item.slug), "")
    return known.products.get(product_id.lower())


def _fitted(one: _Read, item: ProductItem, known: Known) -> tuple[ProductItem, list[problems.Problem]]:
    """With specifications as the attributes of its type have them, where it has one; and what does not fit. Of one of
    which anything is wrong that is what the type asks for and did not get, too: else the plan says it."""
    before = _named(one.row, known)
    kept = before.product_type.id if before and before.product_type else None
    of = known.defined.types.get((kept if item.product_type is UNSET else item.product_type) or "")
    if of is None:
        return item, []
    stood = before.specifications if before is not None and kept == of.id else {}
    cells = one.entries[-1].specifications
    unfit: list[problems.Problem] = []
    if cells and item.specifications is not UNSET:
        after, unfit = fitted(of, cells, item.specifications, stood)
        item = replace(item, specifications=after)
    if not (one.wrong or unfit) or (item.specifications is UNSET and "specifications" in one.entries[-1].item):
        return item, unfit
    said = stood if item.specifications is UNSET else item.specifications
    looked_at = _status(one, item, before) == "active" and not (stood and same(said, stood))
    missing = missing_of(of, {*said, *cells}) if looked_at else []
    return item, [*unfit, *([SpecificationMissing(of.slug, missing)] if missing else [])]


def _status(one: _Read, item: ProductItem, before: Product | None) -> str:
    """That of the product then, as `plan` has it; of what is wrong the row has no variants any more."""
    if item.status is not UNSET:
        return item.status
    if before is not None:
        return before.status
    return "active" if one.entries[-1].item.get("variants") else "draft"


def _refused(entries: Sequence[Entry], wrong: Sequence[problems.Problem]) -> list[Imported]:
    for problem in wrong:
        if problem.field is not None:
            # Of several entries each has a variant, and all have the same columns.
            problem.field = entries[0].column_of(problem.field)
        about = {problem.members.get("sku"), *problem.members.get("skus", ())}
        for ours, theirs in entries[0].renamed.items():
            if ours in about:
                problem.detail += f" {ours} is what {theirs[:200]!r} of the file is called here."
    whole = wrong[0] if len(wrong) == 1 else SeveralWrong(wrong)
    return [Imported(entry, "refused", whole) for entry in entries]
