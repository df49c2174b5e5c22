"""The acts of a shopper on one cart. Each is one transaction under the cart's row lock.

What is for sale and what can be had is asked before the transaction: it is advice to the shopper, the
promise is made by inventory's reservation at the checkout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from stoa.kit import ids
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import access, lines, repository
from stoa.services.cart.lines import Lines
from stoa.services.cart.product_snapshot import ProductSnapshot, look_up
from stoa.services.cart.repository import NOTHING_SAID, Cart, Contact
from stoa.services.cart.service import Carts


async def open_cart(
    carts: Carts, caller: str | None, wanted: Lines | None = None, contact: Contact = NOTHING_SAID
) -> tuple[Cart, ProductSnapshot]:
    """A new guest cart, or the one of a signed-in `caller`, with `wanted` in it: exactly so much of each SKU, and what
    else was in it stays. What is said of the buyer is kept until the cart is bought.
    """
    wanted = wanted or {}
    snapshot = await _checked(carts, wanted)
    cart_id = caller or ids.uuid7()
    async with carts.db.transaction() as tx:
        await repository.add_cart(tx, cart_id, user_id=caller)
        cart = await access.find_locked(tx, cart_id, caller)
        saved = await save(tx, cart, lines.within_limit({**quantities(cart), **wanted}))
        if contact != NOTHING_SAID:
            await repository.note_contact(tx, cart_id, contact)
        elif not saved:
            return cart, snapshot
        changed = await repository.read_cart(tx, cart_id)
        assert changed is not None
        return changed, snapshot


async def add_item(
    carts: Carts, cart_id: str, caller: str | None, sku: str, quantity: int, *, if_match: IfMatch = ANYTHING
) -> tuple[Cart, ProductSnapshot]:
    """`quantity` more of `sku`: a repeat adds again. Answers also with what was learned about the SKU."""
    snapshot = await look_up(carts, [sku])
    available, most = snapshot.to_sell(sku), snapshot.most_of(sku)
    cart = await _change(
        carts, cart_id, caller, if_match, lambda before: lines.add(before, sku, quantity, available, most)
    )
    return cart, snapshot


async def set_item(
    carts: Carts, cart_id: str, caller: str | None, sku: str, quantity: int, *, if_match: IfMatch = ANYTHING
) -> tuple[Cart, ProductSnapshot]:
    """Exactly `quantity` of `sku`, whether or not it was there: a repeat changes nothing."""
    snapshot = await look_up(carts, [sku])
    available, most = snapshot.to_sell(sku), snapshot.most_of(sku)
    cart = await _change(
        carts, cart_id, caller, if_match, lambda before: lines.put(before, sku, quantity, available, most)
    )
    return cart, snapshot


async def replace_items(
    carts: Carts, cart_id: str, caller: str | None, wanted: Mapping[str, int], *, if_match: IfMatch = ANYTHING
) -> tuple[Cart, ProductSnapshot]:
    """Exactly the lines `wanted` and no others: a repeat changes nothing."""
    snapshot = await _checked(carts, wanted)
    cart = await _change(carts, cart_id, caller, if_match, lambda _: lines.within_limit(wanted))
    return cart, snapshot


async def remove_item(
    carts: Carts, cart_id: str, caller: str | None, sku: str, *, if_match: IfMatch = ANYTHING
) -> Cart:
    """Without `sku`, which need not be there."""
    return await _change(carts, cart_id, caller, if_match, lambda before: lines.remove(before, sku))


async def empty(carts: Carts, cart_id: str, caller: str | None, *, if_match: IfMatch = ANYTHING) -> Cart:
    """Without any line; the cart itself stays."""
    return await _change(carts, cart_id, caller, if_match, lambda _: {})


async def _change(
    carts: Carts, cart_id: str, caller: str | None, if_match: IfMatch, rule: Callable[[Lines], Lines]
) -> Cart:
    async with carts.db.transaction() as tx:
        cart = await access.find_locked(tx, cart_id, caller, if_match)
        if not await save(tx, cart, rule(quantities(cart))):
            return cart
        changed = await repository.read_cart(tx, cart_id)
        assert changed is not None
        return changed


async def _checked(carts: Carts, wanted: Lines) -> ProductSnapshot:
    """What was learned about what is `wanted`, which can be had."""
    snapshot = await look_up(carts, wanted)
    for sku, quantity in wanted.items():
        lines.check_line(sku, quantity, snapshot.to_sell(sku), snapshot.most_of(sku))
    return snapshot


def quantities(cart: Cart) -> Lines:
    return {line.sku: line.quantity for line in cart.lines}


async def save(tx: Transaction, cart: Cart, after: Lines) -> bool:
    """Write what differs from the locked `cart`. Where nothing does, its version stays: False."""
    before = quantities(cart)
    put = [(sku, quantity) for sku, quantity in after.items() if before.get(sku) != quantity]
    removed = [sku for sku in before if sku not in after]
    if not put and not removed:
        return False
    await repository.write_lines(tx, cart.id, put=put, removed=removed)
    return True
