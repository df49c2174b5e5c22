"""Catalog's public API of products, to read: what is active is everybody's to see, what is not theirs who sell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from stoa.kit import problems
from stoa.kit.context import Principal
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.custom_fields.values import CustomFilter, filter_by
from stoa.kit.http.bounds import check_prices
from stoa.kit.http.pages import decode_cursor, page_of
from stoa.kit.http.routes import MOVED, PUBLIC, Answer, Request, Routes, moved
from stoa.kit.http.types import AmountMinor, Id, Label, Page, PageQuery, Sku, Slug
from stoa.kit.money import Money
from stoa.services.catalog import brands_repository, categories_repository, lists_repository, translations_repository
from stoa.services.catalog.attribute_texts import shown_in
from stoa.services.catalog.attribute_texts_repository import attribute_texts_for
from stoa.services.catalog.bodies import Position, Tag
from stoa.services.catalog.collections_routes import find_visible
from stoa.services.catalog.errors import (
    CollectionAlone,
    NoSuchCategory,
    NoSuchCollection,
    OnlyAlone,
    SkuAlone,
    TagAlone,
)
from stoa.services.catalog.fields import PRODUCT
from stoa.services.catalog.fitting_translations import fitting, parts_of
from stoa.services.catalog.images import Image
from stoa.services.catalog.lists_repository import NAME_START, Card
from stoa.services.catalog.product import CategoryName, Product, Standing, is_id
from stoa.services.catalog.product_views import ProductView, view_of
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.show_products import acting_for, sees_hidden_of, show_product
from stoa.services.catalog.translations import AskedLocale, LocaleQuery, card_in, in_locale, product_in
from stoa.services.catalog.translations_repository import texts_for

routes: Routes[Catalog] = Routes("catalog")


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


Sort = Literal["newest", "price", "-price", "name"]


ListSort = Sort | Literal["position"]


class ProductQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which products, and in which order.

    category: slug of a category; what is in the categories inside it is found, too
    brand: a brand's name or its slug, or one that it had before
    tag: a tag, as it is written; not together with other filters
    min_price: the lowest price of a product is at least this, in minor units (pence, cents, yen)
    max_price: the lowest price of a product is at most this, in minor units (pence, cents, yen)
    collection: slug of a collection; together with prices only
    sort: `-price` has the dearest first; left out: the newest first, or as the `collection` says
    locale: one of the shop's languages, in which texts are shown and slugs are read
    status: where they stand, active if left out; any other shows an admin all such products, and a seller its own
    seller_id: only the products of this seller; with a status, for who acts for several
    sku: the product that has this SKU; for who may see it, wherever it stands; no other filter with it
    custom: what has this value in a filterable custom field; no other filter with it
    """

    category: Slug | None = None
    brand: Label | None = None
    tag: Tag | None = None
    min_price: AmountMinor | None = None
    max_price: AmountMinor | None = None
    collection: Slug | None = None
    sort: Sort | None = None
    locale: AskedLocale | None = None
    status: Standing | None = None
    seller_id: Id | None = None
    sku: Sku | None = None
    custom: CustomFilter = msgspec.field(default_factory=dict)

    @property
    def standing(self) -> Standing:
        return self.status or "active"


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
    raises=(problems.Unauthorized, problems.Forbidden, NoSuchCategory, NoSuchCollection),
    who=PUBLIC,
    summary="Products, filtered and sorted",
)
async def list_products(catalog: Catalog, request: Request[None, ProductQuery]) -> Page[CardView]:
    """`brand` is its name or its slug, or one that it had. Newest first they are found by a tag, too, or by a
    filterable custom field, `?custom.color=red`, with no other filter. By a SKU the one product is found that has it,
    a draft, too, for who may see it."""
    query = request.query
    check_prices(query.min_price, query.max_price)
    if query.sku is not None:
        cards = await _of_sku(catalog, query, query.sku, request.principal)
        return await _page(catalog, cards, query, "newest")
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
        "seller_id": query.seller_id if query.standing == "active" else _whose(request.principal, query.seller_id),
        "category": await _own_slug(catalog, query),
        "brand": query.brand and (await brands_repository.name_meant(catalog.db, query.brand) or query.brand),
        "min_price": query.min_price,
        "max_price": query.max_price,
    }
    cards = await lists_repository.cards(
        catalog.db,
        sort,
        query.standing,
        limit=query.limit + 1,
        filters={name: value for name, value in filters.items() if value is not None},
        after=decode_cursor(query.cursor, _PLACES[sort][0]),
    )
    if not cards and query.category is not None:
        await _check_category(catalog, query.category, query.locale)
    return await _page(catalog, cards, query, sort)


async def _check_category(catalog: Catalog, slug: str, locale: str | None) -> None:
    """Raises `NoSuchCategory`: one in which nothing is, and one that there is not, are two answers."""
    if await categories_repository.find_category(catalog.db, slug, locale) is None:
        raise NoSuchCategory


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
    if query.standing != "active" and _whose(principal, None) is not None:
        raise problems.Forbidden("What a collection has besides what is sold is shown to staff.")
    collection = await find_visible(catalog, slug, principal, query.locale)
    sort: ListSort = query.sort or collection.sort
    prices = {"min_price": query.min_price, "max_price": query.max_price}
    cards = await lists_repository.cards(
        catalog.db,
        sort,
        query.standing,
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
        query.standing,
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
        query.standing,
        limit=query.limit + 1,
        filters={"tag": tag},
        after=decode_cursor(query.cursor, tuple[Id]),
    )


async def _of_sku(catalog: Catalog, query: ProductQuery, sku: str, principal: Principal | None) -> list[Card]:
    others = (query.status, query.tag, query.cursor)
    if query.custom or any(each is not None for each in others) or _is_narrowed(query, principal):
        raise SkuAlone
    return await lists_repository.cards_of_sku(catalog.db, sku, sees_hidden_of(principal))


def _is_narrowed(query: ProductQuery, principal: Principal | None) -> bool:
    """By more than what keeps a list of its own, or in another order than that has."""
    others = (query.category, query.brand, query.min_price, query.max_price, query.seller_id, query.collection)
    whose = None if query.standing == "active" else _whose(principal, None)
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
    texts = await texts_for(catalog, locale, _named_in(found))
    if found.id in texts:
        texts = {**texts, found.id: fitting(parts_of(found), texts[found.id])}
    product = product_in(found, texts)
    if asked not in {product.slug, found.slug} and not is_id(asked):
        return moved(in_locale(f"/products/{product.slug}", locale))
    if product.attributes and locale is not None:
        said = await attribute_texts_for(catalog, locale, [one.name for one in product.attributes])
        product = replace(product, attributes=[shown_in(one, said) for one in product.attributes])
    return await view_of(catalog, product, request.principal)


def _named_in(shown: Product | Card) -> Iterator[str]:
    """Whose texts are shown with it."""
    yield shown.id
    if shown.category is not None:
        yield shown.category.id
    if isinstance(shown, Product) and shown.product_type is not None:
        yield shown.product_type.id


def _card_view(card: Card) -> CardView:
    return CardView(*card[:-1])
