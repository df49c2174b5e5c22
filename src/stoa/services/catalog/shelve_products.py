"""The categories that a file names by their ways from the top: those that are not there yet are made, with what stands
on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Transaction
from stoa.kit.ids import uuid7
from stoa.services.catalog import categories_repository, translations_repository
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.errors import SlugTaken
from stoa.services.catalog.events import CategoryCreated
from stoa.services.catalog.import_row import ProductRow
from stoa.services.catalog.product import RESERVED, is_id
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.words import slug_of


async def shelves_for(tx: Transaction, rows: Sequence[ProductRow], by: Principal) -> Shelves:
    """As they are; locked where some are missing that he may make."""
    if not any(row.beside.category_path for row in rows):
        return Shelves([])
    shelves = Shelves(await categories_repository.categories(tx))
    if by.may("catalog.categories.edit") and any(shelves.lacks(row) for row in rows):
        # Somebody may have made them since.
        await categories_repository.lock_categories(tx)
        taken = await translations_repository.translated_slugs(tx, "category")
        shelves = Shelves(await categories_repository.categories(tx), taken, may_make=True)
    return shelves


async def make_shelves(tx: Transaction, catalog: Catalog, missing: Sequence[Category]) -> None:
    """Raises `SlugTaken` where somebody took one since."""
    for category in missing:
        if not await categories_repository.add_category(tx, category):
            raise SlugTaken(category.slug)
        said = CategoryCreated(category_id=category.id, slug=category.slug, parent_id=category.parent_id)
        await catalog.outbox.announce(tx, subject=category.id, version=category.version, fact=said)
        told = {"slug": category.slug, "parent_id": category.parent_id, "position": category.position}
        await staff_acts.record(tx, act="category.added", subject=category.id, after=told)


class Shelves:
    """The tree by slugs, and by names under their parents. A slug of the file that is there is believed; else the way
    says which it is. Who may not arrange categories has none made: then a product keeps the slug that nobody has.

    `taken` are the slugs that categories have in other languages, `missing` those categories that are to be made, a
    parent before its children."""

    def __init__(self, tree: Sequence[Category], taken: Collection[str] = (), *, may_make: bool = False) -> None:
        self._may_make = may_make
        self._taken = RESERVED | set(taken)
        self.missing: list[Category] = []
        self._slugs = {one.slug for one in tree}
        self._named = {(one.parent_id, one.name.casefold()): one for one in reversed(tree)}

    def shelved(self, row: ProductRow) -> ProductRow:
        """With the slug of its category."""
        return row._replace(item=replace(row.item, category=self.of(row))) if row.beside.category_path else row

    def lacks(self, row: ProductRow) -> bool:
        return row.item.category not in self._slugs and self._at(row) is None and bool(row.beside.category_path)

    def of(self, row: ProductRow) -> str | None:
        """The slug of the category of a row that says its way."""
        if isinstance(row.item.category, str) and row.item.category in self._slugs:
            return row.item.category
        found = self._at(row)
        return found.slug if found is not None else row.item.category or slug_of(row.beside.category_path[-1])

    def make(self, row: ProductRow) -> list[Category]:
        """What is missing on its way, from the top. A row that is refused takes it back, before the next makes any."""
        made: list[Category] = []
        if not self._may_make or not self.lacks(row):
            return made
        parent: Category | None = None
        for depth, name in enumerate(row.beside.category_path, start=1):
            place = (parent.id if parent else None, name.casefold())
            if place not in self._named:
                last = depth == len(row.beside.category_path)
                wished = row.item.category if last and isinstance(row.item.category, str) else slug_of(name)
                category = Category(uuid7(), place[0], self._free(wished, parent), name, 0)
                self._named[place] = category
                self._slugs.add(category.slug)
                made.append(category)
            parent = self._named[place]
        self.missing += made
        return made

    def take_back(self, made: Sequence[Category]) -> None:
        for category in made:
            self._slugs.remove(category.slug)
            del self._named[category.parent_id, category.name.casefold()]
            self.missing.remove(category)

    def _at(self, row: ProductRow) -> Category | None:
        found: Category | None = None
        for name in row.beside.category_path:
            found = self._named.get((found.id if found else None, name.casefold()))
            if found is None:
                return None
        return found

    def _free(self, slug: str, parent: Category | None) -> str:
        """A slug that nobody has: two shelves may have the same name in different places."""
        wished = [slug, f"{parent.slug}-{slug}"[:200].strip("-") if parent and slug else ""]
        free = (each for each in wished if each and each not in self._slugs | self._taken and not is_id(each))
        return next(free, f"{slug or 'category'}-{uuid7()[-8:]}")
