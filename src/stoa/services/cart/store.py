"""Where carts are kept: what the acts ask of it, whatever it is made of.

A store changes a cart by a rule, which is pure and may be tried again: a store that locks runs it once, one that
compares versions as often as somebody else was faster. What has been done once is known from the cart itself (a
round is over, a guest's cart was merged, a key is among the last), so that a store needs no transaction with
anything else. `tests/cart/test_store.py` says what each must keep.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.money import Money
from stoa.services.cart.document import NOTHING_SAID, Cart, Contact, Said
from stoa.services.cart.lines import Lines

KEYS_KEPT = 16
"""Under how many keys a cart was changed last: a repeat comes within seconds, behind a few other changes."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a cart has then: exactly these lines, and saved for later exactly what is in `saved`, or what was there
    before where that is None; never what is among the lines. What is not said of the buyer, or of a line, stays as it
    was, and so does what he has seen a line cost.
    """

    lines: Lines
    contact: Contact = NOTHING_SAID
    said: Mapping[str, Said] = field(default_factory=dict)
    seen: Mapping[str, Money] = field(default_factory=dict)
    saved: Lines | None = None

    def saved_of(self, cart: Cart) -> Lines:
        """What `cart` has saved for later then."""
        saved = cart.saved_quantities if self.saved is None else self.saved
        return {sku: quantity for sku, quantity in saved.items() if sku not in self.lines}


class Bought(msgspec.Struct, frozen=True):
    """What was bought in one round of a cart."""

    cart_id: str
    round: int
    lines: Lines


Rule = Callable[[Cart], Change]
"""From the cart as it is. Raises what is refused: then nothing changes, and no cart is made."""

MergeRule = Callable[[Cart, Cart | None], Change]
"""From the user's cart and the guest's, if there is one, to what the user's has then. Raises what is refused."""


Tell = Callable[[Transaction, Sequence[Cart]], Awaitable[None]]
"""Announces something of carts, in a transaction of the service's database: where the store lies there, in that which
changes them."""


class CartStore(Protocol):
    async def read_many(self, cart_ids: Collection[str]) -> Mapping[str, Cart]:
        """Those of them that are there, by id: each is all of one moment, its lines with the marks of now."""

    async def open(self, cart_id: str, user_id: str | None, rule: Rule, key: str | None = None) -> Cart:
        """The same as `change`, of a cart that is made where it is not there: of the user, or of a guest."""

    async def change(self, cart_id: str, rule: Rule, key: str | None = None) -> Cart | None:
        """The cart as the rule has it, with a version more; as it is where nothing differs; None where there is none.

        Nobody else changes it in between. Under a `key` that is among its last it stays as it is.
        """

    async def merge(self, user_id: str, guest_cart_id: str, rule: MergeRule) -> Cart:
        """The user's cart, made where it is not there, with what the rule says; the guest's is empty then and knows
        where it went. Where the guest's has no lines, both stay as they are. Both change or neither.
        """

    async def end_rounds(self, bought: Sequence[Bought]) -> Sequence[Exception | None]:
        """End each round and take out what was bought in it; what was put in meanwhile stays. What became of each, in
        their order: None where it is done, as it is where that was before.

        A round ends once, so a repeat changes nothing, whatever was put in since. A cart that is gone has
        nothing left to take out. What a guest's cart no longer has, because it was merged while it was being
        bought, leaves the cart that it went to. What was said of the buyer is forgotten. A cart that takes long does
        not hold up the others: it is `UnderWay` (`stoa.kit.many`).
        """

    async def mark(self, tx: Transaction, sku: str, version: int, *, sold_out: bool) -> None:
        """Remember what inventory told of a SKU, unless something newer is known: the lines of all carts are marked.

        `tx` is the event's: a store in the service's database writes there.
        """

    async def forget(self, tx: Transaction, user_id: str) -> None:
        """Remove the user's cart with what is in it, if there is one. `tx` as with `mark`."""

    async def abandon(self, untouched_since: datetime, most: int, tell: Tell) -> int:
        """Tell of carts that have been left since, and that it was not told of since they changed last: at most `most`,
        those untouched longest first, only those with something to buy. How many were left, of those or of empty ones.
        """

    async def remove_expired(self, untouched_since: datetime, most: int) -> int:
        """How many guest carts were removed with what is in them, at most `most`, those untouched longest first."""
