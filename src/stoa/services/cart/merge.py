"""At login: what the guest had gathered goes into the user's cart, by one of four strategies, and nothing is lost."""

from __future__ import annotations

from enum import StrEnum

from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import access, lines
from stoa.services.cart.document import NOTHING_ON_IT, Cart
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.lines import Lines
from stoa.services.cart.said import within_limit
from stoa.services.cart.store import CartStore, Change


class Strategy(StrEnum):
    ADD = "add"
    """Both, and quantities of the same SKU add up."""
    LARGER = "larger"
    """Both, and of the same SKU the larger quantity: for who put the same in twice, here and there."""
    GUEST = "guest"
    """What the guest had; what only the user's cart had is saved for later."""
    MINE = "mine"
    """What the user's cart had, if anything; what only the guest's had is saved for later."""


async def merge(
    store: CartStore,
    caller: str,
    guest_cart_id: str,
    if_match: IfMatch = ANYTHING,
    strategy: Strategy = Strategy.ADD,
) -> Cart:
    """The caller's cart with the guest's lines; the guest's is empty then, so a repeat changes nothing. What the guest
    said of a line, and has seen it cost, is newer than what the caller had, but for what stays by `MINE`. What was
    saved for later is that of both.

    What is available is not asked: signing in must not fail because something was sold meanwhile. Where the guest's
    is being ordered just now, what is bought leaves the caller's when it is.

    `NoSuchCart` where it is not a guest's, `CartFull` where both do not go into one, `VersionMismatch` where the
    caller's is not as he has seen it: then neither changed.
    """

    def rule(mine: Cart, guests: Cart | None) -> Change:
        if guests is None or guests.user_id is not None:
            raise NoSuchCart(field="cart_id")
        access.check(mine, caller)
        if_match.check(mine.version)
        to_buy, left = _merged(strategy, mine.quantities, guests.quantities)
        saved = lines.larger_of(lines.larger_of(mine.saved_quantities, guests.saved_quantities), left)
        saved = {sku: quantity for sku, quantity in saved.items() if sku not in to_buy}
        kept = mine.quantities if strategy is Strategy.MINE else {}
        newer = [line for line in guests.by_sku.values() if line.sku not in kept]
        said = {line.sku: line.said for line in newer if line.said != NOTHING_ON_IT}
        seen = {line.sku: line.seen for line in newer if line.seen is not None}
        together = lines.within_limit({**to_buy, **saved})
        return Change(to_buy, said=within_limit(mine, together, said), seen=seen, saved=saved)

    return await store.merge(caller, guest_cart_id, rule)


def _merged(strategy: Strategy, mine: Lines, guests: Lines) -> tuple[Lines, Lines]:
    """What is to be bought, and what of the other cart is left over."""
    match strategy:
        case Strategy.ADD:
            return lines.added_up(mine, guests), {}
        case Strategy.LARGER:
            return lines.larger_of(mine, guests), {}
        case Strategy.GUEST:
            return (guests, mine) if guests else (mine, {})
        case Strategy.MINE:
            return (mine, guests) if mine else (guests, {})
