"""Notifications: mails to customers about what was announced.

Owns the mailbox, the templates, and whom to write to about an order. Invariants:

- One mail per event, whatever is delivered twice or out of order.
- A mail is kept as it was rendered: later changes of a template do not change what was sent.
- Its bodies end after `body_days`, the note that it was sent after `delivery_days`, and so does whom to
  write to about an order, counted from the last that was heard of it.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.notification.v1.notification_pb2_grpc import add_NotificationServiceServicer_to_server
from stoa.kit.service import Job, Parts, Resources
from stoa.services.notification.handlers import handle_batch, handlers
from stoa.services.notification.jobs import END_EVERY_SECONDS, end_mails
from stoa.services.notification.mails import Mails
from stoa.services.notification.routes import routes
from stoa.services.notification.rpc import NotificationServicer
from stoa.services.notification.settings import Settings


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    return Parts(
        routes=routes.bind(resources.db),
        servicers=[partial(add_NotificationServiceServicer_to_server, NotificationServicer(resources.db))],
        handlers=handlers(Mails(settings.shop_name)),
        batch_handler=handle_batch,
        jobs=[Job("end_mails", partial(end_mails, resources.db, settings), every_seconds=END_EVERY_SECONDS)],
    )
