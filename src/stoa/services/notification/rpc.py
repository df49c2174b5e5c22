"""The gRPC servicer of notification."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from typing import Any

from stoa.contracts.notification.v1 import notification_pb2, notification_pb2_grpc
from stoa.contracts.notification.v1.notification_pb2 import ListDeliveriesRequest, ListDeliveriesResponse
from stoa.kit.db import Database
from stoa.services.notification import repository

MOST_AT_ONCE = 100
"""As many as a page of the public API has."""


class NotificationServicer(notification_pb2_grpc.NotificationServiceServicer):
    def __init__(self, db: Database) -> None:
        self._db = db

    async def ListDeliveries(self, request: ListDeliveriesRequest, context: Any) -> ListDeliveriesResponse:
        limit = min(max(request.limit, 1), MOST_AT_ONCE)
        deliveries = [
            notification_pb2.Delivery(
                id=each.id,
                template=each.template,
                recipient=each.recipient,
                subject=each.subject,
                sent_at=each.sent_at.isoformat(),
            )
            for each in await repository.list_deliveries(self._db, recipient=request.recipient, limit=limit)
        ]
        return ListDeliveriesResponse(deliveries=deliveries)
