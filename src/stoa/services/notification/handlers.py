"""When something is announced that a customer wants to know, a mail is written.

Exactly one per event, into the mailbox, in the transaction that marks the event as done. When an account is deleted,
the mails to its address go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from stoa.services.notification.repository import Contact, Mail, Refund


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


class OrderDelivered(AboutOrder, frozen=True, kw_only=True):
    pass


class PlacedItem(msgspec.Struct, frozen=True):
    name: str
    sku: str
    quantity: int
    unit_price: Money


class OrderPlaced(AboutOrder, frozen=True, kw_only=True):
    """`said` of its lines by SKU; an older version announced none."""

    items: Sequence[PlacedItem]
    said: Mapping[str, Mapping[str, Any]] = {}
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


class OrderShipped(AboutOrder, frozen=True, kw_only=True):
    carrier: str
    tracking_number: str


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


@dataclass(frozen=True)
class Post:
    """How mails look, and whether somebody carries them."""

    mails: Mails
    carried: bool


def handlers(mails: Mails, *, carried: bool = False) -> dict[str, Handler]:
    """What notification does when it hears each of its events; `carried`: whether somebody carries the mails."""
    post = Post(mails, carried)
    return {
        "user.registered": _welcome(post),
        "user.deleted": _forget,
        "user.proof_asked": _proof(post),
        **{kind: _about_order(post, template, shape) for kind, (template, shape) in ABOUT_ORDERS.items()},
        "payment.refunded": _refund(post),
    }


async def handle_batch(tx: Transaction, events: Sequence[Event]) -> Sequence[Event]:
    """Keep whom to write to about the orders of all of them, and hold that, in the order of the orders' ids.

    An order and its refund come as events of two subjects, so two runners may have one each, in a batch with others.
    """
    contacts: dict[str, Contact | None] = {}
    for event in events:
        if event.type in ABOUT_ORDERS:
            about = event.read(AboutOrder)
            contacts[about.order_id] = Contact(about.number, about.email)
        elif event.type == "payment.refunded":
            contacts.setdefault(event.read(PaymentRefunded).order_id, None)
    if contacts:
        await repository.hold_contacts(tx, contacts)
    return events


def _welcome(post: Post) -> Handler:
    async def handle(tx: Transaction, event: Event) -> None:
        heard = event.read(UserRegistered)
        await _send(
            tx, post, Template.WELCOME, event_id=event.id, recipient=heard.email, values=msgspec.to_builtins(heard)
        )

    return handle


async def _forget(tx: Transaction, event: Event) -> None:
    """The mails to them go. Whom to write to about an order goes with the order's mails, in its own time."""
    heard = event.read(UserDeleted)
    if heard.email:
        await repository.forget_recipient(tx, heard.email)


def _proof(post: Post) -> Handler:
    async def handle(tx: Transaction, event: Event) -> None:
        heard = event.read(AddressProofAsked)
        template = Template.ACCOUNT_EXISTS if heard.code is None else Template.ADDRESS_PROOF
        await _send(tx, post, template, event_id=event.id, recipient=heard.email, values=msgspec.to_builtins(heard))

    return handle


def _about_order(post: Post, template: Template, shape: type[AboutOrder]) -> Handler:
    async def handle(tx: Transaction, event: Event) -> None:
        heard = event.read(shape)
        await _send(
            tx,
            post,
            template,
            event_id=event.id,
            recipient=heard.email,
            order_id=heard.order_id,
            values=msgspec.to_builtins(heard),
        )
        for refund in await repository.take_waiting(tx, heard.order_id):
            await _send_refund(tx, post, Contact(heard.number, heard.email), refund)

    return handle


def _refund(post: Post) -> Handler:
    """Payment knows no addresses: they come with the order's events, sometimes later than the refund.

    An order that nobody ever announces was never placed, and its customer was told at the checkout that
    the purchase failed: its refund needs no mail, and none is sent.
    """

    async def handle(tx: Transaction, event: Event) -> None:
        heard = event.read(PaymentRefunded)
        refund = Refund(event.id, heard.order_id, heard.amount)
        contact = await repository.find_contact(tx, heard.order_id)
        if contact is None:
            await repository.add_waiting(tx, refund)
        else:
            await _send_refund(tx, post, contact, refund)

    return handle


async def _send_refund(tx: Transaction, post: Post, contact: Contact, refund: Refund) -> None:
    await _send(
        tx,
        post,
        Template.REFUND_ISSUED,
        event_id=refund.event_id,
        recipient=contact.email,
        order_id=refund.order_id,
        values={"number": contact.number, "amount": msgspec.to_builtins(refund.amount)},
    )


async def _send(
    tx: Transaction,
    post: Post,
    template: Template,
    *,
    event_id: str,
    recipient: str,
    values: dict[str, Any],
    order_id: str | None = None,
) -> None:
    written = post.mails.render(template, values)
    mail = Mail(
        id=ids.uuid7(),
        template=template,
        recipient=recipient,
        order_id=order_id,
        subject=written.subject,
        sent_at=clock.now(),
        text=written.text,
        html=written.html,
    )
    await repository.add_delivery(tx, mail, event_id, carried=post.carried)
