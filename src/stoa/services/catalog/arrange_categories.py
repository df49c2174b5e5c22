"""The category tree: add, move and remove, one change at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

from stoa.kit import staff_acts
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.values import with_metadata
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.ids import uuid7
from stoa.services.catalog import categories_repository as repository
from stoa.services.catalog import collections_repository, slugs_repository, translations_repository
from stoa.services.catalog.bodies import NewCategory, check_slug
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.errors import CategoryInUse, NoSuchCategory, SlugTaken, UnknownCategory
from stoa.services.catalog.events import CategoryCreated, CategoryDeleted, CategoryUpdated, updated
from stoa.services.catalog.fields import CATEGORY, fields_after
from stoa.services.catalog.product import check_place, is_id
from stoa.services.catalog.service import Catalog


class Placed(NamedTuple):
    """A category in the tree that it makes. Read in its transaction: after it somebody may have changed it again, and
    who was answered with that version would write over it."""

    category: Category
    tree: list[Category]


async def add_category(catalog: Catalog, new: NewCategory) -> Placed:
    """Raises `SlugTaken`, `UnknownCategory` for its parent, `CategoryTooDeep`."""
    check_slug(new.slug)
    async with catalog.db.transaction() as tx:
        tree = await _lock_tree(tx)
        category = await _said(
            tx, Category(uuid7(), _parent_id(tree, new.parent), new.slug, new.name, new.position), new
        )
        check_place(_parents(tree), category.id, category.parent_id)
        if not await repository.add_category(tx, category):
            raise SlugTaken(new.slug)
        said = CategoryCreated(category_id=category.id, slug=category.slug, parent_id=category.parent_id)
        await catalog.outbox.announce(tx, subject=category.id, version=category.version, fact=said)
        await staff_acts.record(tx, act="category.added", subject=category.id, after=_told(category))
        return Placed(category, await repository.categories(tx))


async def replace_category(catalog: Catalog, id_or_slug: str, new: NewCategory, if_match: IfMatch = ANYTHING) -> Placed:
    """All of it, and all that is inside moves along; what is as it was is not written. Raises `NoSuchCategory`,
    `CategoryCycle` and what adding does."""
    async with catalog.db.transaction() as tx:
        tree = await _lock_tree(tx)
        before = _find(tree, id_or_slug)
        if_match.check(before.version)
        if new.slug != before.slug:
            check_slug(new.slug)
        after = before._replace(
            parent_id=_parent_id(tree, new.parent), slug=new.slug, name=new.name, position=new.position
        )
        after = await _said(tx, after, new)
        changed = [name for name in Category._fields if getattr(before, name) != getattr(after, name)]
        if not changed:
            return Placed(before, tree)
        if after.parent_id != before.parent_id:
            check_place(_parents(tree), before.id, after.parent_id)
            await collections_repository.settle_what_looks_at(tx, "category")
        after = after._replace(version=before.version + 1)
        await repository.change_category(tx, after)
        if after.slug != before.slug:
            await slugs_repository.keep_slugs(tx, "category", {before.slug: before.id})
        said = CategoryUpdated(category_id=after.id, slug=after.slug, parent_id=after.parent_id, changed=changed)
        await catalog.outbox.announce(tx, subject=after.id, version=after.version, fact=said)
        await staff_acts.record(tx, act="category.changed", subject=before.id, before=_told(before), after=_told(after))
        return Placed(after, await repository.categories(tx))


async def remove_category(catalog: Catalog, id_or_slug: str, if_match: IfMatch = ANYTHING) -> None:
    """Archived products in it leave it, each with a version and an event.

    Raises `NoSuchCategory`, `CategoryInUse` while anything but archived products is in it.
    """
    async with catalog.db.transaction() as tx:
        tree = await _lock_tree(tx)
        category = _find(tree, id_or_slug)
        if_match.check(category.version)
        if any(one.parent_id == category.id for one in tree):
            raise CategoryInUse
        # Collections first, as their rounds: who settles one holds it when he locks products. Then products, then their
        # category, as whoever puts one in: he holds the category until he commits.
        await collections_repository.settle_what_looks_at(tx, "category")
        archived = await repository.lock_archived_in(tx, category.id)
        await repository.lock_category(tx, category.id)
        if await repository.category_has_others(tx, category.id, archived):
            raise CategoryInUse
        changed = await repository.take_out_of_category(tx, archived)
        await catalog.outbox.announce_all(tx, [updated(product, ["category"]) for product in changed])
        await repository.remove_category(tx, category.id)
        await slugs_repository.forget_slugs(tx, "category", [category.id])
        await translations_repository.forget_translations(tx, category.id)
        said = CategoryDeleted(category_id=category.id, slug=category.slug, parent_id=category.parent_id)
        await catalog.outbox.announce(tx, subject=category.id, version=category.version + 1, fact=said)
        await staff_acts.record(tx, act="category.removed", subject=category.id, before=_told(category))


async def _said(tx: Transaction, category: Category, new: NewCategory) -> Category:
    """With what its page says, and with the custom fields and metadata that it had, and over them what is sent."""
    known = await definitions(tx, CATEGORY) if new.custom_fields else {}
    return category._replace(
        description=new.description,
        image=new.image,
        seo=new.seo,
        custom_fields=fields_after(known, category.custom_fields, new.custom_fields),
        metadata=with_metadata(category.metadata, new.metadata),
    )


async def lock_category(tx: Transaction, id_or_slug: str) -> Category:
    """With the whole tree. Raises `NoSuchCategory`."""
    return _find(await _lock_tree(tx), id_or_slug)


async def _lock_tree(tx: Transaction) -> list[Category]:
    await repository.lock_categories(tx)
    return await repository.categories(tx)


def _find(tree: list[Category], id_or_slug: str) -> Category:
    name = id_or_slug.lower() if is_id(id_or_slug) else id_or_slug
    for category in tree:
        if name in {category.id, category.slug}:
            return category
    raise NoSuchCategory


def _told(category: Category) -> dict[str, Any]:
    return {"slug": category.slug, "parent_id": category.parent_id, "position": category.position}


def _parents(tree: list[Category]) -> dict[str, str | None]:
    return {one.id: one.parent_id for one in tree}


def _parent_id(tree: list[Category], slug: str | None) -> str | None:
    if slug is None:
        return None
    for category in tree:
        if category.slug == slug:
            return category.id
    raise UnknownCategory(slug, "parent")
