"""Finding a payment, for a service by its key and for a person by its id."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.services.payment import repository
from stoa.services.payment.errors import NoSuchPayment
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment


async def payment_of_key(payments: Payments, key: str) -> Payment:
    """Raises `NoSuchPayment`."""
    payment = await payments.by_key.get(key)
    if payment is None:
        raise NoSuchPayment
    return payment


async def payment_of_id(payments: Payments, payment_id: str) -> Payment:
    """Raises `NoSuchPayment`."""
    payment = await repository.payment_by_id(payments.db, payment_id)
    if payment is None:
        raise NoSuchPayment
    return payment


def visible(payment: Payment, principal: Principal | None) -> bool:
    """A payment is shown to who pays it, and to who may read all."""
    if principal is None:
        return False
    return principal.may("payment.payments.read") or payment.user_id == principal.user_id
