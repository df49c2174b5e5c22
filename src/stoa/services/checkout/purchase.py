"""What a checkout knows: what was asked for, and what each step has learned. It travels in the saga's row."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from stoa.kit import context
from stoa.kit.http.types import Address
from stoa.kit.money import Money
from stoa.kit.problems import Problem
from stoa.services.checkout.pricing import Item, Quote


class KeptAnswer(msgspec.Struct, frozen=True):
    """What the shopper gets, byte for byte, now and for every repeat of the key.

    So the `request_id` in a refusal is that of the request which began the checkout: the one in the logs.
    """

    status: int
    body: bytes

    @property
    def frees_key(self) -> bool:
        """Who could not be served for want of a neighbor may send the same request again."""
        return self.status >= 500


class Promise(msgspec.Struct, frozen=True):
    """What is not on hand `ships_by` that day, or comes as a `preorder_from` that day on."""

    kind: str
    on: date


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """The first part is asked for, the second learned, by the act that stands beside it.

    `groups` are the buyer's customer groups at that moment, for whom there may be prices.
    `token` is the provider's name for a card; it is forgotten when it is no longer needed. Or `payment_method_id` names
    a card that is kept. The members named in
    `CUT` are there while a checkout runs, and are blank once it is cut; a row that older code cut may lack them. What
    the order does not say of `email` and addresses, `snapshot` takes from the cart, at last `account_email`.
    """

    checkout_id: str
    order_id: str
    user_id: str | None
    email: str = ""
    account_email: str = ""
    groups: tuple[str, ...] = ()
    cart_id: str | None
    shipping_method: str
    coupon_codes: tuple[str, ...] = ()
    shipping_address: Address | None = None
    billing_address: Address | None = None
    payment_method: str
    token: str = ""
    payment_method_id: str = ""
    expected_total: Money | None
    traceparent: str
    custom_fields: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    request_id: str = ""  # empty where the row is older than this member

    bought_cart_id: str = ""  # snapshot
    bought_cart_round: int = 0  # snapshot
    items: list[Item] | None = None  # snapshot
    quote: Quote | None = None  # snapshot
    promises: dict[str, Promise] = {}  # reserve_stock; by SKU, of those that are not all on hand
    payment_id: str = ""  # authorize_payment
    answer: KeptAnswer | None = None  # confirm_order, or whatever refused; kept in columns of its own

    @property
    def priced(self) -> Quote:
        """What it costs. There is no step before it is known."""
        assert self.quote is not None
        return self.quote

    def refused(self, problem: Problem) -> Purchase:
        """With the answer of a refusal. The card is not needed any more."""
        # As the HTTP layer does with every problem; here already, because it is these bytes that are kept.
        body = problem.encode(context.current().request_id)
        return msgspec.structs.replace(self, token="", answer=KeptAnswer(problem.status, body))


NO_ADDRESS = {"name": "-", "line1": "-", "city": "-", "country": "AQ"}
CUT: dict[str, Any] = {
    "email": "",
    "account_email": "",
    "shipping_address": NO_ADDRESS,
    "billing_address": NO_ADDRESS,
    "token": "",
    "coupon_codes": (),
    "custom_fields": {},
    "metadata": {},
    "items": None,
    "quote": None,
    "promises": {},
}
"""What stands in the place of what nobody needs of a checkout that ended long ago: who bought, where it went, what
was in it. Not taken out: an older version reads these members from every row."""


def changes(before: Purchase, after: Purchase) -> dict[str, Any]:
    """The members that have become others, as they are stored: what the row's document is merged with."""
    names = [name for name in Purchase.__struct_fields__ if name != "answer"]
    return {name: getattr(after, name) for name in names if getattr(after, name) is not getattr(before, name)}


def document(purchase: Purchase) -> dict[str, Any]:
    """The whole of it, as it is stored."""
    return {name: getattr(purchase, name) for name in Purchase.__struct_fields__ if name != "answer"}


def read(stored: dict[str, Any], answer: KeptAnswer | None) -> Purchase:
    return msgspec.structs.replace(msgspec.convert(stored, Purchase), answer=answer)
