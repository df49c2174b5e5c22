"""A cart is priced for whoever buys it: in the shop's currency, for where it goes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stoa.contracts.cart.v1.cart_pb2 import CartLine, CartOutcome, GetCartResponse, GetManyResponse
from stoa.contracts.catalog.v1.catalog_pb2 import GetVariantsManyResponse, GetVariantsResponse, Variant
from stoa.contracts.common.v1.common_pb2 import Address as AddressMessage
from stoa.contracts.common.v1.common_pb2 import Money
from stoa.kit.http.types import Address
from stoa.services.checkout import price_rules
from stoa.services.checkout.errors import OtherCurrency
from stoa.services.checkout.pricing import PriceRules
from stoa.services.checkout.read_cart import CartAsked, read_cart
from stoa.services.checkout.settings import Settings

TO_ROME = Address(name="Ada", line1="1 Via", city="Rome", country="IT")


class House:
    """A cart with two mugs and a spoon, and a catalog that remembers what it was asked."""

    def __init__(self, shipped_to: str = "") -> None:
        self.asked: list[Any] = []
        self.price = Money(amount_minor=100, currency="GBP")
        self._shipped_to = shipped_to

    async def GetMany(self, request: Any, timeout: float) -> Any:  # noqa: N802, ARG002 - of the stub
        lines = [CartLine(sku="MUG", quantity=2), CartLine(sku="SPOON", quantity=1)]
        cart = GetCartResponse(cart_id="c", lines=lines)
        if self._shipped_to:
            cart.shipping_address.CopyFrom(AddressMessage(name="A", line1="1", city="C", country=self._shipped_to))
        return GetManyResponse(outcomes=[CartOutcome(cart=cart) for _ in request.requests])

    async def GetVariantsMany(self, request: Any, timeout: float) -> Any:  # noqa: N802, ARG002 - of the stub
        self.asked.extend(request.requests)
        return GetVariantsManyResponse(
            answers=[
                GetVariantsResponse(variants=[Variant(sku=sku, price=self.price) for sku in one.skus])
                for one in request.requests
            ]
        )


def neighbors(house: House) -> Any:
    rules = price_rules(Settings())

    async def now() -> PriceRules:
        return rules

    in_force = SimpleNamespace(currency=rules.currency, now=now)
    return SimpleNamespace(timeout_seconds=1, cart=house, catalog=house, rules=in_force)


@pytest.mark.parametrize(
    ("address", "carts", "country"), [(None, "", ""), (None, "FR", "FR"), (TO_ROME, "", "IT"), (TO_ROME, "FR", "IT")]
)
async def test_prices_are_asked_for_where_the_goods_go(address, carts, country):
    house = House(carts)
    await read_cart(neighbors(house), CartAsked("ada", None, address))
    (asked,) = house.asked
    assert (list(asked.skus), asked.context.currency, asked.context.country) == (["MUG", "SPOON"], "GBP", country)
    assert dict(asked.context.quantities) == {"MUG": 2, "SPOON": 1}


@pytest.mark.parametrize("price", [None, Money(amount_minor=1, currency="EUR")], ids=["none", "euro"])
async def test_what_has_no_price_there_is_not_bought(price):
    house = House()
    house.price = price
    with pytest.raises(OtherCurrency):
        await read_cart(neighbors(house), CartAsked("ada", None))
