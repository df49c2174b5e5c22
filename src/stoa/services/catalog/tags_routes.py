"""Catalog's public API of tags: which ones what is sold has."""

from __future__ import annotations

import msgspec

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import PUBLIC, Request, Routes
from stoa.kit.http.types import Page, PageQuery
from stoa.services.catalog import lists_repository
from stoa.services.catalog.bodies import Tag
from stoa.services.catalog.service import Catalog

routes: Routes[Catalog] = Routes("catalog")


class TagView(msgspec.Struct):
    """As `GET /products?tag=` takes it. How many products have it nobody counts."""

    tag: str


@routes.get("/tags", query=PageQuery, answer=Page[TagView], who=PUBLIC, summary="The tags of what is sold")
async def get_tags(catalog: Catalog, request: Request[None, PageQuery]) -> Page[TagView]:
    limit, after = request.query.limit, decode_key(request.query.cursor, tuple[Tag])
    tags = await lists_repository.tags_after(catalog.db, after or "", limit + 1)
    return page_of([TagView(tag) for tag in tags], limit, lambda one: (one.tag,))
