"""Zones over REST: what staff make of them, what is refused, and what the next quote and order cost by them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from counting import Counting

from stoa.contracts.checkout.v1.checkout_pb2 import ImportZonesRequest
from stoa.kit import clock, problems
from stoa.kit.ids import uuid7
from stoa.services.checkout import zones_repository
from stoa.services.checkout.routes import routes
from stoa.services.checkout.rpc import CheckoutServicer
from stoa.testing import Rest, new_user, prepare_all

from .conftest import ADDRESS, House, Shopper

STAFF = new_user("admin")
UK = {"country": "GB"}
VAT = {"name": "VAT", "rate": "20"}
HOME = msgspec.to_builtins(ADDRESS)
QUOTE = {"shipping_method": "standard", "shipping_address": HOME}
COUNTRIES = ["GB", "FR", "DE", "IT", "ES", "PT", "NL", "BE", "AT", "CH", "SE", "NO", "DK", "FI", "PL", "CZ", "HU", "IE"]
SHOP = HOME | {"name": "Stoa Camden", "line1": "1 High Street", "postal_code": "NW1 6XE"}


def tax_zone(**more: Any) -> dict[str, Any]:
    return {"name": "United Kingdom", "places": [UK], "rates": [VAT]} | more


def method(code: str = "standard", amount: int = 495, **more: Any) -> dict[str, Any]:
    prices = [{"price": {"amount": amount, "currency": "GBP"}}]
    return {"code": code, "name": code.title(), "prices": prices, "min_days": 1, "max_days": 3} | more


def shipping_zone(*methods: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "United Kingdom", "places": [UK], "methods": list(methods) or [method()]} | more


def pickup(code: str = "camden", **more: Any) -> dict[str, Any]:
    return method(code, 0, kind="pickup", pickup_address=SHOP, tax_class="standard") | more


async def make(rest: Rest, kind: str, zone: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = await rest.ok("POST", f"/{kind}/zones", zone, status=201, user=STAFF)
    return made


async def test_the_statements_fit_the_schema(house: House):
    await prepare_all(house.db, zones_repository)


async def test_a_zone_is_made_shown_replaced_and_removed(house: House, rest: Rest):
    body = tax_zone(rates=[VAT, {"name": "VAT", "tax_class": "reduced", "rate": "5.50", "on_shipping": False}])
    made = await make(rest, "tax", body)
    assert [(one["tax_class"], one["rate"], one["on_shipping"]) for one in made["rates"]] == [
        ("standard", "20", True),
        ("reduced", "5.5", False),
    ]
    assert made["places"] == [{"country": "GB", "region": "", "postal_prefix": ""}]
    path = f"/tax/zones/{made['id']}"
    assert await rest.ok("GET", path, user=STAFF) == made
    assert (await rest.ok("GET", "/tax/zones", user=STAFF))["items"] == [made]
    same = await rest.ok("PUT", path, body, user=STAFF)
    assert same["version"] == 1, "nothing has changed"
    changed = await rest.ok("PUT", path, tax_zone(name="UK"), user=STAFF)
    assert (changed["name"], changed["version"], len(changed["rates"])) == ("UK", 2, 1)
    late = await rest.send("PUT", path, tax_zone(), user=STAFF, headers={"if-match": '"1"'})
    assert (late.status, late.problem) == (412, "version-mismatch")
    assert (await rest.send("DELETE", path, user=STAFF, headers={"if-match": '"1"'})).status == 412
    await rest.ok("DELETE", path, status=204, user=STAFF)
    assert (await rest.send("GET", path, user=STAFF)).problem == "no-such-zone"
    assert (await rest.send("GET", f"/shipping/zones/{made['id']}", user=STAFF)).status == 404
    acts = await house.db.fetch("SELECT act, before, after FROM staff_acts ORDER BY id")
    assert [one["act"] for one in acts] == ["tax_zone.added", "tax_zone.changed", "tax_zone.removed"]
    assert acts[1]["after"]["rates"] == [{"tax_class": "standard", "parts_per_million": 200_000, "on_shipping": True}]


@pytest.mark.parametrize(
    ("zone", "status", "problem", "field"),
    [
        (tax_zone(places=[]), 422, "unprocessable", "places"),
        (tax_zone(places=[{"country": "UK"}]), 422, "unprocessable", "places[0].country"),
        (tax_zone(places=[{"country": "US", "region": "Bavaria"}]), 422, "bad-place", "places[0].region"),
        (tax_zone(places=[{"country": "GB", "postal_prefix": "-"}]), 422, "bad-place", "places[0].postal_prefix"),
        (tax_zone(places=[UK, UK]), 422, "place-twice", "places[1]"),
        (tax_zone(places=[{"country": "IE"}, {"country": "FR"}]), 409, "place-taken", "places[1]"),
        (tax_zone(rates=[VAT | {"rate": "20 %"}]), 422, "unprocessable", "rates[0].rate"),
        (tax_zone(rates=[VAT | {"rate": "9.97555"}]), 422, "unprocessable", "rates[0].rate"),
        (tax_zone(rates=[VAT | {"rate": "101"}]), 422, "unprocessable", "rates[0].rate"),
        (tax_zone(rates=[VAT | {"rate": "-1"}]), 422, "unprocessable", "rates[0].rate"),
        (tax_zone(rates=[VAT | {"rate": 20}]), 422, "unprocessable", "rates[0].rate"),
        (tax_zone(rates=[VAT | {"tax_class": "Books!"}]), 422, "unprocessable", "rates[0].tax_class"),
        (tax_zone(rates=[VAT, VAT]), 422, "rate-twice", "rates[1].name"),
        (tax_zone(rates=[VAT, {"name": "Levy", "rate": "80.01"}]), 422, "rates-too-high", "rates[1].rate"),
    ],
)
async def test_what_no_tax_zone_is(house: House, rest: Rest, zone, status, problem, field):
    await make(rest, "tax", tax_zone(name="France", places=[{"country": "FR"}]))
    answer = await rest.send("POST", "/tax/zones", zone, user=STAFF)
    assert (answer.status, answer.problem, answer.body["field"]) == (status, problem, field)
    assert await house.db.fetchval("SELECT count(*) FROM zones") == 1
    assert await house.db.fetchval("SELECT count(*) FROM staff_acts") == 1


@pytest.mark.parametrize(
    ("zone", "problem", "field"),
    [
        (shipping_zone(method(), method()), "method-code-taken", "methods[1].code"),
        (shipping_zone(method("camden")), "method-code-taken", "methods[0].code"),
        (shipping_zone(pickup("express")), "method-code-taken", "methods[0].code"),
        (shipping_zone(method("By air")), "unprocessable", "methods[0].code"),
        (shipping_zone(method(kind="pickup")), "pickup-address", "methods[0].pickup_address"),
        (shipping_zone(method(pickup_address=SHOP)), "pickup-address", "methods[0].pickup_address"),
        (
            shipping_zone(pickup("soho", pickup_address=SHOP | {"postal_code": "1"})),
            "not-a-postal-code",
            "methods[0].pickup_address.postal_code",
        ),
        (shipping_zone(method(prices=[])), "unprocessable", "methods[0].prices"),
        (shipping_zone(method(prices=method()["prices"] * 2)), "tier-twice", "methods[0].prices[1]"),
        (
            shipping_zone(method(free_from=[{"amount": 1, "currency": "GBP"}] * 2)),
            "tier-twice",
            "methods[0].free_from[1]",
        ),
        (shipping_zone(method(min_days=4)), "days-turned", "methods[0].max_days"),
        (shipping_zone(method(max_weight_grams=0)), "unprocessable", "methods[0].max_weight_grams"),
        (shipping_zone(method(), places=[{"country": "FR"}]), "place-taken", "places[0]"),
    ],
)
async def test_what_no_shipping_zone_is(house: House, rest: Rest, zone, problem, field):
    await make(rest, "shipping", shipping_zone(pickup(), method("express"), places=[{"country": "FR"}]))
    answer = await rest.send("POST", "/shipping/zones", zone, user=STAFF)
    assert (answer.problem, answer.body["field"]) == (problem, field)
    assert await house.db.fetchval("SELECT count(*) FROM zones") == 1


async def test_of_two_that_want_a_place_at_once_one_has_it(house: House, rest: Rest):
    answers = await asyncio.gather(
        *(rest.send("POST", "/tax/zones", tax_zone(name=name), user=STAFF) for name in ("one", "two"))
    )
    assert sorted(answer.status for answer in answers) == [201, 409]


async def test_who_may_not_sees_none(rest: Rest, shopper: Shopper):
    for path in ("/tax/zones", "/shipping/zones", f"/tax/zones/{uuid7()}"):
        assert (await rest.send("GET", path, user=shopper.user)).status == 403


async def test_the_next_quote_is_by_the_zones(house: House, rest: Rest, shopper: Shopper, new_house):
    """In the process that changed them and in another."""
    beside = await new_house(beside=house)
    other = Rest(routes.bind(beside.checkouts), beside.db)
    before = await other.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    assert (before["tax"]["amount"], before["taxes"][0]["name"]) == (499, "Tax")
    zone = await make(rest, "tax", tax_zone(rates=[VAT | {"rate": "10"}]))
    quoted = await other.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    assert [(one["name"], one["rate"], one["base"]["amount"], one["amount"]["amount"]) for one in quoted["taxes"]] == [
        ("VAT", "10", 2495, 250)
    ]
    assert quoted["total"]["amount"] == 2000 + 495 + 250
    await rest.ok("PUT", f"/tax/zones/{zone['id']}", tax_zone(places=[{"country": "FR"}]), user=STAFF)
    none = await other.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    assert (none["tax"]["amount"], none["taxes"]) == (0, [])
    assert "no tax zone has GB" in next(one["how"] for one in none["trace"] if one["figure"] == "tax")
    await rest.ok("DELETE", f"/tax/zones/{zone['id']}", status=204, user=STAFF)
    assert await other.ok("POST", "/checkout/quote", QUOTE, user=shopper.user) == before


async def test_an_order_keeps_its_taxes_method_and_estimate(house: House, rest: Rest, shopper: Shopper):
    await make(rest, "tax", tax_zone(rates=[VAT | {"rate": "5"}, {"name": "Levy", "rate": "9.975"}]))
    await make(rest, "shipping", shipping_zone(method(name="Royal Mail")))
    body = QUOTE | {"payment": {"method": "card", "token": "tok_ok"}}
    sold = await rest.ok("POST", "/orders", body, status=201, user=shopper.user, key=uuid7())
    assert [(one["name"], one["amount"]["amount"]) for one in sold["taxes"]] == [("VAT", 125), ("Levy", 249)]
    assert (sold["tax"]["amount"], sold["total"]["amount"]) == (374, 2000 + 495 + 374)
    today = clock.now().date()
    days = {"earliest": str(today + timedelta(days=1)), "latest": str(today + timedelta(days=3))}
    assert (sold["shipping_method"], sold["shipping_name"]) == ("standard", "Royal Mail")
    assert sold["delivery_estimate"] == days


async def test_what_is_picked_up_needs_no_address_and_is_taxed_where_it_is(house: House, rest: Rest, shopper: Shopper):
    await make(rest, "tax", tax_zone())
    await make(rest, "tax", tax_zone(name="France", places=[{"country": "FR"}], rates=[VAT | {"rate": "10"}]))
    await make(rest, "shipping", shipping_zone(pickup(), method()))
    offers = (await rest.ok("POST", "/checkout/shipping-methods", {}, user=shopper.user))["items"]
    assert [(one["code"], one["pickup_address"]["name"]) for one in offers] == [("camden", "Stoa Camden")]
    missing = await rest.send("POST", "/checkout/quote", {"shipping_method": "standard"}, user=shopper.user)
    assert (missing.problem, missing.body["field"]) == ("shipping-address-missing", "shipping_address")
    body = {"shipping_method": "camden", "payment": {"method": "card", "token": "tok_ok"}}
    sold = await rest.ok("POST", "/orders", body, status=201, user=shopper.user, key=uuid7())
    assert (sold["pickup"], sold["shipping_address"]) == (True, SHOP | {"line2": "", "region": "", "phone": ""})
    assert (sold["shipping"]["amount"], sold["tax"]["amount"]) == (0, 400)


async def test_methods_have_prices_by_weight_and_value_and_say_why_they_are_not_offered(
    house: House, rest: Rest, shopper: Shopper
):
    gbp = {"currency": "GBP"}
    heavy = [
        {"price": gbp | {"amount": 500}},
        {"price": gbp | {"amount": 900}, "from_grams": 1000},
        {"price": gbp | {"amount": 700}, "from_grams": 1000, "from_subtotal": 2000},
        {"price": gbp | {"amount": 1}, "from_grams": 5000},
    ]
    await make(
        rest,
        "shipping",
        shipping_zone(
            method("parcel", prices=heavy),
            method("letter", max_weight_grams=500),
            method("euro", prices=[{"price": {"amount": 1, "currency": "EUR"}}]),
            method("gift", free_from=[gbp | {"amount": 2000}]),
            method("off", active=False),
        ),
    )
    await house.market.db("catalog").execute("UPDATE variants SET weight_grams = 600 WHERE sku = $1", shopper.sku)
    body = {"shipping_address": HOME}
    offers = (await rest.ok("POST", "/checkout/shipping-methods", body, user=shopper.user))["items"]
    assert [(one["code"], one["cost"] and one["cost"]["amount"], one["why_not"]) for one in offers] == [
        ("parcel", 700, None),
        ("letter", None, "1200 g are more than the 500 g that it takes"),
        ("euro", None, "it has no price in GBP for 1200 g and goods of this value"),
        ("gift", 0, None),
    ]
    assert offers[1]["delivery_estimate"] is None
    for code in ("letter", "euro"):
        refused = await rest.send("POST", "/checkout/quote", body | {"shipping_method": code}, user=shopper.user)
        assert (refused.status, refused.problem, refused.body["field"]) == (422, "not-delivered", "shipping_address")
    unknown = await rest.send("POST", "/checkout/quote", body | {"shipping_method": "off"}, user=shopper.user)
    assert (unknown.problem, unknown.body["methods"]) == (
        "unknown-shipping-method",
        ["euro", "gift", "letter", "parcel"],
    )
    abroad = body | {"shipping_address": HOME | {"country": "FR", "postal_code": "75001"}}
    assert (await rest.ok("POST", "/checkout/shipping-methods", abroad, user=shopper.user))["items"] == []
    away = await rest.send("POST", "/checkout/quote", abroad | {"shipping_method": "gift"}, user=shopper.user)
    assert (away.status, away.problem) == (422, "not-delivered")
    quoted = await rest.ok("POST", "/checkout/quote", body | {"shipping_method": "parcel"}, user=shopper.user)
    shipping = next(one["how"] for one in quoted["trace"] if one["figure"] == "shipping")
    assert shipping == "Parcel, United Kingdom: 1200 g, from 1000 g, goods from 20.00 GBP"


async def test_of_lines_that_nobody_has_weighed_the_trace_says_so(rest: Rest, shopper: Shopper):
    await make(rest, "shipping", shipping_zone())
    quoted = await rest.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    shipping = next(one["how"] for one in quoted["trace"] if one["figure"] == "shipping")
    assert shipping == "Standard, United Kingdom: 0 g; lines of unknown weight count as 0 g: 1"


@pytest.mark.parametrize("zones", [1, len(COUNTRIES)])
async def test_a_quote_reads_a_counter_and_no_zone(house: House, rest: Rest, shopper: Shopper, zones):
    for at, country in enumerate(
        [
            "GB",
            *[
                "FR",
                "DE",
                "IT",
                "ES",
                "PT",
                "NL",
                "BE",
                "AT",
                "CH",
                "SE",
                "NO",
                "DK",
                "FI",
                "PL",
                "CZ",
                "HU",
                "IE",
                "GR",
                "RO",
            ],
        ][:zones]
    ):
        await make(rest, "tax", tax_zone(name=str(at), places=[{"country": country}]))
    await rest.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    counting = house.checkouts.neighbors.rules.db = Counting(house.db)
    await rest.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    assert await counting.taken() == [zones_repository.REVISION]
    await counting.close()


async def test_prices_may_be_with_tax(new_house, shopper: Shopper):
    house = await new_house(prices_include_tax=True)
    bought = await house.buy(shopper.user)
    order = await house.market.db("order").fetchrow("SELECT * FROM orders WHERE id = $1", bought.order_id)
    assert (order["tax_included"], order["total_minor"], order["tax_minor"]) == (True, 2495, 416)
    assert order["taxes"] == [{"name": "Tax", "rate": "20", "base_minor": 2079, "amount_minor": 416}]
    line = await house.market.db("order").fetchrow("SELECT * FROM order_items WHERE order_id = $1", bought.order_id)
    assert (line["unit_price_minor"], line["tax_minor"]) == (1000, 333)


@pytest.mark.parametrize(
    ("address", "problem", "field"),
    [
        ({"country": "US", "postal_code": "94103"}, "address-part-missing", "shipping_address.region"),
        ({"country": "US", "region": "XX", "postal_code": "94103"}, "unknown-region", "shipping_address.region"),
        ({"country": "DE", "postal_code": ""}, "address-part-missing", "shipping_address.postal_code"),
        ({"country": "DE", "postal_code": "1011"}, "not-a-postal-code", "shipping_address.postal_code"),
    ],
)
async def test_an_address_is_one_of_its_country(house: House, rest: Rest, shopper: Shopper, address, problem, field):
    body = QUOTE | {"shipping_address": HOME | address, "payment": {"method": "card", "token": "tok_ok"}}
    refused = await rest.send("POST", "/orders", body, user=shopper.user, key=uuid7())
    assert (refused.status, refused.problem, refused.body["field"]) == (422, problem, field)
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 0
    assert await house.market.stock(shopper.sku) == (10, 0)


async def test_case_and_spaces_of_a_postal_code_are_put_right(rest: Rest, shopper: Shopper):
    address = HOME | {"postal_code": " sw1y  4jh "}
    body = QUOTE | {"shipping_address": address, "payment": {"method": "card", "token": "tok_ok"}}
    sold = await rest.ok("POST", "/orders", body, status=201, user=shopper.user, key=uuid7())
    assert sold["shipping_address"]["postal_code"] == "SW1Y 4JH"


async def test_a_product_is_taxed_by_its_class(house: House, rest: Rest, shopper: Shopper):
    zero = {"name": "VAT", "rate": "0", "tax_class": "zero"}
    await make(rest, "tax", tax_zone(rates=[VAT, zero]))
    await house.market.db("catalog").execute(
        "UPDATE products SET tax_class = 'zero' WHERE id = (SELECT product_id FROM variants WHERE sku = $1)",
        shopper.sku,
    )
    quoted = await rest.ok("POST", "/checkout/quote", QUOTE, user=shopper.user)
    assert (quoted["lines"][0]["tax"]["amount"], quoted["shipping_tax"]["amount"]) == (0, 99)
    assert [(one["rate"], one["base"]["amount"], one["amount"]["amount"]) for one in quoted["taxes"]] == [
        ("0", 2000, 0),
        ("20", 495, 99),
    ]


async def test_zones_are_brought_along_where_there_are_none_of_the_kind(house: House, rest: Rest):
    request = ImportZonesRequest(
        tax_zones_json=[msgspec.json.encode(tax_zone()), msgspec.json.encode(tax_zone(places=[{"country": "FR"}]))],
        shipping_zones_json=[msgspec.json.encode(shipping_zone())],
    )
    await make(rest, "shipping", shipping_zone(method("own"), places=[{"country": "IE"}]))
    servicer = CheckoutServicer(house.checkouts)
    assert (await servicer.ImportZones(request, None)).added == 2
    assert (await servicer.ImportZones(request, None)).added == 0
    assert await house.db.fetchval("SELECT count(*) FROM zones WHERE kind = 'shipping'") == 1
    await house.db.execute("DELETE FROM zones")
    twice = ImportZonesRequest(tax_zones_json=[msgspec.json.encode(tax_zone())] * 2)
    with pytest.raises(problems.Conflict) as refusal:
        await servicer.ImportZones(twice, None)
    assert refusal.value.type == "/problems/place-taken"
    assert await house.db.fetchval("SELECT count(*) FROM zones") == 0
