"""Whose order it is: its buyer's and the staff's. A guest's order is nobody's but the staff's."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Db, Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.services.order import repository, returns_repository
from stoa.services.order.errors import NoSuchOrder, NoSuchReturn
from stoa.services.order.payment_status import PaymentTold
from stoa.services.order.repository import Order
from stoa.services.order.returns_repository import Return
from stoa.services.order.states import Status

STAFF = "admin"


def may_see(order: Order, caller: Principal) -> bool:
    """A guest's order has no user, which is not to be mistaken for anybody's."""
    return caller.has(STAFF) or (order.user_id is not None and order.user_id == caller.user_id)


def kind_of(order: Order, caller: Principal) -> str:
    """How history names the caller: a buyer who is on the staff bought as a customer."""
    return "customer" if order.user_id == caller.user_id else "staff"


async def find(db: Db, order_id: str, caller: Principal) -> Order:
    """The order. `NoSuchOrder` where there is none that the caller may see."""
    return _seen(await repository.read_order(db, order_id), caller)


async def find_locked(
    tx: Transaction,
    order_id: str,
    caller: Principal,
    paid: PaymentTold | None = None,
    *,
    if_match: IfMatch = ANYTHING,
) -> Order:
    """The order under its row lock, with what its payment has just said, where that was asked.

    `NoSuchOrder` where there is none that the caller may see, `VersionMismatch` where it is not what the caller has
    seen. The order's row is locked before its payment's.
    """
    if not await repository.lock_order(tx, order_id):
        raise NoSuchOrder
    if paid is not None:
        await repository.hear_payment(tx, paid)
    order = _seen(await repository.read_order(tx, order_id), caller)
    if_match.check(order.version)
    return order


async def note(tx: Transaction, order: Order, status: Status, reason: str = "") -> None:
    """Keep that staff brought the locked order to `status`; what a customer does to their own is not kept."""
    await staff_acts.record(
        tx,
        act=f"order.{status}",
        subject=order.id,
        before={"status": order.status},
        after={"status": status},
        reason=reason,
    )


async def note_return(tx: Transaction, asked: Return, after: Return, reason: str = "") -> None:
    """Keep that staff brought the return from `asked` to `after`."""
    await staff_acts.record(
        tx,
        act=f"return.{after.status}",
        subject=asked.id,
        before={"status": asked.status, "refund_minor": asked.refund.amount},
        after={"status": after.status, "refund_minor": after.refund.amount},
        reason=reason,
    )


async def find_return(db: Db, order: Order, return_id: str, if_match: IfMatch = ANYTHING) -> Return:
    """One return of the order. `NoSuchReturn` where the order has none of this id, `VersionMismatch` where it is not
    what the caller has seen."""
    found = await returns_repository.read_return(db, order.id, return_id)
    if found is None:
        raise NoSuchReturn
    if_match.check(found.version)
    return found


def _seen(order: Order | None, caller: Principal) -> Order:
    if order is None or not may_see(order, caller):
        raise NoSuchOrder
    return order
