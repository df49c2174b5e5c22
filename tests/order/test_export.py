"""Orders as a file: what a spreadsheet or a program reads of them."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import msgspec
import pytest

from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.kit.staff_acts import list_acts
from stoa.services.order import export_orders
from stoa.services.order.new_order import NewItem
from stoa.services.order.order_table import HEADER, harmless
from stoa.testing import new_user

STAFF = new_user("admin")


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


async def test_each_line_of_an_order_is_a_row(rest, orders, placed):
    order = await placed()
    await rest.ok("POST", f"/orders/{order.id}/cancel", {"items": [{"sku": "MUG", "quantity": 1}]}, user=STAFF)
    answer = await rest.send("GET", "/orders/export", user=STAFF)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="orders.csv"'
    mug, spoon = read(answer.body)
    assert mug == {
        "number": order.number,
        "order_id": order.id,
        "placed_at": order.created_at.isoformat(),
        "status": "confirmed",
        "payment_status": "refund_pending",
        "fulfillment_status": "unfulfilled",
        "email": "ada@example.com",
        "currency": "GBP",
        "subtotal": "49.97",
        "discount": "0.00",
        "shipping": "4.95",
        "tax": "10.99",
        "tax_included": "no",
        "total": "65.91",
        "refunded": "0.00",
        "shipping_method": "standard",
        "ship_to_name": "Ada Lovelace",
        "ship_to_postal_code": "SW1Y 4JH",
        "ship_to_country": "GB",
        "sku": "MUG",
        "name": "Mug",
        "quantity": "2",
        "canceled": "1",
        "shipped": "0",
        "returned": "0",
        "unit_price": "19.99",
        "line_discount": "0.00",
        "line_tax": "8.00",
    }
    assert (spoon["number"], spoon["sku"], spoon["quantity"]) == (order.number, "SPOON", "3")
    (act,) = [act for act in await list_acts(orders.db, limit=9) if act.act == "order.exported"]
    assert (act.actor, act.after) == (STAFF.id, {"format": "csv", "from": None, "to": None})


async def test_lines_of_json_are_the_orders_as_they_are_shown(rest, placed, monkeypatch):
    """Oldest first, whatever the pages."""
    monkeypatch.setattr(export_orders, "ONE_PAGE", 2)
    made = [(await placed()).id for _ in range(5)]
    answer = await rest.send("GET", "/orders/export?format=jsonl", user=STAFF)
    assert answer.headers["content-type"] == "application/jsonl"
    lines = answer.body.splitlines()
    assert [msgspec.json.decode(line)["id"] for line in lines] == made
    assert msgspec.json.decode(lines[0]) == await rest.ok("GET", f"/orders/{made[0]}", user=STAFF)


async def test_of_a_time(rest, placed):
    before = clock.now() - timedelta(seconds=1)
    order = await placed()
    later = clock.now() + timedelta(seconds=1)

    async def numbers(query: str) -> set[str]:
        return {row["number"] for row in read((await rest.send("GET", f"/orders/export?{query}", user=STAFF)).body)}

    start, end = (moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for moment in (before, later))
    assert await numbers(f"placed_from={start}&placed_to={end}") == {order.number}
    assert await numbers(f"placed_to={start}") == await numbers(f"placed_from={end}") == set()
    refused = await rest.send("GET", "/orders/export?placed_to=yesterday", user=STAFF)
    assert (refused.status, refused.body["field"]) == (422, "placed_to")


async def test_what_a_buyer_has_typed_is_no_formula(rest, placed):
    name = '=HYPERLINK("https://evil.example";"me")'
    item = NewItem(product_id=uuid7(), sku="A", name="@SUM(1)", unit_price_minor=1, quantity=1, tax_minor=0)
    sums = {"subtotal_minor": 1, "shipping_minor": 0, "tax_minor": 0, "total_minor": 1}
    order = await placed(items=[item], **sums, shipping_address={"name": name, "postal_code": "-1", "country": "GB"})
    (row,) = read((await rest.send("GET", "/orders/export", user=STAFF)).body)
    assert (row["ship_to_name"], row["ship_to_postal_code"], row["name"]) == (f"'{name}", "'-1", "'@SUM(1)")
    assert row["number"] == order.number


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_what_begins_a_formula_is_told_apart(start):
    assert harmless(f"{start}1") == f"'{start}1"
    assert harmless(f"1{start}") == f"1{start}"


async def test_it_is_for_who_may(rest, placed):
    await placed()
    assert (await rest.send("GET", "/orders/export")).status == 401
    assert (await rest.send("GET", "/orders/export", user=new_user())).status == 403
    assert len(HEADER) == len(set(HEADER))
