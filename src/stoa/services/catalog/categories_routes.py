"""Catalog's public API of the category tree: everybody sees it, and who may arrange it changes it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit.context import Principal
from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.custom_fields.values import Value
from stoa.kit.http.routes import MOVED, PUBLIC, Answer, Request, Routes, may, moved
from stoa.kit.http.types import Page
from stoa.services.catalog import categories_repository
from stoa.services.catalog.arrange_categories import add_category, remove_category, replace_category
from stoa.services.catalog.bodies import NewCategory
from stoa.services.catalog.categories_repository import Category
from stoa.services.catalog.errors import NoSuchCategory
from stoa.services.catalog.fields import CATEGORY
from stoa.services.catalog.images import Banner
from stoa.services.catalog.product import is_id
from stoa.services.catalog.seo import Seo
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import LocaleQuery, category_in, in_locale
from stoa.services.catalog.translations_repository import texts_for

ARRANGE = may("catalog.categories.edit")

routes: Routes[Catalog] = Routes("catalog")
add_routes(routes, CATEGORY, define=may("catalog.fields.edit"), sees=ARRANGE)


class CategoryView(msgspec.Struct):
    """`children` stand in their order; `version` counts its own changes, not theirs. Of `custom_fields` everybody sees
    the public ones, of `metadata` nothing."""

    id: str
    slug: str
    name: str
    position: int
    description: str
    image: Banner | None
    seo: Seo
    custom_fields: dict[str, Value]
    metadata: dict[str, str]
    version: int
    children: list[CategoryView]


class CategoryAlone(msgspec.Struct):
    """`parent_id` is null at the top; what is inside it, the tree has."""

    id: str
    slug: str
    name: str
    parent_id: str | None
    position: int
    description: str
    image: Banner | None
    seo: Seo
    custom_fields: dict[str, Value]
    metadata: dict[str, str]
    version: int


@routes.get("/categories", query=LocaleQuery, answer=Page[CategoryView], who=PUBLIC, summary="The category tree")
async def get_categories(catalog: Catalog, request: Request[None, LocaleQuery]) -> Page[CategoryView]:
    found = await categories_repository.categories(catalog.db)
    texts = await texts_for(catalog, request.query.locale, (one.id for one in found))
    categories = [category_in(one, texts) for one in found]
    views = _views(categories, request.principal)
    return Page([views[one.id] for one in categories if one.parent_id is None])


@routes.get(
    "/categories/{category}",
    query=LocaleQuery,
    answer=CategoryAlone,
    others=MOVED,
    who=PUBLIC,
    summary="A category by its id or slug",
)
async def get_category(catalog: Catalog, request: Request[None, LocaleQuery]) -> CategoryAlone | Answer:
    """A slug that it had before leads to the one that it has."""
    asked, locale = request.path["category"], request.query.locale
    found = await categories_repository.find_category(catalog.db, asked, locale)
    if found is None:
        raise NoSuchCategory
    category = category_in(found, await texts_for(catalog, locale, [found.id]))
    if asked not in {category.slug, found.slug} and not is_id(asked):
        return moved(in_locale(f"/categories/{category.slug}", locale))
    private = ARRANGE.admits(request.principal)
    return CategoryAlone(
        id=category.id,
        slug=category.slug,
        name=category.name,
        parent_id=category.parent_id,
        position=category.position,
        description=category.description,
        image=category.image,
        seo=category.seo,
        custom_fields=category.custom_fields.shown(private=private),
        metadata=dict(category.metadata) if private else {},
        version=category.version,
    )


@routes.post("/categories", body=NewCategory, answer=CategoryView, status=201, who=ARRANGE, summary="Add a category")
async def post_category(catalog: Catalog, request: Request[NewCategory]) -> CategoryView:
    category, tree = await add_category(catalog, request.body)
    return _views(tree, request.principal)[category.id]


@routes.put(
    "/categories/{category}",
    body=NewCategory,
    answer=CategoryView,
    who=ARRANGE,
    versioned=True,
    summary="Describe, rename or move a category",
)
async def put_category(catalog: Catalog, request: Request[NewCategory]) -> CategoryView:
    """What is left out is emptied: a category without `parent` is at the top."""
    category, tree = await replace_category(catalog, request.path["category"], request.body, request.if_match)
    return _views(tree, request.principal)[category.id]


@routes.delete("/categories/{category}", who=ARRANGE, versioned=True, summary="Remove an empty category")
async def delete_category(catalog: Catalog, request: Request) -> None:
    await remove_category(catalog, request.path["category"], request.if_match)


def _views(categories: Sequence[Category], principal: Principal | None) -> dict[str, CategoryView]:
    """By id, each with all that is inside it."""
    private = ARRANGE.admits(principal)
    views = {
        one.id: CategoryView(
            id=one.id,
            slug=one.slug,
            name=one.name,
            position=one.position,
            description=one.description,
            image=one.image,
            seo=one.seo,
            custom_fields=one.custom_fields.shown(private=private),
            metadata=dict(one.metadata) if private else {},
            version=one.version,
            children=[],
        )
        for one in categories
    }
    for one in categories:
        if one.parent_id is not None:
            views[one.parent_id].children.append(views[one.id])
    return views
