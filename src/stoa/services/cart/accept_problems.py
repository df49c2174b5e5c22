"""A shopper takes the cart as it is now: at today's prices, with as many as can be had."""

from __future__ import annotations

from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import access
from stoa.services.cart.change import change_by
from stoa.services.cart.document import Cart
from stoa.services.cart.line_problems import Type, problems_of
from stoa.services.cart.product_snapshot import ProductSnapshot, look_up
from stoa.services.cart.service import Carts
from stoa.services.cart.show import market_of
from stoa.services.cart.store import Change


async def accept_problems(
    carts: Carts, cart_id: str, caller: str | None, *, groups: tuple[str, ...] = (), if_match: IfMatch = ANYTHING
) -> Cart:
    """Of what can be had in part, that part stays; what is sold out is saved for later; what is no longer for sale is
    out of the cart; and the prices of now have been seen. A repeat changes nothing.

    A line that somebody changes meanwhile stays as it is then, with its problem if it has one.
    """
    seen = (await carts.store.read_many([cart_id])).get(cart_id)
    if seen is None:
        return await change_by(carts, cart_id, caller, if_match, lambda cart: Change(cart.quantities))
    access.check(seen, caller)
    snapshot = await look_up(carts, seen.quantities, market_of(seen, groups))

    def rule(cart: Cart) -> Change:
        return _accepted(cart, seen, snapshot, carts.settings.currency)

    return await change_by(carts, cart_id, caller, if_match, rule)


def _accepted(cart: Cart, known: Cart, snapshot: ProductSnapshot, currency: str) -> Change:
    to_buy, saved, prices = dict(cart.quantities), dict(cart.saved_quantities), {}
    for line in cart.lines:
        if known.quantities.get(line.sku) != line.quantity:
            continue
        price = snapshot.price_of(line.sku, currency)
        for problem in problems_of(line, price, snapshot.available(line.sku)):
            match problem.type:
                case Type.NOT_FOR_SALE:
                    del to_buy[line.sku]
                case Type.OUT_OF_STOCK:
                    saved[line.sku] = to_buy.pop(line.sku)
                case Type.QUANTITY_REDUCED if problem.available:
                    to_buy[line.sku] = problem.available
        if price is not None:
            prices[line.sku] = price
    return Change(to_buy, seen=prices, saved=saved)
