"""Who sees which product."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.services.catalog import repository
from stoa.services.catalog.errors import NoSuchProduct
from stoa.services.catalog.product import Product, is_id
from stoa.services.catalog.service import Catalog


def may_change(product: Product, principal: Principal | None) -> bool:
    """An admin every product, a seller his own."""
    if principal is None:
        return False
    return principal.has("admin") or (principal.has("seller") and product.seller_id == principal.user_id)


async def show_product(catalog: Catalog, id_or_slug: str, principal: Principal | None) -> Product:
    """An active product is everybody's to see, any other only theirs who may change it. Raises `NoSuchProduct`."""
    if is_id(id_or_slug):
        product = await repository.product_by_id(catalog.db, id_or_slug)
    else:
        product = await repository.product_by_slug(catalog.db, id_or_slug)
    if product is None or not (product.standing == "active" or may_change(product, principal)):
        raise NoSuchProduct
    return product
