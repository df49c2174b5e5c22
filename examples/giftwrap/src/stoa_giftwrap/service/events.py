"""The facts that giftwrap announces. The subject is the order's id, the version counts what was chosen for it."""

from __future__ import annotations

from stoa.kit.events import Fact


class GiftwrapChosen(Fact, frozen=True, kw_only=True, event="giftwrap.chosen"):
    order_id: str
    paper: str
