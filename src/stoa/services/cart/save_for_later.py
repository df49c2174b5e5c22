"""A shopper sets a line aside, and takes it up again: it stays in the cart's sight, and is not bought."""

from __future__ import annotations

from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import lines
from stoa.services.cart.change import change_by
from stoa.services.cart.document import Cart, Line
from stoa.services.cart.errors import NoSuchLine
from stoa.services.cart.product_snapshot import Market, ProductSnapshot, look_up
from stoa.services.cart.service import Carts
from stoa.services.cart.store import Change


async def save_for_later(
    carts: Carts, cart_id: str, caller: str | None, sku: str, *, if_match: IfMatch = ANYTHING
) -> Cart:
    """With the line of `sku` set aside, as many as there were and with what was said of it. A repeat changes nothing.
    `NoSuchLine` where the cart has none."""

    def rule(cart: Cart) -> Change:
        line = _line_of(cart, sku)
        saved = {**cart.saved_quantities, sku: line.quantity}
        return Change(lines.remove(cart.quantities, sku), saved=saved)

    return await change_by(carts, cart_id, caller, if_match, rule)


async def move_to_cart(
    carts: Carts,
    cart_id: str,
    caller: str | None,
    sku: str,
    *,
    groups: tuple[str, ...] = (),
    if_match: IfMatch = ANYTHING,
) -> tuple[Cart, ProductSnapshot]:
    """With what was set aside of `sku` to be bought again, and what was learned about it. A repeat changes nothing.

    `NoSuchLine` where the cart has none, and what putting it in anew would raise: then it stays set aside.
    """
    snapshot = await look_up(carts, {sku: 1}, Market(groups=groups))

    def rule(cart: Cart) -> Change:
        line = _line_of(cart, sku)
        if sku in cart.quantities:
            return Change(cart.quantities)
        available, most = snapshot.to_sell(sku), snapshot.most_of(sku)
        together = lines.put(cart.quantities, sku, line.quantity, available, most)
        return Change(together, seen=snapshot.prices_of({sku: line.quantity}))

    return await change_by(carts, cart_id, caller, if_match, rule), snapshot


async def forget_saved(
    carts: Carts, cart_id: str, caller: str | None, sku: str, *, if_match: IfMatch = ANYTHING
) -> Cart:
    """Without what was set aside of `sku`, which need not be there."""

    def rule(cart: Cart) -> Change:
        return Change(cart.quantities, saved=lines.remove(cart.saved_quantities, sku))

    return await change_by(carts, cart_id, caller, if_match, rule)


def _line_of(cart: Cart, sku: str) -> Line:
    if (line := cart.by_sku.get(sku)) is None:
        raise NoSuchLine(sku)
    return line
