"""What the acts of giftwrap work with, and the acts."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import Counter

from stoa.kit.crash_points import Reach
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.telemetry.metrics import REGISTRY
from stoa_giftwrap.service import repository
from stoa_giftwrap.service.errors import NoSuchOrder, NoSuchPaper, WrappedAlready
from stoa_giftwrap.service.events import GiftwrapChosen
from stoa_giftwrap.service.repository import Wrap
from stoa_giftwrap.service.settings import Settings

CHOSEN = Counter("stoa_giftwrap_chosen", "Papers that were chosen", ["paper"], registry=REGISTRY)


@dataclass(frozen=True)
class Wraps:
    db: Database
    outbox: Outbox
    settings: Settings
    reach: Reach


async def wrap_of(wraps: Wraps, order_id: str, user_id: str) -> Wrap:
    """Of the user's own order. Raises `NoSuchOrder`."""
    return _own(await repository.read_wrap(wraps.db, order_id), user_id)


async def choose(wraps: Wraps, order_id: str, user_id: str, *, paper: str, message: str) -> Wrap:
    """What is chosen already is not chosen again. Raises `NoSuchPaper`, `NoSuchOrder`, `WrappedAlready`."""
    if paper not in wraps.settings.papers:
        raise NoSuchPaper(f"Choose from {', '.join(wraps.settings.papers)}.", field="paper")
    async with wraps.db.transaction() as tx:
        wrap = _own(await repository.lock_wrap(tx, order_id), user_id)
        if (wrap.paper, wrap.message) == (paper, message):
            return wrap
        if not wrap.is_open:
            raise WrappedAlready("It is on its way, or called off.")
        wrap = await repository.choose(tx, order_id, paper, message)
        fact = GiftwrapChosen(order_id=order_id, paper=paper)
        await wraps.outbox.announce(tx, subject=order_id, version=wrap.version, fact=fact)
    CHOSEN.labels(paper).inc()
    wraps.reach("giftwrap:chosen")
    return wrap


def _own(wrap: Wrap | None, user_id: str) -> Wrap:
    if wrap is None or wrap.user_id != user_id:
        raise NoSuchOrder("You have placed no such order.")
    return wrap
