"""A checkout makes its order: pending, once."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.db import Database
from stoa.services.order import placing_repository
from stoa.services.order.errors import OrderAbandoned
from stoa.services.order.new_order import NewOrder


async def create_orders(db: Database, wanted: Sequence[NewOrder]) -> list[str | Exception]:
    """The id of each checkout's order, written if it is not there yet; its figures have been checked. In its place
    `OrderAbandoned` where the checkout has been given up, and is not to have one.
    """
    by_checkout = {new.checkout_id: new for new in wanted}
    made = await placing_repository.create_orders(db, list(by_checkout.values()))
    answers: dict[str, str | Exception] = dict(made)
    if before := by_checkout.keys() - made.keys():
        for checkout_id, known in (await placing_repository.read_checkouts(db, list(before))).items():
            is_given_up = known.abandoned or known.order_id is None
            answers[checkout_id] = OrderAbandoned() if is_given_up else str(known.order_id)
    return [answers[new.checkout_id] for new in wanted]
