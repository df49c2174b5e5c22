"""Make, change and remove collections, and choose the products of one that has no rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from stoa.kit import clock, staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.http.types import Id, LongText, Name, Slug
from stoa.kit.ids import uuid7
from stoa.services.catalog import brands_repository, categories_repository, slugs_repository, translations_repository
from stoa.services.catalog import collections_repository as repository
from stoa.services.catalog.bodies import Position, check_slug
from stoa.services.catalog.collection_rules import Condition, Rules, check_rules
from stoa.services.catalog.collections_repository import Collection, Membership, Sort
from stoa.services.catalog.errors import (
    CollectionByRules,
    CollectionFull,
    CollectionKind,
    NoSuchCollection,
    NoSuchProduct,
    ProductTwice,
    SlugTaken,
    UnknownCategory,
    UnknownProduct,
)
from stoa.services.catalog.events import CollectionCreated, CollectionDeleted, CollectionUpdated
from stoa.services.catalog.images import Banner
from stoa.services.catalog.seo import NO_SEO, Seo
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settle_collections import tell_changed
from stoa.services.catalog.words import slug_of

MOST_BY_HAND = 1000
"""Products that are chosen one by one: nobody arranges more."""


class NewCollection(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All of a collection but the products that are chosen by hand. With `rules` its products are those for which they
    hold; it is one or the other for good. `sort` is the order in which its products are listed if nobody asks for
    another; by `position` they stand as they were arranged. What is not `published` is shown to staff alone."""

    name: Name
    slug: Slug
    description: LongText = ""
    image: Banner | None = None
    seo: Seo = NO_SEO
    sort: Sort = "position"
    published: bool = True
    rules: Rules | None = None


class ChosenProducts(msgspec.Struct, forbid_unknown_fields=True):
    """The ids of all products of the collection, in their order."""

    products: Annotated[list[Id], Meta(max_length=MOST_BY_HAND)]


class ChosenProduct(msgspec.Struct, forbid_unknown_fields=True):
    """Which place it takes, 0 for the first; those from there on move back by one, and beyond the last is at the end.
    Without one it comes in at the end, or stays where it is."""

    position: Position | None = None


async def add_collection(catalog: Catalog, new: NewCollection) -> Collection:
    """Raises `SlugTaken`, `BadCondition`, `UnknownCategory`."""
    async with catalog.db.transaction() as tx:
        collection = await collection_of(tx, new)
        await make_collection(tx, catalog, collection)
        await staff_acts.record(tx, act="collection.added", subject=collection.id, after=_told(collection))
        return await _as_it_is(tx, collection.id)


async def collection_of(tx: Transaction, new: NewCollection) -> Collection:
    """What it will be, with an id."""
    check_slug(new.slug)
    now = clock.now()
    nothing = Collection(uuid7(), "", "", "", None, NO_SEO, "position", True, None, True, 1, now, now)
    return await _edited(tx, nothing, new)


async def make_collection(tx: Transaction, catalog: Catalog, collection: Collection) -> None:
    """Raises `SlugTaken`."""
    if not await repository.add_collection(tx, collection):
        raise SlugTaken(collection.slug)
    said = CollectionCreated(collection_id=collection.id, slug=collection.slug)
    await catalog.outbox.announce(tx, subject=collection.id, version=1, fact=said)


async def replace_collection(
    catalog: Catalog, id_or_slug: str, new: NewCollection, if_match: IfMatch = ANYTHING
) -> Collection:
    """All of it but the products that were chosen; what is as it was is not written. Raises `NoSuchCollection`,
    `CollectionKind` and what adding does."""
    async with catalog.db.transaction() as tx:
        before = await lock_collection(tx, id_or_slug)
        if_match.check(before.version)
        if new.slug != before.slug:
            check_slug(new.slug)
        if (new.rules is None) != (before.rules is None):
            raise CollectionKind
        after = await _edited(tx, before, new)
        changed = [name for name in Collection._fields if getattr(before, name) != getattr(after, name)]
        if not changed:
            return before
        retell = before.published != after.published or (after.published and "slug" in changed)
        await repository.change_collection(tx, after, settle="rules" in changed, retell=retell)
        if "slug" in changed:
            await slugs_repository.keep_slugs(tx, "collection", {before.slug: before.id})
        await announce_changed(tx, catalog, after, changed)
        told = _told(after) | {"changed": changed}
        await staff_acts.record(tx, act="collection.changed", subject=before.id, before=_told(before), after=told)
        return await _as_it_is(tx, before.id)


async def remove_collection(catalog: Catalog, id_or_slug: str, if_match: IfMatch = ANYTHING) -> None:
    """Its products leave it in rounds, each with a version and an event; nobody sees it from now on."""
    async with catalog.db.transaction() as tx:
        collection = await lock_collection(tx, id_or_slug)
        if_match.check(collection.version)
        await repository.remove_collection(tx, collection.id)
        await slugs_repository.forget_slugs(tx, "collection", [collection.id])
        await translations_repository.forget_translations(tx, collection.id)
        said = CollectionDeleted(collection_id=collection.id, slug=collection.slug)
        await catalog.outbox.announce(tx, subject=collection.id, version=collection.version + 1, fact=said)
        await staff_acts.record(tx, act="collection.removed", subject=collection.id, before=_told(collection))


async def choose_products(
    catalog: Catalog, id_or_slug: str, product_ids: Sequence[str], if_match: IfMatch = ANYTHING
) -> Collection:
    """These and no others, in this order. Raises `CollectionByRules`, `UnknownProduct`, `ProductTwice`."""
    ids = [each.lower() for each in product_ids]
    if len(set(ids)) < len(ids):
        raise ProductTwice("products")
    async with catalog.db.transaction() as tx:
        collection = await _lock_by_hand(tx, id_or_slug, if_match)
        before = await repository.members(tx, collection.id)
        after = {product_id: position for position, product_id in enumerate(ids)}
        return await _arrange(tx, catalog, collection, before, after)


async def choose_product(
    catalog: Catalog, id_or_slug: str, product_id: str, position: int | None, if_match: IfMatch = ANYTHING
) -> Collection:
    """One more, or one that stands elsewhere now, with the others behind it. Raises `CollectionFull`."""
    async with catalog.db.transaction() as tx:
        collection = await _lock_by_hand(tx, id_or_slug, if_match)
        before = await repository.members(tx, collection.id)
        ordered = _with(list(before), product_id.lower(), position)
        if len(ordered) > MOST_BY_HAND:
            raise CollectionFull(MOST_BY_HAND)
        # Places may have gaps, and older code has put several at one: those are no change.
        after = before if ordered == list(before) else {each: at for at, each in enumerate(ordered)}
        return await _arrange(tx, catalog, collection, before, after)


def _with(ordered: list[str], product_id: str, position: int | None) -> list[str]:
    if position is None:
        return ordered if product_id in ordered else [*ordered, product_id]
    others = [each for each in ordered if each != product_id]
    return [*others[:position], product_id, *others[position:]]


async def let_go_of_product(
    catalog: Catalog, id_or_slug: str, product_id: str, if_match: IfMatch = ANYTHING
) -> Collection:
    """Raises `NoSuchProduct` for one that is not in it."""
    async with catalog.db.transaction() as tx:
        collection = await _lock_by_hand(tx, id_or_slug, if_match)
        before = await repository.members(tx, collection.id)
        after = {each: position for each, position in before.items() if each != product_id.lower()}
        if len(after) == len(before):
            raise NoSuchProduct
        return await _arrange(tx, catalog, collection, before, after)


async def _arrange(
    tx: Transaction, catalog: Catalog, collection: Collection, before: dict[str, int], after: dict[str, int]
) -> Collection:
    """Products that come or go are one version on; one that only stands elsewhere is as it was."""
    if before == after:
        return collection
    came, gone = after.keys() - before.keys(), before.keys() - after.keys()
    moved = {each: at for each, at in after.items() if before.get(each) != at}
    # Those that only move, too: who writes products changes their rows here, in no order of ours.
    held = await repository.lock_these(tx, moved.keys() | gone)
    if unknown := came - held:
        raise UnknownProduct(min(unknown), "products")
    await repository.join(tx, [Membership(collection.id, each, at) for each, at in moved.items()])
    await repository.leave(tx, [(collection.id, each) for each in gone])
    await tell_changed(tx, catalog, came | gone, ["collections"])
    await repository.change_collection(tx, collection, settle=False, retell=False)
    await announce_changed(tx, catalog, collection, ["products"])
    await staff_acts.record(
        tx,
        act="collection.arranged",
        subject=collection.id,
        before={"products": len(before)},
        after={"products": len(after), "came": sorted(came), "gone": sorted(gone)},
    )
    return await _as_it_is(tx, collection.id)


async def announce_changed(tx: Transaction, catalog: Catalog, collection: Collection, changed: Sequence[str]) -> None:
    """Of a locked one, as it was before."""
    said = CollectionUpdated(collection_id=collection.id, slug=collection.slug, changed=list(changed))
    await catalog.outbox.announce(tx, subject=collection.id, version=collection.version + 1, fact=said)


async def lock_collection(tx: Transaction, id_or_slug: str) -> Collection:
    """Raises `NoSuchCollection`."""
    collection = await repository.lock_collection(tx, id_or_slug)
    if collection is None:
        raise NoSuchCollection
    return collection


async def _lock_by_hand(tx: Transaction, id_or_slug: str, if_match: IfMatch) -> Collection:
    collection = await lock_collection(tx, id_or_slug)
    if_match.check(collection.version)
    if collection.rules is not None:
        raise CollectionByRules
    return collection


async def _as_it_is(tx: Transaction, collection_id: str) -> Collection:
    collection = await repository.find_collection(tx, collection_id)
    assert collection is not None, "it was written in this transaction"
    return collection


async def _edited(tx: Transaction, before: Collection, new: NewCollection) -> Collection:
    """All that is sent, with categories by their ids."""
    rules = new.rules
    if rules is not None:
        check_rules(rules)
        conditions = await _by_category_ids(tx, rules.conditions)
        rules = replace(rules, conditions=await _by_brand_names(tx, conditions))
    return before._replace(
        slug=new.slug,
        name=new.name,
        description=new.description,
        image=new.image,
        seo=new.seo,
        sort=new.sort,
        published=new.published,
        rules=rules,
    )


async def _by_category_ids(tx: Transaction, conditions: Sequence[Condition]) -> list[Condition]:
    """A slug may change, and what it names stays the same."""
    slugs = {str(slug) for one in conditions if one.field == "category" for slug in one.any_of}
    known = await categories_repository.categories_named(tx, slugs) if slugs else {}
    named = []
    for at, one in enumerate(conditions):
        if one.field == "category":
            if unknown := [slug for slug in one.any_of if slug not in known]:
                raise UnknownCategory(str(unknown[0]), f"rules.conditions[{at}].any_of")
            named.append(replace(one, any_of=sorted(known[str(slug)].id for slug in one.any_of)))
        else:
            named.append(one)
    return named


async def _by_brand_names(tx: Transaction, conditions: Sequence[Condition]) -> list[Condition]:
    """A brand is spelled as it is, whoever writes it small or by its slug. One that there is not may come later."""
    slugs = {str(name): slug_of(str(name)) for one in conditions if one.field == "brand" for name in one.any_of}
    names = await brands_repository.spellings(tx, slugs) if slugs else {}
    return [
        replace(one, any_of=[names.get(str(name), name) for name in one.any_of]) if one.field == "brand" else one
        for one in conditions
    ]


def _told(collection: Collection) -> dict[str, Any]:
    return {"slug": collection.slug, "published": collection.published, "by_rules": collection.rules is not None}
