"""Notifications: mails to customers, and to staff, about what was announced.

Owns the mailbox, the templates, and whom to write to about an order. Invariants:

- One mail per event, whatever is delivered twice or out of order.
- Where somebody carries the mails, each is handed over at least once, always under one id, until it is taken
  or given up.
- A mail is kept as it was rendered: later changes of a template do not change what was sent.
- Its bodies end after `body_days`, the note that it was sent after `delivery_days`, and so does whom to
  write to about an order, counted from the last that was heard of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from stoa.contracts.notification.v1.notification_pb2_grpc import add_NotificationServiceServicer_to_server
from stoa.kit.service import Job, Parts, Resources
from stoa.ports.mail import Mailer
from stoa.services.notification.carry import Carrying
from stoa.services.notification.handlers import Post, handlers, write
from stoa.services.notification.jobs import END_EVERY_SECONDS, end_mails
from stoa.services.notification.mails import Mails
from stoa.services.notification.routes import routes
from stoa.services.notification.rpc import NotificationServicer
from stoa.services.notification.settings import Settings


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    own: dict[str, Callable[[], Mailer | None]] = {"mailbox": lambda: None}
    mailer = resources.provider("mail", own, settings.mail, "mail")
    jobs = [Job("end_mails", partial(end_mails, resources.db, settings), every_seconds=END_EVERY_SECONDS)]
    if mailer is not None:
        jobs.append(Job("carry_mails", Carrying(resources.db, mailer).round))
    folder = resources.shop_folder
    mails = Mails(settings.shop_name, folder / "mails" if folder else None)
    post = Post(mails, carried=mailer is not None, staff_email=settings.staff_email)
    return Parts(
        routes=routes.bind(resources.db),
        servicers=[partial(add_NotificationServiceServicer_to_server, NotificationServicer(resources.db))],
        handlers=handlers(post),
        batch_handler=partial(write, post),
        jobs=jobs,
    )
