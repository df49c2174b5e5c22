"""Who sees which product."""

from __future__ import annotations

from collections.abc import Collection

from stoa.kit.context import Principal
from stoa.services.catalog import repository
from stoa.services.catalog.errors import NoSuchProduct, NotYourSeller, WhichSeller
from stoa.services.catalog.product import Product, is_id
from stoa.services.catalog.service import Catalog


def may_change(product: Product, principal: Principal | None) -> bool:
    """Who may edit all every product, a seller his own."""
    if principal is None:
        return False
    if principal.may("catalog.products.edit"):
        return True
    return principal.may("catalog.products.edit_own") and product.seller_id in principal.sellers


def acting_for(by: Principal, seller_id: str | None) -> str:
    """The seller that is named, or the only one. Raises `NotYourSeller`, or `WhichSeller` where there are several."""
    if seller_id is None:
        if len(by.sellers) > 1:
            raise WhichSeller
        seller_id = next(iter(by.sellers), "")
    if seller_id.lower() not in by.sellers:
        raise NotYourSeller
    return seller_id.lower()


def sees_hidden_of(principal: Principal | None) -> Collection[str] | None:
    """Whose products somebody is shown wherever they stand: sellers; None for everybody's."""
    if principal is None:
        return ()
    if principal.may("catalog.products.edit") or principal.may("catalog.products.withhold"):
        return None
    return principal.sellers if principal.may("catalog.products.edit_own") else ()


def _may_see(product: Product, principal: Principal | None) -> bool:
    if product.standing == "active" or may_change(product, principal):
        return True
    return principal is not None and principal.may("catalog.products.withhold")


async def show_product(
    catalog: Catalog, id_or_slug: str, principal: Principal | None, locale: str | None = None
) -> Product:
    """What is active is everybody's to see, else theirs who may change or withhold it; by the slug that it has in a
    language, too. Raises `NoSuchProduct`."""
    if is_id(id_or_slug):
        product = await repository.product_by_id(catalog.db, id_or_slug)
    else:
        product = await repository.product_by_slug(catalog.db, id_or_slug, locale)
    if product is None or not _may_see(product, principal):
        raise NoSuchProduct
    return product
