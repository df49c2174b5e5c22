"""Catalog's public API of collections: everybody sees those that are published, and who may arrange them all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from stoa.kit.context import Principal
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import MOVED, PUBLIC, Answer, Request, Routes, may, moved
from stoa.kit.http.types import Page, Slug
from stoa.services.catalog import categories_repository
from stoa.services.catalog import collections_repository as repository
from stoa.services.catalog.arrange_collections import (
    ChosenProduct,
    ChosenProducts,
    NewCollection,
    add_collection,
    choose_product,
    choose_products,
    let_go_of_product,
    remove_collection,
    replace_collection,
)
from stoa.services.catalog.collection_rules import Rules
from stoa.services.catalog.collections_repository import Collection, Sort
from stoa.services.catalog.errors import NoSuchCollection
from stoa.services.catalog.images import Banner
from stoa.services.catalog.product import is_id
from stoa.services.catalog.seo import Seo
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import LocaleQuery, PageInLocale, collection_in, in_locale
from stoa.services.catalog.translations_repository import texts_for

ARRANGE = may("catalog.collections.edit")

routes: Routes[Catalog] = Routes("catalog")


class CollectionView(msgspec.Struct, kw_only=True):
    """Its products are a list of their own: `GET /products?collection=`. `by_rules`: they are those for which rules
    hold, which staff are shown; `settled` says whether they follow these by now, which takes seconds after a change."""

    id: str
    slug: str
    name: str
    description: str
    image: Banner | None
    seo: Seo
    sort: Sort
    published: bool
    by_rules: bool
    rules: Rules | None
    settled: bool
    version: int
    created_at: datetime
    updated_at: datetime


@routes.get("/collections", query=PageInLocale, answer=Page[CollectionView], who=PUBLIC, summary="Collections")
async def list_collections(catalog: Catalog, request: Request[None, PageInLocale]) -> Page[CollectionView]:
    """Staff are shown those, too, that are not published."""
    limit = request.query.limit
    after = decode_key(request.query.cursor, tuple[Slug]) or ""
    hidden = ARRANGE.admits(request.principal)
    found = await repository.collections_after(catalog.db, after, limit + 1, hidden=hidden)
    page = page_of(found, limit, lambda one: (one.slug,))
    texts = await texts_for(catalog, request.query.locale, (one.id for one in page.items))
    shown = [collection_in(one, texts) for one in page.items]
    return Page(await _views(catalog, shown, request.principal), page.next_cursor)


@routes.get(
    "/collections/{collection}",
    query=LocaleQuery,
    answer=CollectionView,
    others=MOVED,
    who=PUBLIC,
    summary="A collection by its id or slug",
)
async def get_collection(catalog: Catalog, request: Request[None, LocaleQuery]) -> CollectionView | Answer:
    """A slug that it had before leads to the one that it has."""
    asked, locale = request.path["collection"], request.query.locale
    found = await find_visible(catalog, asked, request.principal, locale)
    collection = collection_in(found, await texts_for(catalog, locale, [found.id]))
    if asked not in {collection.slug, found.slug} and not is_id(asked):
        return moved(in_locale(f"/collections/{collection.slug}", locale))
    return await _view(catalog, collection, request.principal)


async def find_visible(
    catalog: Catalog, id_or_slug: str, principal: Principal | None, locale: str | None
) -> Collection:
    """Raises `NoSuchCollection`, also for what the caller is not shown."""
    collection = await repository.find_collection(catalog.db, id_or_slug, locale)
    if collection is None or not (collection.published or ARRANGE.admits(principal)):
        raise NoSuchCollection
    return collection


@routes.post(
    "/collections", body=NewCollection, answer=CollectionView, status=201, who=ARRANGE, summary="Add a collection"
)
async def post_collection(catalog: Catalog, request: Request[NewCollection]) -> CollectionView:
    return await _view(catalog, await add_collection(catalog, request.body), request.principal)


@routes.put(
    "/collections/{collection}",
    body=NewCollection,
    answer=CollectionView,
    who=ARRANGE,
    versioned=True,
    summary="Change a collection",
)
async def put_collection(catalog: Catalog, request: Request[NewCollection]) -> CollectionView:
    """What is left out is emptied, or as in a new one. The products that were chosen by hand stay."""
    collection = await replace_collection(catalog, request.path["collection"], request.body, request.if_match)
    return await _view(catalog, collection, request.principal)


@routes.delete("/collections/{collection}", who=ARRANGE, versioned=True, summary="Remove a collection")
async def delete_collection(catalog: Catalog, request: Request) -> None:
    """Its products stay; they are told one after the other."""
    await remove_collection(catalog, request.path["collection"], request.if_match)


@routes.put(
    "/collections/{collection}/products",
    body=ChosenProducts,
    answer=CollectionView,
    who=ARRANGE,
    versioned=True,
    summary="Choose the products of a collection, in their order",
)
async def put_collection_products(catalog: Catalog, request: Request[ChosenProducts]) -> CollectionView:
    collection = await choose_products(catalog, request.path["collection"], request.body.products, request.if_match)
    return await _view(catalog, collection, request.principal)


@routes.put(
    "/collections/{collection}/products/{product:uuid}",
    body=ChosenProduct,
    answer=CollectionView,
    who=ARRANGE,
    versioned=True,
    summary="Add a product to a collection, or move it",
)
async def put_collection_product(catalog: Catalog, request: Request[ChosenProduct]) -> CollectionView:
    """At a `position`, which counts all that are in it, also what is not sold now; without one at the end."""
    collection = await choose_product(
        catalog, request.path["collection"], request.path["product"], request.body.position, request.if_match
    )
    return await _view(catalog, collection, request.principal)


@routes.delete(
    "/collections/{collection}/products/{product:uuid}",
    answer=CollectionView,
    who=ARRANGE,
    versioned=True,
    summary="Take a product out of a collection",
)
async def delete_collection_product(catalog: Catalog, request: Request) -> CollectionView:
    collection = await let_go_of_product(catalog, request.path["collection"], request.path["product"], request.if_match)
    return await _view(catalog, collection, request.principal)


async def _view(catalog: Catalog, collection: Collection, principal: Principal | None) -> CollectionView:
    (view,) = await _views(catalog, [collection], principal)
    return view


async def _views(
    catalog: Catalog, collections: Sequence[Collection], principal: Principal | None
) -> list[CollectionView]:
    staff = ARRANGE.admits(principal)
    # By the slugs that their categories have now.
    slugs: Mapping[str, str] = {}
    if staff and any(one.rules and "category" in one.rules.looks_at for one in collections):
        slugs = {one.id: one.slug for one in await categories_repository.categories(catalog.db)}
    return [
        CollectionView(
            id=one.id,
            slug=one.slug,
            name=one.name,
            description=one.description,
            image=one.image,
            seo=one.seo,
            sort=one.sort,
            published=one.published,
            by_rules=one.rules is not None,
            rules=_shown(one.rules, slugs) if staff and one.rules else None,
            settled=one.settled,
            version=one.version,
            created_at=one.created_at,
            updated_at=one.updated_at,
        )
        for one in collections
    ]


def _shown(rules: Rules, slugs: Mapping[str, str]) -> Rules:
    """Without categories that are gone."""
    conditions = [
        replace(one, any_of=[slugs[str(each)] for each in one.any_of if each in slugs])
        if one.field == "category"
        else one
        for one in rules.conditions
    ]
    return replace(rules, conditions=conditions)
