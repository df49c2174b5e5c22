"""The failures that checkout expects."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from stoa.kit import problems
from stoa.kit.breaker import OPEN_SECONDS
from stoa.kit.money import Money


class NoSuchCheckout(problems.NotFound):
    """There is none, or it is another's: the two look the same from outside."""

    title = "No such checkout"
    slug = "checkout-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such checkout.")


class WrongState(problems.Conflict):
    title = "Not possible in the state of this checkout"
    slug = "checkout-state"

    def __init__(self, state: str, wanted: str) -> None:
        super().__init__(f"The checkout is {state}: it cannot become {wanted}.", state=state)


class CartEmpty(problems.Conflict):
    title = "The cart is empty"
    slug = "cart-empty"

    def __init__(self) -> None:
        super().__init__("There is nothing in the cart to buy.")


class CartBeingBought(problems.Conflict):
    """Somebody else is ordering the same cart; `checkout_id` where that is the same buyer."""

    title = "The cart is already being ordered"
    slug = "cart-being-bought"

    def __init__(self, checkout_id: str | None) -> None:
        members = {} if checkout_id is None else {"checkout_id": checkout_id}
        super().__init__("This cart is already being ordered.", **members)


class NotForSale(problems.Conflict):
    """`skus` names them."""

    title = "Not for sale any more"
    slug = "not-for-sale"

    def __init__(self, skus: Sequence[str]) -> None:
        super().__init__(f"No longer for sale: {', '.join(skus[:5])}.", skus=list(skus))


class OtherCurrency(problems.Conflict):
    title = "The prices are in another currency"
    slug = "other-currency"

    def __init__(self, sku: str, currency: str) -> None:
        super().__init__(f"The shop sells in {currency}, and {sku} is priced in another currency.", sku=sku)


class TotalTooLarge(problems.Conflict):
    title = "The order is too large"
    slug = "total-too-large"

    def __init__(self) -> None:
        super().__init__("The total is more than one payment can carry: buy in several orders.", field="cart_id")


class PriceChanged(problems.Conflict):
    """`total` is what it costs now."""

    title = "The price has changed"
    slug = "price-changed"

    def __init__(self, total: Money) -> None:
        super().__init__(f"It costs {total} now.", field="expected_total", total=msgspec.to_builtins(total))


class UnknownShippingMethod(problems.Unprocessable):
    """`methods` lists those there are."""

    title = "Unknown shipping method"
    slug = "unknown-shipping-method"

    def __init__(self, methods: Sequence[str]) -> None:
        super().__init__(f"Choose one of {', '.join(methods)}.", field="shipping_method", methods=list(methods))


class UnknownCoupon(problems.Unprocessable):
    title = "Unknown coupon code"
    slug = "unknown-coupon"

    def __init__(self, code: str) -> None:
        super().__init__("There is no such coupon code.", field="coupon_codes", code=code)


class CouponNotApplicable(problems.Conflict):
    """`reason` says why (docs/algorithms/promotions.md). Where little is missing, `missing` or `missing_quantity` is
    how much."""

    title = "The coupon code does not apply"
    slug = "coupon-not-applicable"

    def __init__(
        self, code: str, reason: str, detail: str, missing: Money | None, missing_quantity: int | None
    ) -> None:
        members = {"missing": missing, "missing_quantity": missing_quantity}
        said = {name: msgspec.to_builtins(value) for name, value in members.items() if value is not None}
        super().__init__(detail, field="coupon_codes", code=code, reason=reason, **said)


class PaymentRefused(problems.PaymentRequired):
    """What payment recorded as the reason, found out after the fact."""

    def __init__(self, slug: str) -> None:
        super().__init__("The payment was not accepted. Nothing was taken.")
        self.slug = slug


class KeyReused(problems.Unprocessable):
    title = "The idempotency key was used for another request"
    slug = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__("This key came with another order before: use a new one.", field="Idempotency-Key")


class AnswerGone(problems.Conflict):
    """`order` is the one that was made under the key."""

    title = "The request took effect, but its answer was lost"
    slug = "answer-lost"

    def __init__(self, order_id: str) -> None:
        super().__init__("This key made an order long ago, and its answer is no longer kept.", order=order_id)


class RequestInProgress(problems.Conflict):
    """`checkout` says where it can be followed."""

    title = "The same request is being worked on"
    slug = "request-in-progress"

    def __init__(self, checkout_id: str) -> None:
        super().__init__("The first request with this key is still under way: ask again later.", checkout=checkout_id)


class Overloaded(problems.Unavailable):
    title = "Too many checkouts at once"
    slug = "overloaded"

    def __init__(self) -> None:
        super().__init__("Too many orders are being placed right now. Nothing was begun: send it again in a moment.")


class GivenUp(problems.Unavailable):
    """Everything begun is being undone; the same request may be sent again with the same key."""

    title = "The order could not be placed"
    slug = "checkout-given-up"

    def __init__(self, step: str) -> None:
        super().__init__("A part of the shop does not answer. Nothing was bought: send it again later.", step=step)


class StillUnknown(problems.Unavailable):
    """A neighbor cannot say yet what became of an act."""

    slug = "still-unknown"

    def __init__(self) -> None:
        super().__init__("The payment provider has not said yet what happened.")


class LeaseLost(Exception):
    """Somebody else works on this checkout now: we stop, and say nothing."""


class PriceUnknown(problems.Unavailable):
    """Whoever works out a part of the price does not answer: nothing is sold at a price that nobody knows."""

    def __init__(self) -> None:
        super().__init__(
            f"{self.title}. Nothing was bought: send it again.", retry_after_seconds=math.ceil(OPEN_SECONDS)
        )


class TaxesUnavailable(PriceUnknown):
    title = "What tax is due is not known now"
    slug = "taxes-unavailable"


class ShippingUnavailable(PriceUnknown):
    title = "What sending costs is not known now"
    slug = "shipping-unavailable"


class AddressPartMissing(problems.Unprocessable):
    title = "A part of the address is missing"
    slug = "address-part-missing"

    def __init__(self, country: str, part: str, field: str) -> None:
        super().__init__(f"An address in {country} has a {part.replace('_', ' ')}.", field=field)


class UnknownRegion(problems.Unprocessable):
    title = "The country has no such region"
    slug = "unknown-region"

    def __init__(self, country: str, field: str) -> None:
        super().__init__(f"{country} has no region of this name or code.", field=field)


class NotAPostalCode(problems.Unprocessable):
    """`example` is one of the country."""

    title = "Not a postal code of the country"
    slug = "not-a-postal-code"

    def __init__(self, country: str, example: str, field: str) -> None:
        such = f", such as {example}" if example else ""
        super().__init__(f"Write it as postal codes of {country} are{such}.", field=field, example=example)


class EmailMissing(problems.Unprocessable):
    title = "An e-mail address is missing"
    slug = "email-missing"

    def __init__(self) -> None:
        super().__init__("A guest gives an e-mail address for the confirmation, here or with the cart.", field="email")


class AddressMissing(problems.Unprocessable):
    title = "A shipping address is missing"
    slug = "shipping-address-missing"

    def __init__(self) -> None:
        super().__init__("Say where it goes, here or with the cart.", field="shipping_address")
