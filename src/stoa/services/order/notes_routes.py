"""The public API of an order's notes, and of its timeline."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.http.pages import decode_cursor, decode_key, page_of
from stoa.kit.http.routes import OWNER, Request, Routes, may
from stoa.kit.http.types import Id, Moment, Page, PageQuery
from stoa.kit.money import Money
from stoa.services.order import access, notes_repository, timeline_repository
from stoa.services.order.add_note import add_note
from stoa.services.order.notes_repository import Audience, Note
from stoa.services.order.service import Orders
from stoa.services.order.timeline import Entry, Happened, sentence
from stoa.services.order.timeline_repository import Position

routes: Routes[Orders] = Routes("order")


class NewNote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For the shop alone, where nothing else is said."""

    text: Annotated[str, Meta(min_length=1, max_length=20_000, pattern=text.LINES)]
    audience: Audience = Audience.INTERNAL


class NoteView(msgspec.Struct, frozen=True, kw_only=True):
    """`author_id` is for the staff."""

    id: str
    author_id: str | None
    audience: Audience
    text: str
    created_at: datetime


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """`summary` is what happened, in a sentence; `text` the reason or the note. `actor` is customer, staff, checkout or
    payment. `amount` is what is to go back for it, or of a refund what went."""

    at: datetime
    kind: Happened
    summary: str
    text: str
    actor: str
    amount: Money | None


@routes.get(
    "/orders/{order_id:uuid}/notes",
    query=PageQuery,
    answer=Page[NoteView],
    who=OWNER,
    summary="The notes on an order, newest first",
)
async def list_notes(orders: Orders, request: Request[None, PageQuery]) -> Page[NoteView]:
    """A buyer sees those that are for them."""
    query, private = request.query, access.sees_all(request.caller)
    order = await access.find(orders, request.path["order_id"], request.caller)
    before = decode_key(query.cursor, tuple[Id])
    found = await notes_repository.notes_of_order(orders.db, order.id, before, query.limit + 1, private=private)
    return page_of([_note_view(note, private=private) for note in found], query.limit, lambda note: (note.id,))


@routes.post(
    "/orders/{order_id:uuid}/notes",
    body=NewNote,
    answer=NoteView,
    status=201,
    who=may(access.ANNOTATE),
    summary="Write a note on an order, for the shop or for its buyer",
)
async def write_note(orders: Orders, request: Request[NewNote]) -> NoteView:
    body = request.body
    note = await add_note(orders, request.path["order_id"], request.caller, body.audience, body.text)
    return _note_view(note, private=True)


@routes.get(
    "/orders/{order_id:uuid}/timeline",
    query=PageQuery,
    answer=Page[EntryView],
    who=OWNER,
    summary="All that happened to an order, newest first",
)
async def show_timeline(orders: Orders, request: Request[None, PageQuery]) -> Page[EntryView]:
    """Of its state, parcels, cancellations, returns, refunds and notes; a buyer sees the notes that are for them."""
    query, private = request.query, access.sees_all(request.caller)
    order = await access.find(orders, request.path["order_id"], request.caller)
    cursor = decode_cursor(query.cursor, tuple[Moment, Annotated[str, Meta(max_length=100)]])
    before = Position(*cursor) if cursor is not None else None
    found = await timeline_repository.timeline_of(orders.db, order, before, query.limit + 1, private=private)
    page = page_of(found, query.limit, lambda entry: (entry.at, entry.key))
    return Page([_entry_view(entry) for entry in page.items], page.next_cursor)


def _note_view(note: Note, *, private: bool) -> NoteView:
    return NoteView(
        id=note.id,
        author_id=note.author_id if private else None,
        audience=note.audience,
        text=note.text,
        created_at=note.created_at,
    )


def _entry_view(entry: Entry) -> EntryView:
    return EntryView(
        at=entry.at,
        kind=entry.kind,
        summary=sentence(entry),
        text=entry.reason,
        actor=entry.actor,
        amount=entry.amount,
    )
