"""Whom the steps call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stoa.contracts.campaign.v1.campaign_pb2_grpc import CampaignServiceAsyncStub
    from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceAsyncStub
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub
    from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceAsyncStub
    from stoa.contracts.payment.v1.payment_pb2_grpc import PaymentServiceAsyncStub
    from stoa.services.checkout.zones_in_force import ZonesInForce


@dataclass(frozen=True)
class Neighbors:
    """The stubs, how long one call may take, and the shop's rules about money."""

    cart: CartServiceAsyncStub
    catalog: CatalogServiceAsyncStub
    campaign: CampaignServiceAsyncStub
    inventory: InventoryServiceAsyncStub
    payment: PaymentServiceAsyncStub
    order: OrderServiceAsyncStub
    timeout_seconds: float
    rules: ZonesInForce
