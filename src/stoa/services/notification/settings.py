"""The settings of notification, each with its reason."""

from dataclasses import dataclass
from typing import Annotated

from stoa.kit.settings import Days
from stoa.ports.choice import Behind


@dataclass(frozen=True)
class Settings:
    shop_name: str = "Stoa"
    """Who signs the mails."""

    mail: Annotated[str, Behind("mail", ("mailbox",))] = "mailbox"
    """Who carries the mails: `mailbox` leaves them where staff reads them; others come with packages
    (docs/extending.md)."""

    staff_email: str = ""
    """Who is written to when little is left of a SKU. Without one nobody is: staff see it in the list of stock."""

    body_days: Days = 180
    """How long one can read again what a mail said: longer than any return takes."""

    delivery_days: Days = 730
    """How long one can look up that it was sent, when and to whom: two years, as long as a sale may be disputed. The
    address that an order's mails go to is kept as long."""
