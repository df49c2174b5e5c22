"""What notification does on a timer."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.kit.rounds import in_rounds
from stoa.services.notification import repository
from stoa.services.notification.settings import Settings

END_EVERY_SECONDS = 3600.0


async def end_mails(db: Database, settings: Settings) -> None:
    """Cut the bodies of mails that nobody will ask about any more, and forget those that are older still.

    Whom to write to about an order is forgotten when nothing was heard of it for as long.
    """
    now = clock.now()
    await in_rounds(partial(repository.cut_bodies, db, now - timedelta(days=settings.body_days)))
    await in_rounds(partial(repository.remove_deliveries, db, now - timedelta(days=settings.delivery_days)))
    await in_rounds(partial(repository.remove_contacts, db, now - timedelta(days=settings.delivery_days)))
