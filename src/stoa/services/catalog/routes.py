"""Catalog's public API of products: what is active is everybody's to see; admins change all, sellers what is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from stoa.kit import problems
from stoa.kit.context import Principal
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.custom_fields.values import CustomFilter, Value, filter_by
from stoa.kit.http.pages import decode_cursor, page_of
from stoa.kit.http.routes import PUBLIC, UNKEPT, Request, Routes, may
from stoa.kit.http.types import AmountMinor, CountryCode, CurrencyCode, Id, Label, Page, PageQuery, Quantity, Slug
from stoa.kit.money import Money
from stoa.services.catalog import categories_routes, repository
from stoa.services.catalog.bodies import (
    Moderation,
    NewProduct,
    NewVariant,
    ProductItems,
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
from stoa.services.catalog.errors import OnlyAlone, VersionMissing
from stoa.services.catalog.fields import PRODUCT, VARIANT
from stoa.services.catalog.moderate import reinstate, withhold
from stoa.services.catalog.product import CategoryName, Image, Option, Product, Specification, Standing, Status, Variant
from stoa.services.catalog.repository import NAME_START, Card, ForSale
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import acting_for, may_change, show_product
from stoa.services.catalog.write_products import Outcome, Written, write_products

EDIT = may("catalog.products.edit", own=True)
WITHHOLD = may("catalog.products.withhold")

DEFINE = may("catalog.fields.edit")

routes: Routes[Catalog] = Routes("catalog")
add_routes(routes, PRODUCT, define=DEFINE, sees=EDIT)
add_routes(routes, VARIANT, define=DEFINE, sees=EDIT)


class WithheldView(msgspec.Struct):
    """Since when staff withhold it, and why."""

    at: datetime
    reason: str


class VariantView(msgspec.Struct, frozen=True):
    """What is sold: `name` and `options` tell it from its siblings. Of `custom_fields` everybody sees the public ones,
    of `metadata` nothing."""

    id: str
    sku: str
    name: str
    price: Money
    position: int
    options: dict[str, str]
    custom_fields: dict[str, Value]
    metadata: dict[str, str]


class ProductView(msgspec.Struct, kw_only=True):
    """`price` and `price_max` are its variants' lowest and highest; `version` counts its changes.

    `options` are what its variants differ in. `status` is what its seller says, `standing` what follows: only what
    stands `active` is seen and sold. Of `custom_fields` everybody sees the public ones, of `metadata` nothing.
    """

    id: str
    slug: str
    name: str
    description: str
    brand: str
    category: CategoryName | None
    status: Status
    standing: Standing
    withheld: WithheldView | None
    seller_id: str | None
    tags: Sequence[str]
    specifications: dict[str, Specification]
    images: Sequence[Image]
    options: Sequence[Option]
    price: Money | None
    price_max: Money | None
    variants: Sequence[VariantView]
    custom_fields: dict[str, Value]
    metadata: dict[str, str]
    version: int
    created_at: datetime
    updated_at: datetime


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


class CardView(msgspec.Struct):
    """A product as a list shows it. `status` is where it stands; `skus` are its variants in their order."""

    id: str
    slug: str
    name: str
    brand: str
    status: Standing
    category: CategoryName | None
    price: Money | None
    price_max: Money | None
    image: Image | None
    skus: list[str]


class PriceView(msgspec.Struct):
    """What one of a SKU costs where the caller is; null: it is not sold there."""

    sku: str
    variant_id: str
    product_id: str
    price: Money | None


_ONE = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


class PriceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`skus` stand with commas between them. The rest says for whom: `country` is where the goods go, `quantity` how
    many of each. Today a shop has one list of prices, so only the `currency` decides."""

    skus: Annotated[str, Meta(min_length=1, max_length=6_500, pattern=rf"^{_ONE}(,{_ONE}){{0,99}}(?!\n)$")]
    currency: CurrencyCode | None = None
    country: CountryCode | None = None
    quantity: Quantity = 1


Sort = Literal["newest", "price", "-price", "name"]


class ProductQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices are in minor units and meant of the lowest price. `category` takes what is inside it, too.
    `status` is where they stand; other than active shows an admin all such products and a seller its own,
    which `seller_id` names for who acts for several."""

    category: Slug | None = None
    brand: Label | None = None
    min_price: AmountMinor | None = None
    max_price: AmountMinor | None = None
    sort: Sort = "newest"
    status: Standing = "active"
    seller_id: Id | None = None
    custom: CustomFilter = msgspec.field(default_factory=dict)


# For each order what its cursor holds, and where a card stands in it: the id first.
_PLACES: dict[Sort, tuple[Any, Any]] = {
    "newest": (tuple[Id], lambda card: (card.id,)),
    "price": (tuple[Id, AmountMinor], lambda card: (card.id, _minor(card))),
    "-price": (tuple[Id, AmountMinor], lambda card: (card.id, _minor(card))),
    "name": (tuple[Id, Annotated[str, Meta(max_length=NAME_START)]], lambda card: (card.id, card.name[:NAME_START])),
}


def _minor(card: CardView) -> int:
    return card.price.amount if card.price else 0


@routes.get(
    "/products",
    query=ProductQuery,
    answer=Page[CardView],
    raises=(problems.Unauthorized, problems.Forbidden),
    who=PUBLIC,
    summary="Products, filtered and sorted",
)
async def list_products(catalog: Catalog, request: Request[None, ProductQuery]) -> Page[CardView]:
    """Newest first they are found by a filterable custom field, too: `?custom.color=red`, with no other filter."""
    query = request.query
    shape, place = _PLACES[query.sort]
    if query.custom:
        cards = await _with_value(catalog, query, request.principal)
        return page_of([_card_view(card) for card in cards], query.limit, place)
    filters = {
        "seller_id": query.seller_id if query.status == "active" else _whose(request.principal, query.seller_id),
        "category": query.category,
        "brand": query.brand,
        "min_price": query.min_price,
        "max_price": query.max_price,
    }
    cards = await repository.cards(
        catalog.db,
        query.sort,
        query.status,
        limit=query.limit + 1,
        filters={name: value for name, value in filters.items() if value is not None},
        after=decode_cursor(query.cursor, shape),
    )
    return page_of([_card_view(card) for card in cards], query.limit, place)


async def _with_value(catalog: Catalog, query: ProductQuery, principal: Principal | None) -> list[Card]:
    (name, value), *more = query.custom.items()
    others = (query.category, query.brand, query.min_price, query.max_price, query.seller_id)
    whose = None if query.status == "active" else _whose(principal, None)
    if more or query.sort != "newest" or any(each is not None for each in (*others, whose)):
        raise OnlyAlone(f"custom.{name}")
    staff = principal is not None and principal.may("catalog.products.edit")
    number, looked_for = filter_by(await definitions(catalog.db, PRODUCT), name, value, private=staff)
    return await repository.cards(
        catalog.db,
        query.sort,
        query.status,
        limit=query.limit + 1,
        filters={"field": number, "value": looked_for},
        after=decode_cursor(query.cursor, tuple[Id]),
    )


def _whose(principal: Principal | None, seller_id: str | None) -> str | None:
    """Whose hidden products the caller sees: None means everybody's."""
    if principal is None:
        raise problems.Unauthorized("Drafts and archived products are shown to those who sell them: sign in.")
    if principal.may("catalog.products.edit") or principal.may("catalog.products.withhold"):
        return seller_id
    if not principal.may("catalog.products.edit_own"):
        raise problems.Forbidden("Drafts and archived products are shown to those who sell them.")
    return acting_for(principal, seller_id)


@routes.get("/products/{product}", answer=ProductView, who=PUBLIC, summary="A product by its id or slug")
async def get_product(catalog: Catalog, request: Request) -> ProductView:
    return _view(await show_product(catalog, request.path["product"], request.principal), request.principal)


@routes.get("/prices", query=PriceQuery, answer=Page[PriceView], who=PUBLIC, summary="What SKUs cost, and for whom")
async def get_prices(catalog: Catalog, request: Request[None, PriceQuery]) -> Page[PriceView]:
    """In the order in which they are asked for. What is not for sale is missing; what has no price here, has none."""
    skus = list(dict.fromkeys(request.query.skus.split(",")))
    currency = request.query.currency or catalog.settings.currency
    found = {one.sku: one for one in await repository.variants_for_sale(catalog.db, skus)}
    return Page([_price_view(found[sku], currency) for sku in skus if sku in found])


@routes.post("/products", body=NewProduct, answer=ProductView, status=201, who=EDIT, summary="Add a product")
async def post_product(catalog: Catalog, request: Request[NewProduct]) -> ProductView:
    return _view(await add_product(catalog, request.body, request.caller), request.principal)


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
    return _view(
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
    return _view(
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
    return _view(
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
    return _view(
        await reinstate(catalog, request.path["product"], request.body.reason, request.if_match), request.principal
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
    return _view(
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
    return _view(
        await replace_variant(catalog, request.path["variant"], request.body, request.caller, request.if_match),
        request.principal,
    )


@routes.delete("/variants/{variant}", who=EDIT, versioned=True, summary="Archive a variant; its SKU stays taken")
async def delete_variant(catalog: Catalog, request: Request) -> None:
    await archive_variant(catalog, request.path["variant"], request.caller, request.if_match)


def _view(product: Product, principal: Principal | None) -> ProductView:
    private = may_change(product, principal)
    return ProductView(
        id=product.id,
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        category=product.category,
        status=product.status,
        standing=product.standing,
        withheld=WithheldView(product.withheld.at, product.withheld.reason) if product.withheld else None,
        seller_id=product.seller_id,
        tags=product.tags,
        specifications=dict(product.specifications),
        images=product.images,
        options=product.options,
        price=product.price,
        price_max=product.price_max,
        variants=[_variant_view(variant, private=private) for variant in product.variants],
        custom_fields=product.custom_fields.shown(private=private),
        metadata=dict(product.metadata) if private else {},
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def _variant_view(variant: Variant, *, private: bool) -> VariantView:
    return VariantView(
        id=variant.id,
        sku=variant.sku,
        name=variant.name,
        price=variant.price,
        position=variant.position,
        options=dict(variant.options),
        custom_fields=variant.custom_fields.shown(private=private),
        metadata=dict(variant.metadata) if private else {},
    )


def _price_view(variant: ForSale, currency: str) -> PriceView:
    price = Money(variant.price_minor, variant.currency) if variant.currency == currency else None
    return PriceView(variant.sku, variant.id, variant.product_id, price)


def _result(written: Written) -> ProductResult:
    product, problem = written.product, written.problem
    return ProductResult(
        outcome=written.outcome,
        id=product.id if product else None,
        slug=product.slug if product else None,
        version=product.version if product else None,
        problem=problem.document() if problem else None,
    )


def _card_view(card: Card) -> CardView:
    return CardView(*card)


routes.include(categories_routes.routes)
