"""At login: what the guest had gathered goes into the user's cart."""

from __future__ import annotations

from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.cart import access, lines
from stoa.services.cart.document import NOTHING_ON_IT, Cart
from stoa.services.cart.errors import NoSuchCart
from stoa.services.cart.said import within_limit
from stoa.services.cart.store import CartStore, Change


async def merge(store: CartStore, caller: str, guest_cart_id: str, if_match: IfMatch = ANYTHING) -> Cart:
    """The caller's cart with the guest's lines added; the guest's is empty then, so a repeat changes nothing.
    What the guest said of a line is newer than what the caller had.

    Where the guest's is being ordered just now, what is bought leaves the caller's when it is.

    `NoSuchCart` where it is not a guest's, `CartFull` where both do not go into one, `VersionMismatch` where the
    caller's is not as he has seen it: then neither changed.
    """

    def rule(mine: Cart, guests: Cart | None) -> Change:
        if guests is None or guests.user_id is not None:
            raise NoSuchCart(field="cart_id")
        access.check(mine, caller)
        if_match.check(mine.version)
        said = {line.sku: line.said for line in guests.lines if line.said != NOTHING_ON_IT}
        together = lines.merge(mine.quantities, guests.quantities)
        return Change(together, said=within_limit(mine, together, said))

    return await store.merge(caller, guest_cart_id, rule)
