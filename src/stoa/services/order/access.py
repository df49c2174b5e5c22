"""Whose order it is: its buyer's, and theirs who may do to all orders what they are about to do.

A guest's order has no user, which is not to be mistaken for anybody's.
"""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.db import Db, Transaction
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.problems import Forbidden
from stoa.services.order import repository, returns_repository
from stoa.services.order.errors import NoSuchOrder, NoSuchReturn
from stoa.services.order.payment_status import PaymentTold
from stoa.services.order.repository import Order
from stoa.services.order.returns_repository import Return
from stoa.services.order.service import Orders
from stoa.services.order.states import Status
from stoa.services.order.view import OrderView, view

READ = "order.orders.read"
FULFILL = "order.orders.fulfill"
CANCEL = "order.orders.cancel"
ANNOTATE = "order.orders.annotate"
EXPORT = "order.orders.export"
SETTLE = "order.orders.settle"
DECIDE = "order.returns.decide"


def sees_all(caller: Principal) -> bool:
    """What only the shop sees of an order, too: where the caller is of the shop."""
    return caller.may(READ) or caller.may(ANNOTATE)


def shown(order: Order, caller: Principal) -> OrderView:
    """As the caller sees it."""
    return view(order, private=sees_all(caller))


def kind_of(order: Order, caller: Principal) -> str:
    """How history names the caller: a buyer who is on the staff bought as a customer."""
    return "customer" if order.user_id == caller.user_id else "staff"


async def find(orders: Orders, order_id: str, caller: Principal, permission: str = READ) -> Order:
    """The caller's own order, or any for who holds the `permission`. `NoSuchOrder` where there is none that the caller
    may see, `Forbidden` where seeing is all.
    """
    return _for(await orders.reading.get(order_id), caller, permission)


async def find_locked(
    tx: Transaction,
    order_id: str,
    caller: Principal,
    permission: str,
    paid: PaymentTold | None = None,
    *,
    if_match: IfMatch = ANYTHING,
) -> Order:
    """The same under its row lock, with what its payment has just said, where that was asked.

    `VersionMismatch` where it is not what the caller has seen. The order's row is locked before its payment's.
    """
    if not await repository.lock_order(tx, order_id):
        raise NoSuchOrder
    if paid is not None:
        await repository.hear_payments(tx, [paid])
    order = _for(await repository.read_order(tx, order_id), caller, permission)
    if_match.check(order.version)
    return order


async def note(
    tx: Transaction, order: Order, status: Status, reason: str = "", *, act: str | None = None, **more: object
) -> None:
    """Keep that staff brought the locked order to `status`, by an `act` of another name where it has one; what a
    customer does to their own is not kept."""
    await staff_acts.record(
        tx,
        act=f"order.{act or status}",
        subject=order.id,
        before={"status": order.status},
        after={"status": status, **more},
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


def _for(order: Order | None, caller: Principal, permission: str) -> Order:
    if order is None:
        raise NoSuchOrder
    if not (order.user_id == caller.user_id or caller.may(permission)):
        if caller.may(READ):
            raise Forbidden(f"This is for the buyer, and who may {permission}.")
        raise NoSuchOrder
    return order
