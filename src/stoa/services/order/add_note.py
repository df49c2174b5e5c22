"""The staff writes a note on an order: for its buyer, or for the shop alone."""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.services.order import access, notes_repository
from stoa.services.order.notes_repository import Audience, Note
from stoa.services.order.service import Orders


async def add_note(orders: Orders, order_id: str, caller: Principal, audience: Audience, text: str) -> Note:
    """The order stays as it is, and nobody is told. That it was written is kept, and what it says only here."""
    order = await access.find(orders, order_id, caller, access.ANNOTATE)
    async with orders.db.transaction() as tx:
        note = await notes_repository.add_note(tx, order.id, caller.user_id, audience, text)
        after = {"note_id": note.id, "audience": audience}
        await staff_acts.record(tx, act="order.noted", subject=order.id, before={}, after=after)
        return note
