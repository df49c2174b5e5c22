"""What operators ask of checkout: proto/stoa/checkout/v1 says what it means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from stoa.contracts.checkout.v1.checkout_pb2 import (
    GetCheckoutRequest,
    GetCheckoutResponse,
    ImportZonesRequest,
    ImportZonesResponse,
)
from stoa.contracts.checkout.v1.checkout_pb2_grpc import CheckoutServiceServicer
from stoa.kit.http.decoding import converted
from stoa.services.checkout import repository
from stoa.services.checkout.edit_zones import import_zones
from stoa.services.checkout.errors import NoSuchCheckout
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.zones import ShippingZoneBody, TaxZoneBody


class _Zones(msgspec.Struct):
    tax_zones: list[TaxZoneBody]
    shipping_zones: list[ShippingZoneBody]


class CheckoutServicer(CheckoutServiceServicer):
    def __init__(self, checkouts: Checkouts) -> None:
        self._checkouts = checkouts

    async def GetCheckout(self, request: GetCheckoutRequest, context: Any) -> GetCheckoutResponse:
        try:
            checkout_id = str(UUID(request.checkout_id))
        except ValueError:
            raise NoSuchCheckout from None
        row = await repository.by_id(self._checkouts.db, checkout_id)
        if row is None:
            raise NoSuchCheckout
        return GetCheckoutResponse(checkout_id=row.id, state=row.state, step=row.step, order_id=row.purchase.order_id)

    async def ImportZones(self, request: ImportZonesRequest, context: Any) -> ImportZonesResponse:
        said = {
            "tax_zones": [msgspec.json.decode(one) for one in request.tax_zones_json],
            "shipping_zones": [msgspec.json.decode(one) for one in request.shipping_zones_json],
        }
        zones = converted(said, _Zones)
        db = self._checkouts.db
        added = await import_zones(db, zones.tax_zones) + await import_zones(db, zones.shipping_zones)
        return ImportZonesResponse(added=added)
