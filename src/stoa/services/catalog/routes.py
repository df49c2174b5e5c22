"""Catalog's public API of products: what is active is everybody's to see; admins change all, sellers what is theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from stoa.kit import clock, problems
from stoa.kit.context import Principal
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.custom_fields.values import CustomFilter, Value, filter_by
from stoa.kit.http.pages import decode_cursor, page_of
from stoa.kit.http.routes import MOVED, PUBLIC, UNKEPT, Answer, Request, Routes, may, moved
from stoa.kit.http.types import AmountMinor, CountryCode, CurrencyCode, Id, Label, Page, PageQuery, Quantity, Slug
from stoa.kit.money import Money
from stoa.services.catalog import (
    brands_repository,
    brands_routes,
    categories_routes,
    collections_routes,
    lists_repository,
    price_lists_routes,
    product_files_routes,
    repository,
    tags_routes,
    translations_repository,
    translations_routes,
    types_routes,
)
from stoa.services.catalog.attributes import Shown, Specification
from stoa.services.catalog.bodies import (
    Moderation,
    NewProduct,
    NewVariant,
    Position,
    ProductItems,
    ProductPatch,
    ProductReplacement,
    Tag,
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
from stoa.services.catalog.collections_routes import find_visible
from stoa.services.catalog.errors import CollectionAlone, NoSuchCollection, OnlyAlone, TagAlone, VersionMissing
from stoa.services.catalog.fields import PRODUCT, VARIANT
from stoa.services.catalog.images import Image, to_be_seen
from stoa.services.catalog.lists_repository import NAME_START, Card
from stoa.services.catalog.moderate import reinstate, withhold
from stoa.services.catalog.pricing import Context, Priced, ms_of
from stoa.services.catalog.product import (
    CategoryName,
    Option,
    Product,
    Standing,
    Status,
    TypeName,
    Variant,
    is_id,
)
from stoa.services.catalog.repository import ForSale
from stoa.services.catalog.sales import Sale, lowest_of, sales_of
from stoa.services.catalog.seo import Seo
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import acting_for, may_change, show_product
from stoa.services.catalog.translations import Locale, LocaleQuery, card_in, in_locale, product_in
from stoa.services.catalog.translations_repository import texts_for
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
    """What is sold: `name` and `options` tell it from its siblings, `price` is its own. Of `custom_fields` everybody
    sees the public ones, of `metadata` nothing."""

    id: str
    sku: str
    name: str
    price: Money
    position: int
    options: dict[str, str]
    custom_fields: dict[str, Value]
    metadata: dict[str, str]


class ProductView(msgspec.Struct, kw_only=True):
    """`price` and `price_max` are what everybody pays for its variants at least and at most; `version` counts its
    changes. `sales` are those that have another price than their own by a list.

    `specifications` are what it says of itself, by name; of those that its `product_type` asks for, `attributes` say in
    order how they are shown. `options` are what its variants differ in. `status` is what its seller says, `standing`
    what follows: only what stands `active` is seen and sold. Of `custom_fields` everybody sees the public ones, of
    `metadata` nothing.
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
    publish_at: datetime | None
    unpublish_at: datetime | None
    seller_id: str | None
    tags: Sequence[str]
    product_type: TypeName | None
    attributes: Sequence[Shown]
    specifications: dict[str, Specification]
    images: Sequence[Image]
    options: Sequence[Option]
    price: Money | None
    price_max: Money | None
    sales: list[Sale]
    variants: Sequence[VariantView]
    seo: Seo
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
    """What one of a SKU costs where the caller is; null: it is not sold there. `compare_at` is its own price, where the
    one that holds is lower; `price_list` the slug of the list that this is from, null of its own. Of what is reduced
    for everybody `lowest_30_days` is the lowest price that everybody paid in the 30 days before."""

    sku: str
    variant_id: str
    product_id: str
    price: Money | None
    compare_at: Money | None
    price_list: str | None
    lowest_30_days: Money | None


_ONE = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


class PriceQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`skus` stand with commas between them. The rest says for whom: `country` is where the goods go, `quantity` how
    many of each. In which customer groups the caller is, the token says."""

    skus: Annotated[str, Meta(min_length=1, max_length=6_500, pattern=rf"^{_ONE}(,{_ONE}){{0,99}}(?!\n)$")]
    currency: CurrencyCode | None = None
    country: CountryCode | None = None
    quantity: Quantity = 1


Sort = Literal["newest", "price", "-price", "name"]
ListSort = Sort | Literal["position"]


class ProductQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices are in minor units and meant of the lowest price. `category` takes what is inside it, too. Without a
    `sort` the newest stand first, and the products of a `collection` as that says.
    `status` is where they stand; other than active shows an admin all such products and a seller its own,
    which `seller_id` names for who acts for several."""

    category: Slug | None = None
    brand: Label | None = None
    tag: Tag | None = None
    min_price: AmountMinor | None = None
    max_price: AmountMinor | None = None
    collection: Slug | None = None
    sort: Sort | None = None
    locale: Locale | None = None
    status: Standing = "active"
    seller_id: Id | None = None
    custom: CustomFilter = msgspec.field(default_factory=dict)


# For each order what its cursor holds, and where a card stands in it: the id first.
_PLACES: dict[ListSort, tuple[Any, Any]] = {
    "position": (tuple[Id, Position], lambda card: (card.id, card.position)),
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
    raises=(problems.Unauthorized, problems.Forbidden, NoSuchCollection),
    who=PUBLIC,
    summary="Products, filtered and sorted",
)
async def list_products(catalog: Catalog, request: Request[None, ProductQuery]) -> Page[CardView]:
    """`brand` is its name, or one that it had, or its slug. Newest first they are found by a tag, too, or by a
    filterable custom field, `?custom.color=red`, with no other filter."""
    query = request.query
    if query.custom:
        cards = await _with_value(catalog, query, request.principal)
        return await _page(catalog, cards, query, "newest")
    if query.tag is not None:
        cards = await _tagged(catalog, query, query.tag, request.principal)
        return await _page(catalog, cards, query, "newest")
    if query.collection is not None:
        return await _of_collection(catalog, query, query.collection, request.principal)
    sort: ListSort = query.sort or "newest"
    filters = {
        "seller_id": query.seller_id if query.status == "active" else _whose(request.principal, query.seller_id),
        "category": await _own_slug(catalog, query),
        "brand": query.brand and (await brands_repository.name_meant(catalog.db, query.brand) or query.brand),
        "min_price": query.min_price,
        "max_price": query.max_price,
    }
    cards = await lists_repository.cards(
        catalog.db,
        sort,
        query.status,
        limit=query.limit + 1,
        filters={name: value for name, value in filters.items() if value is not None},
        after=decode_cursor(query.cursor, _PLACES[sort][0]),
    )
    return await _page(catalog, cards, query, sort)


async def _page(catalog: Catalog, cards: Sequence[Card], query: ProductQuery, sort: ListSort) -> Page[CardView]:
    """In the language that is asked for; in the order of the shop's own."""
    shown = page_of(cards, query.limit, _PLACES[sort][1])
    texts = await texts_for(catalog, query.locale, chain.from_iterable(map(_named_in, shown.items)))
    return Page([_card_view(card_in(card, texts)) for card in shown.items], shown.next_cursor)


async def _own_slug(catalog: Catalog, query: ProductQuery) -> str | None:
    """Of the category by which it is filtered, whatever that is called in the language that is asked for."""
    if query.category is None or query.locale is None:
        return query.category
    return await translations_repository.own_slug(catalog.db, query.locale, query.category)


async def _of_collection(
    catalog: Catalog, query: ProductQuery, slug: str, principal: Principal | None
) -> Page[CardView]:
    """Of what is published, or of all for who arranges collections; by their prices, too."""
    if any(each is not None for each in (query.category, query.brand, query.seller_id)):
        raise CollectionAlone
    if query.status != "active" and _whose(principal, None) is not None:
        raise problems.Forbidden("What a collection has besides what is sold is shown to staff.")
    collection = await find_visible(catalog, slug, principal, query.locale)
    sort: ListSort = query.sort or collection.sort
    prices = {"min_price": query.min_price, "max_price": query.max_price}
    cards = await lists_repository.cards(
        catalog.db,
        sort,
        query.status,
        limit=query.limit + 1,
        filters={"collection": collection.id} | {name: value for name, value in prices.items() if value is not None},
        after=decode_cursor(query.cursor, _PLACES[sort][0]),
    )
    return await _page(catalog, cards, query, sort)


async def _with_value(catalog: Catalog, query: ProductQuery, principal: Principal | None) -> list[Card]:
    (name, value), *more = query.custom.items()
    if more or query.tag is not None or _is_narrowed(query, principal):
        raise OnlyAlone(f"custom.{name}")
    staff = principal is not None and principal.may("catalog.products.edit")
    number, looked_for = filter_by(await definitions(catalog.db, PRODUCT), name, value, private=staff)
    return await lists_repository.cards(
        catalog.db,
        "newest",
        query.status,
        limit=query.limit + 1,
        filters={"field": number, "value": looked_for},
        after=decode_cursor(query.cursor, tuple[Id]),
    )


async def _tagged(catalog: Catalog, query: ProductQuery, tag: str, principal: Principal | None) -> list[Card]:
    if _is_narrowed(query, principal):
        raise TagAlone
    return await lists_repository.cards(
        catalog.db,
        "newest",
        query.status,
        limit=query.limit + 1,
        filters={"tag": tag},
        after=decode_cursor(query.cursor, tuple[Id]),
    )


def _is_narrowed(query: ProductQuery, principal: Principal | None) -> bool:
    """By more than what keeps a list of its own, or in another order than that has."""
    others = (query.category, query.brand, query.min_price, query.max_price, query.seller_id, query.collection)
    whose = None if query.status == "active" else _whose(principal, None)
    return query.sort not in {None, "newest"} or any(each is not None for each in (*others, whose))


def _whose(principal: Principal | None, seller_id: str | None) -> str | None:
    """Whose hidden products the caller sees: None means everybody's."""
    if principal is None:
        raise problems.Unauthorized("Drafts and archived products are shown to those who sell them: sign in.")
    if principal.may("catalog.products.edit") or principal.may("catalog.products.withhold"):
        return seller_id
    if not principal.may("catalog.products.edit_own"):
        raise problems.Forbidden("Drafts and archived products are shown to those who sell them.")
    return acting_for(principal, seller_id)


@routes.get(
    "/products/{product}",
    query=LocaleQuery,
    answer=ProductView,
    others=MOVED,
    who=PUBLIC,
    summary="A product by its id or slug",
)
async def get_product(catalog: Catalog, request: Request[None, LocaleQuery]) -> ProductView | Answer:
    """A slug that it had before leads to the one that it has, unless another product has taken it."""
    asked, locale = request.path["product"], request.query.locale
    found = await show_product(catalog, asked, request.principal, locale)
    product = product_in(found, await texts_for(catalog, locale, _named_in(found)))
    if asked not in {product.slug, found.slug} and not is_id(asked):
        return moved(in_locale(f"/products/{product.slug}", locale))
    return await _shown(catalog, product, request.principal)


def _named_in(shown: Product | Card) -> Iterator[str]:
    """Whose texts are shown with it."""
    yield shown.id
    if shown.category is not None:
        yield shown.category.id


@routes.get("/prices", query=PriceQuery, answer=Page[PriceView], who=PUBLIC, summary="What SKUs cost, and for whom")
async def get_prices(catalog: Catalog, request: Request[None, PriceQuery]) -> Page[PriceView]:
    """In the order in which they are asked for. A SKU that is not for sale, or that nobody has, is not among `items`,
    which is no error; one that is sold, but not here, has null for its price."""
    query = request.query
    skus = list(dict.fromkeys(query.skus.split(",")))
    currency = query.currency or catalog.settings.currency
    context = Context(currency, query.country or "", frozenset(request.groups), ms_of(clock.now()))
    found = await repository.variants_for_sale(catalog.db, skus, context)
    shown = {sku: one.price_in(context, query.quantity) for sku, one in found.items()}
    before = await lowest_of(catalog, found.values(), shown, context.at_ms)
    return Page([_price_view(found[sku], shown[sku], before.get(sku)) for sku in skus if sku in found])


@routes.post("/products", body=NewProduct, answer=ProductView, status=201, who=EDIT, summary="Add a product")
async def post_product(catalog: Catalog, request: Request[NewProduct]) -> ProductView:
    return await _shown(catalog, await add_product(catalog, request.body, request.caller), request.principal)


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
    return await _shown(
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
    return await _shown(
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
    return await _shown(
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
    return await _shown(
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
    return await _shown(
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
    return await _shown(
        catalog,
        await replace_variant(catalog, request.path["variant"], request.body, request.caller, request.if_match),
        request.principal,
    )


@routes.delete("/variants/{variant}", who=EDIT, versioned=True, summary="Archive a variant; its SKU stays taken")
async def delete_variant(catalog: Catalog, request: Request) -> None:
    await archive_variant(catalog, request.path["variant"], request.caller, request.if_match)


async def _shown(catalog: Catalog, product: Product, principal: Principal | None) -> ProductView:
    sales = await sales_of(catalog, product.skus)
    return _view(product, sales, private=may_change(product, principal))


def _view(product: Product, sales: Mapping[str, Sale], *, private: bool) -> ProductView:
    prices = [sales[one.sku].price if one.sku in sales else one.price for one in product.variants]
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
        publish_at=product.publish_at,
        unpublish_at=product.unpublish_at,
        seller_id=product.seller_id,
        tags=product.tags,
        product_type=product.product_type,
        attributes=product.attributes,
        specifications=dict(product.specifications),
        images=product.images if private else to_be_seen(product.images),
        options=product.options,
        price=min(prices, key=_amount, default=None),
        price_max=max(prices, key=_amount, default=None),
        sales=[sales[one.sku] for one in product.variants if one.sku in sales],
        variants=[_variant_view(variant, private=private) for variant in product.variants],
        seo=product.seo,
        custom_fields=product.custom_fields.shown(private=private),
        metadata=dict(product.metadata) if private else {},
        version=product.version,
        created_at=product.created_at,
        updated_at=product.updated_at,
    )


def _amount(price: Money) -> int:
    return price.amount


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


def _price_view(variant: ForSale, priced: Priced | None, lowest_30_days: Money | None) -> PriceView:
    return PriceView(
        sku=variant.sku,
        variant_id=variant.id,
        product_id=variant.product_id,
        price=priced.price if priced else None,
        compare_at=priced.compare_at if priced else None,
        price_list=priced.listed.list if priced and priced.listed else None,
        lowest_30_days=lowest_30_days,
    )


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
    return CardView(*card[:-1])


routes.include(categories_routes.routes)
routes.include(price_lists_routes.routes)
routes.include(types_routes.routes)
routes.include(collections_routes.routes)
routes.include(brands_routes.routes)
routes.include(tags_routes.routes)
routes.include(translations_routes.routes)
routes.include(product_files_routes.routes)
