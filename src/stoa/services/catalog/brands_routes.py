"""Catalog's public API of brands: everybody sees those of what is sold; staff see all, describe, rename, merge and
remove them."""

from __future__ import annotations

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import PUBLIC, Request, Routes, may
from stoa.kit.http.types import Page, PageQuery, Slug
from stoa.services.catalog import brands_repository, name_brands
from stoa.services.catalog.brands import Brand, BrandBody, Merging
from stoa.services.catalog.service import Catalog

EDIT = may("catalog.brands.edit")

routes: Routes[Catalog] = Routes("catalog")


@routes.get("/brands", query=PageQuery, answer=Page[Brand], who=PUBLIC, summary="Brands, by their slugs")
async def get_brands(catalog: Catalog, request: Request[None, PageQuery]) -> Page[Brand]:
    """Of what is sold; those of drafts, or of nothing, are for staff to see."""
    limit, after = request.query.limit, decode_key(request.query.cursor, tuple[Slug])
    hidden = EDIT.admits(request.principal)
    found = await brands_repository.brands_after(catalog.db, after or "", limit + 1, hidden=hidden)
    return page_of(found, limit, lambda one: (one.slug,))


@routes.get("/brands/{brand}", answer=Brand, who=PUBLIC, summary="A brand by its id or slug")
async def get_brand(catalog: Catalog, request: Request) -> Brand:
    """As in the list, one of which nothing is sold is there for staff only."""
    return await name_brands.show_brand(catalog.db, request.path["brand"], hidden=EDIT.admits(request.principal))


@routes.post("/brands", body=BrandBody, answer=Brand, status=201, who=EDIT, summary="Add a brand")
async def post_brand(catalog: Catalog, request: Request[BrandBody]) -> Brand:
    """A product's brand is made with it; this is for one that has no product yet."""
    return await name_brands.add_brand(catalog, request.body)


@routes.put(
    "/brands/{brand}", body=BrandBody, answer=Brand, who=EDIT, versioned=True, summary="Describe or rename a brand"
)
async def put_brand(catalog: Catalog, request: Request[BrandBody]) -> Brand:
    """Its products follow its name in rounds. Whoever says its old name means it."""
    return await name_brands.replace_brand(catalog, request.path["brand"], request.body, request.if_match)


@routes.delete("/brands/{brand}", who=EDIT, versioned=True, summary="Remove a brand that no product has")
async def delete_brand(catalog: Catalog, request: Request) -> None:
    """One that has products is merged into another. Archived products keep its name, and make it again when they come
    back."""
    await name_brands.remove_brand(catalog, request.path["brand"], request.if_match)


@routes.post(
    "/brands/{brand}/merge",
    body=Merging,
    answer=Brand,
    who=EDIT,
    versioned=True,
    summary="Merge a brand into another, and answer with that",
)
async def post_merge(catalog: Catalog, request: Request[Merging]) -> Brand:
    """Its products follow in rounds. Whoever says its name means the other."""
    return await name_brands.merge_brand(catalog, request.path["brand"], request.body.into, request.if_match)
