"""What a running shop has before somebody buys: goods with stock, and an administrator."""

from __future__ import annotations

from journeys.client import Shopper

from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.inventory.v1 import inventory_pb2
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.testing import Shop


async def stock_up(shop: Shop, sku: str, *, price: int, on_hand: int) -> None:
    """A product of one SKU, at so many pence."""
    variant = catalog_pb2.ImportProductsRequest.NewVariant(
        sku=sku, price=common_pb2.Money(amount_minor=price, currency="GBP")
    )
    product = catalog_pb2.ImportProductsRequest.NewProduct(
        slug=sku.lower(), name=sku, category="things", category_name="Things", variants=[variant]
    )
    await shop.stub(CatalogServiceStub).ImportProducts(catalog_pb2.ImportProductsRequest(products=[product]))
    lines = [common_pb2.Line(sku=sku, quantity=on_hand)]
    await shop.stub(InventoryServiceStub).ImportStock(inventory_pb2.ImportStockRequest(lines=lines))


def visitor_of(shop: Shop) -> Shopper:
    """Somebody who is not signed in."""
    return Shopper(shop.http, f"http://127.0.0.1:{shop.process.port}")


async def admin_of(shop: Shop) -> Shopper:
    """A new administrator, signed in."""
    new = auth_pb2.ImportUsersRequest.NewUser(
        email="admin@stoa.example", first_name="A", last_name="B", roles=["admin"]
    )
    auth = shop.stub(AuthServiceStub)
    await auth.ImportUsers(auth_pb2.ImportUsersRequest(users=[new]))
    session = await auth.OpenSession(auth_pb2.OpenSessionRequest(email=new.email, reason="test"))
    visitor = visitor_of(shop)
    return Shopper(visitor.session, visitor.base_url, session.access_token)
