"""What the shop notes on an order and its lines: custom fields, and metadata of its programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stoa.kit import staff_acts
from stoa.kit.context import Principal
from stoa.kit.custom_fields import values
from stoa.kit.custom_fields.definition import Entity
from stoa.kit.custom_fields.repository import definitions
from stoa.kit.db import Db, Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.services.order import access, repository
from stoa.services.order.errors import DuplicateLine, NoSuchLine
from stoa.services.order.repository import Item, Order
from stoa.services.order.service import Orders

ORDER = Entity("order", filterable=True)
ORDER_LINE = Entity("order_line")


@dataclass(frozen=True, kw_only=True)
class Notes:
    """What is not named stays as it is."""

    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str | None] = field(default_factory=dict)


async def check_said(db: Db, custom_fields: Mapping[str, Any]) -> None:
    """What a buyer says with an order. Raises `UnknownField`, `WrongValue`."""
    values.merged(await definitions(db, ORDER), values.NOTHING, custom_fields, private=False)


async def annotate_order(  # noqa: PLR0917 - who, what and under which condition
    orders: Orders,
    order_id: str,
    caller: Principal,
    notes: Notes,
    lines: Sequence[tuple[str, Notes]],
    if_match: IfMatch,
) -> Order:
    """The order with what is noted; `lines` by SKU. A repeat changes nothing. Its status stays."""
    async with orders.db.transaction() as tx:
        order = await access.find_locked(tx, order_id, caller, access.ANNOTATE, if_match=if_match)
        changed = await _note_order(tx, order, notes)
        if lines:
            changed = await _note_lines(tx, order, lines) or changed
        if not changed:
            return order
        await repository.touch_order(tx, order.id)
        after = await repository.read_order(tx, order.id)
        assert after is not None
        await staff_acts.record(tx, act="order.annotated", subject=order.id, before=_named(order), after=_named(after))
        return after


async def _note_order(tx: Transaction, order: Order, notes: Notes) -> bool:
    known = await definitions(tx, ORDER) if notes.custom_fields else {}
    fields, metadata = _noted(known, order, notes)
    if (fields, metadata) == (order.custom_fields, order.metadata):
        return False
    kept = values.stored(known, fields) if notes.custom_fields else None
    await repository.note_on_order(tx, order.id, kept, metadata)
    return True


async def _note_lines(tx: Transaction, order: Order, lines: Sequence[tuple[str, Notes]]) -> bool:
    known = await definitions(tx, ORDER_LINE)
    items = {item.sku: item for item in order.items}
    rows = []
    seen: set[str] = set()
    for at, (sku, notes) in enumerate(lines):
        if sku not in items:
            raise NoSuchLine(f"items[{at}].sku")
        if sku in seen:
            raise DuplicateLine(sku, field=f"items[{at}].sku")
        seen.add(sku)
        fields, metadata = _noted(known, items[sku], notes, f"items[{at}].")
        if (fields, metadata) != (items[sku].custom_fields, items[sku].metadata):
            rows.append({"sku": sku, "custom_fields": values.stored(known, fields), "metadata": metadata})
    if rows:
        await repository.note_on_lines(tx, order.id, rows)
    return bool(rows)


def _noted(
    known: values.Known, before: Order | Item, notes: Notes, place: str = ""
) -> tuple[values.Fields, Mapping[str, str]]:
    fields = before.custom_fields
    if notes.custom_fields:
        fields = values.merged(known, fields, notes.custom_fields, private=True, place=f"{place}custom_fields")
    return fields, values.with_metadata(before.metadata, notes.metadata, f"{place}metadata")


def _named(order: Order) -> dict[str, list[str]]:
    """Which there are: what they say may be about a person, and what staff did is kept for good."""
    return {"custom_fields": sorted(order.custom_fields.shown(private=True)), "metadata": sorted(order.metadata)}
