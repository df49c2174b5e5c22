"""Catalog's public API of brands: everybody sees those of what is sold; staff see all, describe, rename, merge and
remove them."""

from __future__ import annotations

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import MOVED, PUBLIC, Answer, Request, Routes, may, moved
from stoa.kit.http.types import Page, Slug
from stoa.services.catalog import brands_repository, name_brands
from stoa.services.catalog.brands import Brand, BrandBody, Merging
from stoa.services.catalog.product import is_id
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import LocaleQuery, PageInLocale, brand_in, in_locale
from stoa.services.catalog.translations_repository import texts_for

EDIT = may("catalog.brands.edit")

routes: Routes[Catalog] = Routes("catalog")


@routes.get("/brands", query=PageInLocale, answer=Page[Brand], who=PUBLIC, summary="Brands, by their slugs")
async def get_brands(catalog: Catalog, request: Request[None, PageInLocale]) -> Page[Brand]:
    """Of what is sold; those of drafts, or of nothing, are for staff to see."""
    limit, after = request.query.limit, decode_key(request.query.cursor, tuple[Slug])
    hidden = EDIT.admits(request.principal)
    found = await brands_repository.brands_after(catalog.db, after or "", limit + 1, hidden=hidden)
    page = page_of(found, limit, lambda one: (one.slug,))
    texts = await texts_for(catalog, request.query.locale, (one.id for one in page.items))
    return Page([brand_in(one, texts) for one in page.items], page.next_cursor)


@routes.get(
    "/brands/{brand}",
    query=LocaleQuery,
    answer=Brand,
    others=MOVED,
    who=PUBLIC,
    summary="A brand by its id or slug",
)
async def get_brand(catalog: Catalog, request: Request[None, LocaleQuery]) -> Brand | Answer:
    """As in the list, one of which nothing is sold is there for staff only. A slug that it had before, or one that was
    merged into it, leads to the one that it has."""
    asked, locale = request.path["brand"], request.query.locale
    brand = await name_brands.find_brand(catalog.db, asked, hidden=EDIT.admits(request.principal))
    texts = await texts_for(catalog, locale, [brand.id])
    if asked != brand.slug and not is_id(asked):
        return moved(in_locale(f"/brands/{brand.slug}", locale))
    return brand_in(brand, texts)


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
