"""Catalog's public API of products, to write: admins change all, sellers what is theirs."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from stoa.kit.http.routes import UNKEPT, Request, Routes, may
from stoa.services.catalog.bodies import (
    Moderation,
    NewProduct,
    NewVariant,
    ProductPatch,
    ProductReplacement,
    VariantReplacement,
    whole,
)
from stoa.services.catalog.change_products import (
    add_product,
    add_variant,
    archive_product,
    archive_variant,
    change_product,
    replace_variant,
)
from stoa.services.catalog.errors import VersionMissing
from stoa.services.catalog.moderate import reinstate, withhold
from stoa.services.catalog.product_items import ProductItems
from stoa.services.catalog.product_views import ProductView, view_of
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.write_products import Outcome, Written, write_products

EDIT = may("catalog.products.edit", own=True)
WITHHOLD = may("catalog.products.withhold")

routes: Routes[Catalog] = Routes("catalog")


class ProductResult(msgspec.Struct):
    """What became of an item. One that is refused has a `problem`, the others say which product it is, as it is now."""

    outcome: Outcome
    id: str | None
    slug: str | None
    version: int | None
    problem: dict[str, Any] | None


class ProductResults(msgspec.Struct):
    """`items` stand in the order of the request, `counts` say how many of each outcome there are."""

    items: list[ProductResult]
    counts: dict[Outcome, int]


@routes.post("/products", body=NewProduct, answer=ProductView, status=201, who=EDIT, summary="Add a product")
async def post_product(catalog: Catalog, request: Request[NewProduct]) -> ProductView:
    return await view_of(catalog, await add_product(catalog, request.body, request.caller), request.principal)


@routes.post(
    "/products/bulk",
    body=ProductItems,
    answer=ProductResults,
    who=EDIT,
    idempotent=UNKEPT,
    summary="Add and change many products; each stands for itself",
)
async def post_products(catalog: Catalog, request: Request[ProductItems]) -> ProductResults:
    written = await write_products(catalog, request.body.products, request.caller)
    return ProductResults(
        items=[_result(one) for one in written],
        counts={outcome: sum(one.outcome == outcome for one in written) for outcome in get_args(Outcome)},
    )


@routes.put(
    "/products/{product}",
    body=ProductReplacement,
    answer=ProductView,
    who=EDIT,
    versioned=True,
    summary="Replace a product",
)
async def put_product(catalog: Catalog, request: Request[ProductReplacement]) -> ProductView:
    version, if_match = request.body.version, request.if_match
    if version is None and not if_match.sent:
        raise VersionMissing
    patch = whole(request.body)
    return await view_of(
        catalog,
        await change_product(
            catalog, request.path["product"], patch, request.caller, version=version, if_match=if_match
        ),
        request.principal,
    )


@routes.patch(
    "/products/{product}",
    body=ProductPatch,
    answer=ProductView,
    who=EDIT,
    versioned=True,
    summary="Change some of a product",
)
async def patch_product(catalog: Catalog, request: Request[ProductPatch]) -> ProductView:
    version, if_match = request.body.version, request.if_match
    return await view_of(
        catalog,
        await change_product(
            catalog, request.path["product"], request.body, request.caller, version=version, if_match=if_match
        ),
        request.principal,
    )


@routes.delete("/products/{product}", who=EDIT, versioned=True, summary="Archive a product")
async def delete_product(catalog: Catalog, request: Request) -> None:
    await archive_product(catalog, request.path["product"], request.caller, request.if_match)


@routes.post(
    "/products/{product}/withhold",
    body=Moderation,
    answer=ProductView,
    who=WITHHOLD,
    versioned=True,
    summary="Withhold a product",
)
async def withhold_product(catalog: Catalog, request: Request[Moderation]) -> ProductView:
    return await view_of(
        catalog,
        await withhold(catalog, request.path["product"], request.caller, request.body.reason, request.if_match),
        request.principal,
    )


@routes.post(
    "/products/{product}/reinstate",
    body=Moderation,
    answer=ProductView,
    who=WITHHOLD,
    versioned=True,
    summary="Let a withheld product be sold again",
)
async def reinstate_product(catalog: Catalog, request: Request[Moderation]) -> ProductView:
    return await view_of(
        catalog,
        await reinstate(catalog, request.path["product"], request.body.reason, request.if_match),
        request.principal,
    )


@routes.post(
    "/products/{product}/variants",
    body=NewVariant,
    answer=ProductView,
    status=201,
    who=EDIT,
    versioned=True,
    summary="Add a variant; answers with its product",
)
async def post_variant(catalog: Catalog, request: Request[NewVariant]) -> ProductView:
    return await view_of(
        catalog,
        await add_variant(catalog, request.path["product"], request.body, request.caller, request.if_match),
        request.principal,
    )


@routes.put(
    "/variants/{variant}",
    body=VariantReplacement,
    answer=ProductView,
    who=EDIT,
    versioned=True,
    summary="Replace a variant, named by its SKU or id; answers with its product",
)
async def put_variant(catalog: Catalog, request: Request[VariantReplacement]) -> ProductView:
    return await view_of(
        catalog,
        await replace_variant(catalog, request.path["variant"], request.body, request.caller, request.if_match),
        request.principal,
    )


@routes.delete("/variants/{variant}", who=EDIT, versioned=True, summary="Archive a variant; its SKU stays taken")
async def delete_variant(catalog: Catalog, request: Request) -> None:
    await archive_variant(catalog, request.path["variant"], request.caller, request.if_match)


def _result(written: Written) -> ProductResult:
    product, problem = written.product, written.problem
    return ProductResult(
        outcome=written.outcome,
        id=product.id if product else None,
        slug=product.slug if product else None,
        version=product.version if product else None,
        problem=problem.document() if problem else None,
    )
