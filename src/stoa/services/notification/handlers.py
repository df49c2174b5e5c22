"""When something is announced that a customer wants to know, a mail is written.

Exactly one per event, into the mailbox, in the transaction that marks the event as done, together with those of all
events of that transaction. When an account is deleted,
the mails to its address go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stoa.kit import clock, ids
from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.money import Money
from stoa.kit.service import Handler
from stoa.services.notification import repository
from stoa.services.notification.examples import Template
from stoa.services.notification.mails import Mails
from stoa.services.notification.repository import Contact, Held, Mail, Refund


class UserRegistered(msgspec.Struct, frozen=True):
    email: str
    first_name: str


class UserDeleted(msgspec.Struct, frozen=True):
    """`email` is empty where this was handled before: what is personal is told once."""

    email: str = ""


class AddressProofAsked(msgspec.Struct, frozen=True):
    """`code` is None where the address has an account."""

    email: str
    code: str | None


class AboutOrder(msgspec.Struct, frozen=True, kw_only=True):
    order_id: str
    number: str
    email: str


class PlacedItem(msgspec.Struct, frozen=True):
    name: str
    sku: str
    quantity: int
    unit_price: Money


class OrderPlaced(AboutOrder, frozen=True, kw_only=True):
    """`said` of its lines and `promises` for them, by SKU; an older version announced none."""

    items: Sequence[PlacedItem]
    said: Mapping[str, Mapping[str, Any]] = {}
    promises: Mapping[str, Mapping[str, str]] = {}
    subtotal: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money


class OrderCanceled(AboutOrder, frozen=True, kw_only=True):
    """`refund` is None where an older version announced it: then all of the total goes back."""

    reason: str
    total: Money
    refund: Money | None = None


class SentItem(msgspec.Struct, frozen=True):
    name: str
    sku: str
    quantity: int


class OrderItemsCanceled(AboutOrder, frozen=True, kw_only=True):
    items: Sequence[SentItem]
    reason: str
    refund: Money


class OrderShipped(AboutOrder, frozen=True, kw_only=True):
    """A parcel. An older version announced neither `items` nor whether it is `complete`: it was all there is."""

    carrier: str
    tracking_number: str
    tracking_url: str | None = None
    items: Sequence[SentItem] = ()
    complete: bool = True


class OrderDelivered(AboutOrder, frozen=True, kw_only=True):
    """Likewise."""

    items: Sequence[SentItem] = ()
    complete: bool = True


class ReturnedItem(msgspec.Struct, frozen=True):
    sku: str
    quantity: int


class OrderReturnAsked(AboutOrder, frozen=True, kw_only=True):
    items: Sequence[ReturnedItem]


class OrderReturnRefused(AboutOrder, frozen=True, kw_only=True):
    items: Sequence[ReturnedItem]
    reason: str


class OrderReturned(AboutOrder, frozen=True, kw_only=True):
    items: Sequence[ReturnedItem]
    refund: Money


ABOUT_ORDERS: Mapping[str, tuple[Template, type[AboutOrder]]] = {
    "order.placed": (Template.ORDER_CONFIRMATION, OrderPlaced),
    "order.canceled": (Template.ORDER_CANCELED, OrderCanceled),
    "order.items_canceled": (Template.ORDER_ITEMS_CANCELED, OrderItemsCanceled),
    "order.shipped": (Template.ORDER_SHIPPED, OrderShipped),
    "order.delivered": (Template.ORDER_DELIVERED, OrderDelivered),
    "order.return_requested": (Template.RETURN_REQUESTED, OrderReturnAsked),
    "order.return_approved": (Template.RETURN_APPROVED, OrderReturnAsked),
    "order.return_refused": (Template.RETURN_REFUSED, OrderReturnRefused),
    "order.returned": (Template.ORDER_RETURNED, OrderReturned),
}


class PaymentRefunded(msgspec.Struct, frozen=True):
    order_id: str
    amount: Money


class WaitEnded(msgspec.Struct, frozen=True):
    """`token` ends whatever else the address waits for."""

    sku: str
    name: str
    email: str
    token: str


class LowStock(msgspec.Struct, frozen=True):
    sku: str
    available: int
    low_stock_at: int


@dataclass(frozen=True)
class Post:
    """How mails look, whether somebody carries them, and who of the staff is written to."""

    mails: Mails
    carried: bool = False
    staff_email: str = ""


class Letter(msgspec.Struct, frozen=True):
    """What one event has somebody told."""

    event_id: str
    template: Template
    recipient: str
    values: dict[str, Any]
    order_id: str | None = None


def handlers(post: Post) -> Mapping[str, Handler]:
    """What notification does when it hears each of its events alone."""

    async def write_one(tx: Transaction, event: Event) -> None:
        await write(post, tx, [event])

    written = [*ABOUT_NO_ORDER, *ABOUT_ORDERS, "payment.refunded", "inventory.low_stock"]
    return {**dict.fromkeys(written, write_one), "user.deleted": _forget}


async def write(post: Post, tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Write the mail of each event that has one, all at once.

    What is known of the orders that they are about is kept and held first, in the order of the orders' ids: an order
    and its refund come as events of two subjects, so two runners may have one each, in a batch with others.
    """
    letters = [ABOUT_NO_ORDER[event.type](event) for event in events if event.type in ABOUT_NO_ORDER]
    if post.staff_email:
        letters += [_low_stock(event, post.staff_email) for event in events if event.type == "inventory.low_stock"]
    contacts: dict[str, Contact | None] = {}
    for event in events:
        if event.type in ABOUT_ORDERS:
            template, shape = ABOUT_ORDERS[event.type]
            heard = event.read(shape)
            letters.append(Letter(event.id, template, heard.email, msgspec.to_builtins(heard), heard.order_id))
            contacts[heard.order_id] = Contact(heard.number, heard.email)
    refunds = [_refund(event) for event in events if event.type == "payment.refunded"]
    for refund in refunds:
        contacts.setdefault(refund.order_id, None)
    if contacts:
        letters += await _about_refunds(tx, await repository.hold_contacts(tx, contacts), refunds)
    if letters:
        mails = {letter.event_id: _mail(post.mails, letter) for letter in letters}
        await repository.add_deliveries(tx, mails, carried=post.carried)
    return [event for event in events if event.type == "user.deleted"]


async def _about_refunds(tx: Transaction, held: Mapping[str, Held], refunds: Sequence[Refund]) -> list[Letter]:
    """Those for which the address is known, also of what has waited for that.

    Payment knows no addresses: they come with the order's events, sometimes later than the refund. An order that nobody
    ever announces was never placed, and its customer was told at the checkout that the purchase failed: its refund
    needs no mail, and none is sent.
    """
    contacts = {order_id: one.contact for order_id, one in held.items() if one.contact is not None}
    if waiting := [refund for refund in refunds if refund.order_id not in contacts]:
        await repository.add_waiting(tx, waiting)
    known = [refund for refund in refunds if refund.order_id in contacts]
    if heard_of := [order_id for order_id in contacts if held[order_id].was_heard]:
        known += await repository.take_waiting(tx, heard_of)
    return [_about_refund(contacts[refund.order_id], refund) for refund in known]


async def _forget(tx: Transaction, event: Event) -> None:
    """The mails to them go. Whom to write to about an order goes with the order's mails, in its own time."""
    heard = event.read(UserDeleted)
    if heard.email:
        await repository.forget_recipient(tx, heard.email)


def _welcome(event: Event) -> Letter:
    heard = event.read(UserRegistered)
    return Letter(event.id, Template.WELCOME, heard.email, msgspec.to_builtins(heard))


def _back_in_stock(event: Event) -> Letter:
    heard = event.read(WaitEnded)
    return Letter(event.id, Template.BACK_IN_STOCK, heard.email, msgspec.to_builtins(heard))


def _proof(event: Event) -> Letter:
    heard = event.read(AddressProofAsked)
    template = Template.ACCOUNT_EXISTS if heard.code is None else Template.ADDRESS_PROOF
    return Letter(event.id, template, heard.email, msgspec.to_builtins(heard))


ABOUT_NO_ORDER: Mapping[str, Callable[[Event], Letter]] = {
    "user.registered": _welcome,
    "user.proof_asked": _proof,
    "inventory.wait_ended": _back_in_stock,
}
"""What is written to somebody by the address that the event says."""


def _low_stock(event: Event, staff_email: str) -> Letter:
    return Letter(event.id, Template.LOW_STOCK, staff_email, msgspec.to_builtins(event.read(LowStock)))


def _refund(event: Event) -> Refund:
    heard = event.read(PaymentRefunded)
    return Refund(event.id, heard.order_id, heard.amount)


def _about_refund(contact: Contact, refund: Refund) -> Letter:
    values = {"number": contact.number, "amount": msgspec.to_builtins(refund.amount)}
    return Letter(refund.event_id, Template.REFUND_ISSUED, contact.email, values, refund.order_id)


def _mail(mails: Mails, letter: Letter) -> Mail:
    written = mails.render(letter.template, letter.values)
    return Mail(
        id=ids.uuid7(),
        template=letter.template,
        recipient=letter.recipient,
        order_id=letter.order_id,
        subject=written.subject,
        sent_at=clock.now(),
        text=written.text,
        html=written.html,
    )
