"""What the shop's own fields say of orders and their lines: the buyer sees what is public, the shop all of it."""

import asyncio
import json

import pytest
from editors import one_of_two
from volume import fill, read_by

from stoa.contracts.order.v1.order_pb2 import CheckCustomFieldsRequest
from stoa.kit import staff_acts
from stoa.kit.custom_fields.errors import UnknownField, WrongValue
from stoa.kit.ids import LAST
from stoa.services.order.new_order import NewItem
from stoa.services.order.repository import ORDERS_WITH_VALUE
from stoa.services.order.rpc import OrderServicer
from stoa.testing import new_user, who_may

ADMIN = new_user("admin")
MUG = {"product_id": "01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f", "sku": "MUG", "name": "Mug", "unit_price_minor": 4997}


@pytest.fixture
async def fields(rest):
    for path, said in (
        ("order", {"name": "purchase_order", "type": "text", "public": True, "filterable": True}),
        ("order", {"name": "risk", "type": "integer", "min": 0, "max": 100, "filterable": True}),
        ("order-line", {"name": "batch", "type": "text"}),
        ("order-line", {"name": "engraving", "type": "text", "public": True}),
    ):
        await rest.ok("POST", f"/custom-fields/{path}", said, status=201, user=ADMIN)


async def test_what_came_with_the_checkout(rest, placed, fields, orders):
    ada = new_user()
    mug = NewItem(**MUG, quantity=1, tax_minor=1000, said={"engraving": "Ada"}, metadata={"desk": "7"})
    said = {"purchase_order": "A-17", "gone": 1}
    order = await placed(user_id=ada.id, items=[mug], custom_fields=said, metadata={"till": "2"})
    shown = await rest.ok("GET", f"/orders/{order.id}", user=ada)
    assert (shown["custom_fields"], shown["metadata"]) == ({"purchase_order": "A-17"}, {})
    assert (shown["items"][0]["custom_fields"], shown["items"][0]["metadata"]) == ({"engraving": "Ada"}, {})
    # Whoever mails the buyer is told, and nobody else: it may be about a person.
    assert await orders.db.fetchval("SELECT data FROM event_personal WHERE data ? 'said'") == {
        "email": order.email,
        "said": {"MUG": {"engraving": "Ada"}},
    }
    to_staff = await rest.ok("GET", f"/orders/{order.id}", user=ADMIN)
    assert (to_staff["metadata"], to_staff["items"][0]["metadata"]) == ({"till": "2"}, {"desk": "7"})
    # Asked for at the same time the same list is read once, and each sees of it what is theirs to see.
    lists = await asyncio.gather(
        rest.ok("GET", f"/orders?user_id={ada.id}", user=ada), rest.ok("GET", f"/orders?user_id={ada.id}", user=ADMIN)
    )
    assert [page["items"] for page in lists] == [[shown], [to_staff]]


async def test_the_shop_notes_and_the_buyer_sees_what_is_public(rest, placed, fields, orders):
    ada = new_user()
    order = await placed(user_id=ada.id)
    path = f"/orders/{order.id}"
    notes = {
        "custom_fields": {"risk": 20, "purchase_order": "B-1"},
        "metadata": {"erp": "9"},
        "items": [{"sku": "MUG", "custom_fields": {"batch": "x", "engraving": "Eve"}, "metadata": {"bin": "3"}}],
    }
    noted = await rest.ok("PATCH", path, notes, user=ADMIN)
    assert (noted["custom_fields"], noted["metadata"]) == ({"purchase_order": "B-1", "risk": 20}, {"erp": "9"})
    assert noted["items"][0]["custom_fields"] == {"batch": "x", "engraving": "Eve"}
    assert (noted["items"][0]["metadata"], noted["items"][1]["custom_fields"]) == ({"bin": "3"}, {})
    assert noted["version"] == order.version + 1
    assert await rest.ok("PATCH", path, notes, user=ADMIN) == noted
    shown = await rest.ok("GET", path, user=ada)
    assert (shown["custom_fields"], shown["metadata"]) == ({"purchase_order": "B-1"}, {})
    assert [item["custom_fields"] for item in shown["items"]] == [{"engraving": "Eve"}, {}]
    listed = await rest.ok("GET", "/orders", user=ada)
    assert listed["items"] == [shown]
    less = {"custom_fields": {"risk": None}, "metadata": {"erp": None}}
    assert (await rest.ok("PATCH", path, less, user=ADMIN))["custom_fields"] == {"purchase_order": "B-1"}
    acts = await staff_acts.list_acts(orders.db, subject=order.id, limit=9)
    assert [(act.act, act.before["custom_fields"], act.after["custom_fields"]) for act in acts] == [
        ("order.annotated", ["purchase_order", "risk"], ["purchase_order"]),
        ("order.annotated", [], ["purchase_order", "risk"]),
    ]


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        ({"custom_fields": {"rsik": 1}}, "unknown-custom-field", "custom_fields.rsik"),
        ({"custom_fields": {"risk": 101}}, "custom-field-value", "custom_fields.risk"),
        ({"items": [{"sku": "CUP"}]}, "order-line-not-found", "items[0].sku"),
        ({"items": [{"sku": "MUG"}, {"sku": "MUG", "metadata": {"a": "b"}}]}, "duplicate-line", "items[1].sku"),
        (
            {"items": [{"sku": "MUG"}, {"sku": "SPOON", "custom_fields": {"risk": 1}}]},
            "unknown-custom-field",
            "items[1].custom_fields.risk",
        ),
        ({"total": {"amount": 1, "currency": "GBP"}}, "unprocessable", "total"),
    ],
)
async def test_a_wrong_note_changes_nothing(rest, placed, fields, body, problem, field):
    order = await placed()
    before = await rest.ok("GET", f"/orders/{order.id}", user=ADMIN)
    refused = await rest.send("PATCH", f"/orders/{order.id}", {"metadata": {"a": "b"}} | body, user=ADMIN)
    assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)
    assert await rest.ok("GET", f"/orders/{order.id}", user=ADMIN) == before


async def test_two_of_the_staff(rest, placed):
    order = await placed()
    await one_of_two(
        rest, "PATCH", f"/orders/{order.id}", ({"metadata": {"a": "1"}}, {"metadata": {"a": "2"}}), user=ADMIN
    )


async def test_who_may_not_note(rest, placed):
    ada = new_user()
    order = await placed(user_id=ada.id)
    for caller in (ada, who_may("order.orders.read")):
        assert (await rest.send("PATCH", f"/orders/{order.id}", {}, user=caller)).status == 403


async def test_a_buyer_says_what_is_public(orders, fields):
    servicer = OrderServicer(orders)

    async def check(**said):
        await servicer.CheckCustomFields(CheckCustomFieldsRequest(custom_fields_json=json.dumps(said).encode()), None)

    await check(purchase_order="A-17")
    with pytest.raises(UnknownField) as refused:
        await check(risk=1)
    assert refused.value.field == "custom_fields.risk"
    with pytest.raises(WrongValue):
        await check(purchase_order=17)


async def test_orders_are_found_by_a_value(rest, placed, fields):
    first, _, third = [await placed(custom_fields={"purchase_order": value}) for value in ("A", "B", "A")]

    async def found(query, user=ADMIN):
        return [order["id"] for order in (await rest.ok("GET", f"/orders?{query}", user=user))["items"]]

    assert await found("custom.purchase_order=A") == [third.id, first.id]
    page = await rest.ok("GET", "/orders?custom.purchase_order=A&limit=1", user=ADMIN)
    assert await found(f"custom.purchase_order=A&cursor={page['next_cursor']}") == [first.id]
    await rest.ok("PATCH", f"/orders/{first.id}", {"custom_fields": {"purchase_order": "B", "risk": 3}}, user=ADMIN)
    assert await found("custom.purchase_order=A") == [third.id]
    assert await found("custom.risk=3") == [first.id]
    await rest.ok("DELETE", "/custom-fields/order/risk", status=204, user=ADMIN)
    for query, user, problem, field in (
        ("custom.risk=3", ADMIN, "custom-field-not-filterable", "custom.risk"),
        ("custom.purchase_order=A", new_user(), "custom-field-not-filterable", "custom.purchase_order"),
        ("custom.purchase_order=A&status=pending", ADMIN, "custom-filter-alone", "custom.purchase_order"),
        ("custom.purchase_order=A&custom.risk=1", ADMIN, "custom-filter-alone", "custom.purchase_order"),
        ("custom=A", ADMIN, "unprocessable", "custom"),
    ):
        refused = await rest.send("GET", f"/orders?{query}", user=user)
        assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field), query


async def test_a_page_of_very_many_reads_its_orders(orders):
    """Of a value that a third of them have, of one that nobody has, and from the middle."""
    orders_with = "lpad(to_hex(n), 32, '0')::uuid"
    columns = (
        "id, email, status, currency, subtotal_minor, discount_minor, shipping_minor, tax_minor, total_minor,"
        " shipping_method, shipping_address, billing_address, reservation_key"
    )
    row = f"{orders_with}, '', 'pending', 'GBP', 0, 0, 0, 0, 0, '', '{{}}', '{{}}', ''"
    await fill(orders.db, "orders", columns, row)
    values = f"7, 'value ' || n % 3, '', {orders_with}"
    await fill(orders.db, "custom_field_values", "field, value, standing, subject", values)
    middle = await orders.db.fetchval("SELECT lpad(to_hex(150000), 32, '0')::uuid")
    for value, before in (("value 1", LAST), ("value 1", middle), ("value 9", LAST)):
        read = await read_by(orders.db, ORDERS_WITH_VALUE, 7, value, before, 21)
        assert read.rows <= 100, (value, before)
