"""The failures that notification expects."""

from __future__ import annotations

from stoa.kit import problems


class NoSuchDelivery(problems.NotFound):
    title = "No such notification"
    slug = "notification-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such notification.")
