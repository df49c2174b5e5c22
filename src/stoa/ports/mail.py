"""The port to whoever carries mails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A mail as it was rendered. `id` is the same for every try: whoever can tell by it sends once."""

    id: str
    recipient: str
    subject: str
    text: str
    html: str


class Undeliverable(Exception):
    """For `Mailer.send` to raise: it will never be taken. The message says why in one line, without the recipient."""


class Mailer(Protocol):
    async def send(self, mail: OutgoingMail) -> None:
        """Hand it over: when this returns, whoever carries it has it.

        It is called again under the same id after any error but `Undeliverable`, and after a crash.
        """
