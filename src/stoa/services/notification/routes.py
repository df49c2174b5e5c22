"""The mailbox, for admins."""

from __future__ import annotations

from stoa.kit.db import Database
from stoa.kit.emails import normalized
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Email, Id, Page, PageQuery
from stoa.services.notification import repository
from stoa.services.notification.errors import NoSuchDelivery
from stoa.services.notification.examples import Template
from stoa.services.notification.repository import Delivery, Mail

READ = may("notification.mails.read")

routes: Routes[Database] = Routes("notification", about={"delivery_id": "The mail's id"})


class ListQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """recipient: only mails to this e-mail address
    template: only mails of this kind
    order_id: only mails about this order
    """

    recipient: Email | None = None
    template: Template | None = None
    order_id: Id | None = None


@routes.get("/notifications", query=ListQuery, answer=Page[Delivery], who=READ, summary="Mails, newest first")
async def list_notifications(db: Database, request: Request[None, ListQuery]) -> Page[Delivery]:
    query = request.query
    position = decode_key(query.cursor, tuple[Id])
    found = await repository.list_deliveries(
        db,
        recipient=normalized(query.recipient, field="recipient") if query.recipient else None,
        template=query.template,
        order_id=query.order_id,
        before=position,
        limit=query.limit + 1,
    )
    return page_of(found, query.limit, lambda each: (each.id,))


@routes.get("/notifications/{delivery_id:uuid}", answer=Mail, who=READ, summary="One mail, with its bodies")
async def show_notification(db: Database, request: Request) -> Mail:
    mail = await repository.read_mail(db, request.path["delivery_id"])
    if mail is None:
        raise NoSuchDelivery
    return mail
