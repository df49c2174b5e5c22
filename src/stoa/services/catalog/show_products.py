"""Who sees which product."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.services.catalog import repository
from stoa.services.catalog.errors import NoSuchProduct
from stoa.services.catalog.product import Product, is_id
from stoa.services.catalog.service import Catalog


def may_change(product: Product, principal: Principal) -> bool:
    """An admin every product, a seller his own."""
    return principal.has("admin") or (principal.has("seller") and product.seller_id == principal.user_id)


async def show_product(catalog: Catalog, id_or_slug: str) -> Product:
    """What everybody sees, the same for all: an active product. Raises `NoSuchProduct`."""
    product = await _find(catalog, id_or_slug)
    if product is None or product.status != "active":
        raise NoSuchProduct
    return product


async def show_own_product(catalog: Catalog, id_or_slug: str, principal: Principal) -> Product:
    """What they see who may change it, whatever its status. Raises `NoSuchProduct`."""
    product = await _find(catalog, id_or_slug)
    if product is None or not may_change(product, principal):
        raise NoSuchProduct
    return product


async def _find(catalog: Catalog, id_or_slug: str) -> Product | None:
    if is_id(id_or_slug):
        return await repository.product_by_id(catalog.db, id_or_slug)
    return await repository.product_by_slug(catalog.db, id_or_slug)
