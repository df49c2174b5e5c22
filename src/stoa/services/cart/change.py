"""The acts of a shopper on one cart. Each is one step of the store, by a rule.

What is for sale and what can be had is asked before that: it is advice to the shopper, the promise is made by
inventory's reservation at the checkout. `groups` are the customer groups of the caller, for whom there may be prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stoa.kit import ids, problems
from stoa.kit.custom_fields.values import Known
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import access, lines
from stoa.services.cart.document import NOTHING_SAID, Cart, Contact
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.lines import Lines
from stoa.services.cart.product_snapshot import Market, ProductSnapshot, look_up
from stoa.services.cart.said import BySku, after, known_for, within_limit
from stoa.services.cart.service import Carts
from stoa.services.cart.store import Change, Rule

NOTHING_SENT: BySku = {}


async def open_cart(
    carts: Carts,
    caller: str | None,
    wanted: Lines | None = None,
    contact: Contact = NOTHING_SAID,
    sent: BySku = NOTHING_SENT,
    *,
    groups: tuple[str, ...] = (),
) -> tuple[Cart, ProductSnapshot]:
    """A new guest cart, or the one of a signed-in `caller`, with `wanted` in it: exactly so much of each SKU, and what
    else was in it stays. What is said of the buyer is kept until the cart is bought.
    """
    wanted = wanted or {}
    known, snapshot = await known_for(carts, sent), await _checked(carts, wanted, sent, groups)
    cart_id = caller or ids.uuid7()

    def rule(cart: Cart) -> Change:
        access.check(cart, caller)
        change = Change({**cart.quantities, **wanted}, contact, seen=snapshot.prices_of(wanted))
        return _within_limits(cart, change, known, sent)

    return await carts.store.open(cart_id, caller, rule), snapshot


async def add_item(
    carts: Carts,
    cart_id: str,
    caller: str | None,
    sku: str,
    quantity: int,
    *,
    sent: BySku = NOTHING_SENT,
    groups: tuple[str, ...] = (),
    if_match: IfMatch = ANYTHING,
    key: str | None = None,
) -> tuple[Cart, ProductSnapshot]:
    """`quantity` more of `sku`: a repeat adds again, unless it has the same key. Answers also with what was learned
    about the SKU."""
    snapshot = await look_up(carts, {sku: quantity}, Market(groups=groups))
    available, most = snapshot.to_sell(sku), snapshot.most_of(sku)

    def adding(cart: Cart) -> Change:
        together = lines.add(cart.quantities, sku, quantity, available, most)
        return Change(together, seen=snapshot.prices_of({sku: together[sku]}))

    cart = await change_by(
        carts,
        cart_id,
        caller,
        if_match,
        adding,
        sent,
        key and f"{caller or 'guest'} adds {sku} by {key}",
    )
    return cart, snapshot


async def set_item(
    carts: Carts,
    cart_id: str,
    caller: str | None,
    sku: str,
    quantity: int,
    *,
    sent: BySku = NOTHING_SENT,
    groups: tuple[str, ...] = (),
    if_match: IfMatch = ANYTHING,
) -> tuple[Cart, ProductSnapshot]:
    """Exactly `quantity` of `sku`, whether or not it was there: a repeat changes nothing."""
    snapshot = await look_up(carts, {sku: quantity}, Market(groups=groups))
    available, most, seen = snapshot.to_sell(sku), snapshot.most_of(sku), snapshot.prices_of({sku: quantity})

    def setting(cart: Cart) -> Change:
        return Change(lines.put(cart.quantities, sku, quantity, available, most), seen=seen)

    return await change_by(carts, cart_id, caller, if_match, setting, sent), snapshot


async def replace_items(
    carts: Carts,
    cart_id: str,
    caller: str | None,
    wanted: Mapping[str, int],
    *,
    sent: BySku = NOTHING_SENT,
    groups: tuple[str, ...] = (),
    if_match: IfMatch = ANYTHING,
) -> tuple[Cart, ProductSnapshot]:
    """Exactly the lines `wanted` and no others: a repeat changes nothing."""
    snapshot = await _checked(carts, wanted, sent, groups)
    seen = snapshot.prices_of(wanted)
    return await change_by(carts, cart_id, caller, if_match, lambda _: Change(wanted, seen=seen), sent), snapshot


async def remove_item(
    carts: Carts, cart_id: str, caller: str | None, sku: str, *, if_match: IfMatch = ANYTHING
) -> Cart:
    """Without `sku`, which need not be there."""
    return await change_by(carts, cart_id, caller, if_match, lambda cart: Change(lines.remove(cart.quantities, sku)))


async def empty(carts: Carts, cart_id: str, caller: str | None, *, if_match: IfMatch = ANYTHING) -> Cart:
    """Without any line that is to be bought; the cart itself stays, and what is saved for later."""
    return await change_by(carts, cart_id, caller, if_match, lambda _: Change({}))


async def say_contact(
    carts: Carts, cart_id: str, caller: str | None, contact: Contact, *, if_match: IfMatch = ANYTHING
) -> Cart:
    """With what is said of the buyer; what is not said stays as it was."""
    return await change_by(carts, cart_id, caller, if_match, lambda cart: Change(cart.quantities, contact))


async def change_by(  # noqa: PLR0917 - who, what and under which conditions
    carts: Carts,
    cart_id: str,
    caller: str | None,
    if_match: IfMatch,
    rule: Rule,
    sent: BySku = NOTHING_SENT,
    key: str | None = None,
) -> Cart:
    """By the rule, if it is the caller's to change and as the caller has seen it. A user's own is made first."""
    known = await known_for(carts, sent)

    def checked(cart: Cart) -> Change:
        access.check(cart, caller)
        if_match.check(cart.version)
        return _within_limits(cart, rule(cart), known, sent)

    changed = await carts.store.change(cart_id, checked, key)
    if changed is not None:
        access.check(changed, caller)
        return changed
    if cart_id != caller:
        raise NoSuchCart
    return await carts.store.open(cart_id, caller, checked, key)


def _within_limits(cart: Cart, change: Change, known: Known, sent: BySku) -> Change:
    """The change with what was `sent` of lines, if the cart can hold what it has then. Raises `CartFull`."""
    together = lines.within_limit({**change.lines, **change.saved_of(cart)})
    return replace(change, said=within_limit(cart, together, after(known, cart, sent)))


async def _checked(carts: Carts, wanted: Lines, sent: BySku, groups: tuple[str, ...]) -> ProductSnapshot:
    """What was learned about what is `wanted`, which can be had. Of one that cannot the field is that of its line."""
    snapshot = await look_up(carts, wanted, Market(groups=groups))
    for sku, quantity in wanted.items():
        try:
            lines.check_line(sku, quantity, snapshot.to_sell(sku), snapshot.most_of(sku))
        except problems.Problem as problem:
            place = sent[sku].place if sku in sent else ""
            problem.field = f"{place}{problem.field}"
            raise
    return snapshot
