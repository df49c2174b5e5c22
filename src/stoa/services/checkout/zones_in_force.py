"""The zones as they are now, in memory: read again when the counter of their changes has moved.

The counter is read with each wave of carts, so that every process prices by what staff saved before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from stoa.kit.db import Database
from stoa.services.checkout import zones_repository as repository
from stoa.services.checkout.errors import UnknownShippingMethod
from stoa.services.checkout.places import Places
from stoa.services.checkout.pricing import PriceRules
from stoa.services.checkout.shipping import ZoneMethods
from stoa.services.checkout.tax import ZoneTaxes
from stoa.services.checkout.zones import ShippingZone, TaxZone


@dataclass
class ZonesInForce:
    """The rules of the shop: `otherwise` where it has no zone of a kind, or another stands behind that port."""

    db: Database
    otherwise: PriceRules
    own_taxes: bool = True
    own_shipping: bool = True
    _rules: PriceRules | None = field(default=None, init=False)
    _revision: int = field(default=-1, init=False)

    @property
    def currency(self) -> str:
        return self.otherwise.currency

    async def check(self, shipping_method: str) -> None:
        """Raises `UnknownShippingMethod`, before anything is claimed or read for it. Only who names a method that was
        not there yet waits for a statement."""
        try:
            if self._rules is not None:
                self._rules.check(shipping_method)
                return
        except UnknownShippingMethod:
            pass
        (await self.now()).check(shipping_method)

    async def now(self) -> PriceRules:
        if not (self.own_taxes or self.own_shipping):
            return self.otherwise
        revision = await repository.revision(self.db)
        if self._rules is None or revision != self._revision:
            # What is changed meanwhile is in them, or moves the counter once more.
            self._rules = await self._read()
            self._revision = revision
        return self._rules

    async def _read(self) -> PriceRules:
        zones = await repository.all_zones(self.db)
        rules = self.otherwise
        taxes = [zone for zone in zones if isinstance(zone, TaxZone)]
        if taxes and self.own_taxes:
            rules = replace(rules, taxes=ZoneTaxes(Places(taxes)))
        shipping = [zone for zone in zones if isinstance(zone, ShippingZone)]
        if shipping and self.own_shipping:
            rules = replace(rules, methods=ZoneMethods(shipping))
        return rules
