"""Keep: the order is about to be shipped, so what was taken for it is not undone any more.

Payment's row decides between the two: a void or a full refund that it has recorded stops the parcel, and
once it is kept a void is refused. Staff may still give money back, as of any order that was shipped.
"""

from __future__ import annotations

from stoa.services.payment import repository
from stoa.services.payment.errors import NothingToKeep
from stoa.services.payment.find_payment import payment_of_id
from stoa.services.payment.service import Payments
from stoa.services.payment.states import Payment


async def keep(payments: Payments, payment_id: str) -> Payment:
    """The payment, kept. Raises `NothingToKeep` where nothing of it is left. A repeat asks the same again."""
    payment = await repository.keep_payment(payments.db, payment_id)
    if payment is None:
        await payment_of_id(payments, payment_id)
        raise NothingToKeep
    return payment
