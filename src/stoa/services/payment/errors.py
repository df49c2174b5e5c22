"""The failures that payment expects."""

from __future__ import annotations

from stoa.kit import problems


class NoSuchPayment(problems.NotFound):
    """There is none, or it is another's: the two look the same from outside."""

    title = "No such payment"
    slug = "payment-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such payment.")


class WrongState(problems.Conflict):
    title = "Not possible in the payment's state"
    slug = "payment-state"

    def __init__(self, state: str, wanted: str) -> None:
        super().__init__(f"The payment is {state}: it cannot become {wanted}.", state=state)


class PaymentVoided(problems.Conflict):
    """Also for a key that was voided before it was used: a late Authorize must not take money."""

    title = "The payment was voided"
    slug = "payment-voided"

    def __init__(self) -> None:
        super().__init__("This payment was voided: nothing was taken, and nothing can be under its key.")


class PaymentKept(problems.Conflict):
    """The void comes too late: money can still be given back."""

    title = "The order is being shipped"
    slug = "payment-kept"

    def __init__(self) -> None:
        super().__init__("The order of this payment was shipped, or is about to be: refund it instead.")


class NothingToKeep(problems.Conflict):
    title = "Nothing of the payment is left"
    slug = "nothing-to-keep"

    def __init__(self) -> None:
        super().__init__("The payment was given back, or took nothing: its order is not to be shipped.")


class KeyReused(problems.Unprocessable):
    title = "The key belongs to another payment"
    slug = "payment-key-reused"

    def __init__(self) -> None:
        super().__init__("Under this key another order or amount was paid.", field="key")


class PaymentDeclined(problems.PaymentRequired):
    title = "The payment was declined"
    slug = "payment-declined"

    def __init__(self) -> None:
        super().__init__("The card was declined. Nothing was taken.")


class InsufficientFunds(problems.PaymentRequired):
    title = "Insufficient funds"
    slug = "insufficient-funds"

    def __init__(self) -> None:
        super().__init__("The card has not enough funds. Nothing was taken.")


class PaymentTimedOut(problems.PaymentRequired):
    title = "The payment timed out"
    slug = "payment-timed-out"

    def __init__(self) -> None:
        super().__init__("The payment provider did not answer. We made sure that nothing was taken.")


class PaymentInterrupted(problems.Unavailable):
    """Our own fault, and no word of the provider's: who recorded the payment never got to ask it."""

    title = "The payment was interrupted"
    slug = "payment-interrupted"

    def __init__(self) -> None:
        super().__init__("Something of ours failed before the card was asked. We made sure that nothing was taken.")


class UnknownToken(problems.Unprocessable):
    title = "Unknown payment token"
    slug = "unknown-token"

    def __init__(self, field: str = "payment.token") -> None:
        super().__init__("The payment provider does not know this token.", field=field)


class CardsNotKept(problems.Conflict):
    title = "No cards are kept"
    slug = "cards-not-kept"

    def __init__(self) -> None:
        super().__init__("The payment provider of this shop keeps no cards.")


class NoSuchPaymentMethod(problems.NotFound):
    """There is none, or it is another's: the two look the same from outside."""

    title = "No such payment method"
    slug = "payment-method-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such payment method.")


class UnknownPaymentMethod(problems.Unprocessable):
    """What was to pay is not there, is another's, or is with a provider that takes no new payments."""

    title = "Unknown payment method"
    slug = "unknown-payment-method"

    def __init__(self) -> None:
        super().__init__("You have no such card with this shop. Nothing was taken.", field="payment.payment_method_id")


class TooManyPaymentMethods(problems.Conflict):
    title = "Too many payment methods"
    slug = "too-many-payment-methods"

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} cards are kept: forget one first.", limit=most)


Decline = (
    PaymentDeclined | InsufficientFunds | PaymentTimedOut | PaymentInterrupted | UnknownToken | UnknownPaymentMethod
)

DECLINES: dict[str, type[Decline]] = {
    refusal.slug: refusal
    for refusal in (
        PaymentDeclined,
        InsufficientFunds,
        PaymentTimedOut,
        PaymentInterrupted,
        UnknownToken,
        UnknownPaymentMethod,
    )
}
"""What a declined payment's `decline_reason` is to the caller."""


class RefundTooLarge(problems.Conflict):
    title = "More than is left to refund"
    slug = "refund-too-large"

    def __init__(self, left: int, currency: str) -> None:
        super().__init__(
            "The refund is more than what is left of the payment.",
            field="amount",
            left={"amount": left, "currency": currency},
        )


class ProviderSilent(problems.Unavailable):
    """The outcome is unknown: ask the provider by key, never guess."""

    title = "The payment provider does not answer"
    slug = "provider-silent"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or "The payment provider did not answer in time; it will be asked what happened.")


class ProviderGone(ProviderSilent):
    """It is not installed any more: the payment waits until that is there again, as for one that does not answer."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The payment is with {name}, which is not installed here.")


class NoSuchProvider(problems.NotFound):
    title = "No such payment provider"
    slug = "payment-provider-not-found"

    def __init__(self) -> None:
        super().__init__("This shop has no payment provider of that name.", field="provider")


class BadSignature(problems.Unauthorized):
    title = "The signature is not the provider's"
    slug = "bad-signature"

    def __init__(self) -> None:
        super().__init__("The signature is missing, wrong or too old.", field="Stoa-Signature")


class WebhookMismatch(problems.Unprocessable):
    title = "The webhook does not match the payment"
    slug = "webhook-mismatch"

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is not that of the payment.", field=field)


class OrderHasPayment(problems.Conflict):
    title = "The order has a payment"
    slug = "order-has-payment"

    def __init__(self) -> None:
        super().__init__("This order is being paid or was paid: it is not paid twice.", field="order_id")


class NoSuchOrder(problems.NotFound):
    title = "No such order"
    slug = "order-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such order.", field="order_id")


class OrderNotPayable(problems.Conflict):
    title = "The order is not to be paid"
    slug = "order-not-payable"

    def __init__(self, status: str) -> None:
        super().__init__(f"The order is {status}.", field="order_id", status_of_order=status)
