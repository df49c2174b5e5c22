"""Whatever is wrong with what was used of campaigns is named, and nothing else."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import msgspec
import pytest
from audit.test_audit import Inside
from journeys.client import ADDRESS, card
from stocking import stock_up

from stoa.audit.audit import judge
from stoa.audit.look import EVER
from stoa.audit.promotions import PROMOTIONS
from stoa.contracts.campaign.v1.campaign_pb2 import ImportCampaignsRequest, ImportedCampaign
from stoa.contracts.campaign.v1.campaign_pb2_grpc import CampaignServiceStub

SKU = "PROMOTED-1"
CAMPAIGN = {
    "name": "Ten",
    "state": "active",
    "by_coupon": True,
    "effects": [{"kind": "percentage", "basis_points": 1000}],
    "limits": {"most_uses": 5, "budget": [{"amount": 1000, "currency": "GBP"}]},
}


@pytest.fixture(scope="module")
async def sold(shop):
    """A shop with an order that has 2.00 off, settled."""
    await stock_up(shop, SKU, price=1000, on_hand=10)
    new = ImportedCampaign(campaign_json=msgspec.json.encode(CAMPAIGN), codes=["TEN"])
    await shop.stub(CampaignServiceStub).ImportCampaigns(ImportCampaignsRequest(campaigns=[new]))
    async with shop.http.post("/api/v1/cart", headers={"Idempotency-Key": str(uuid4())}) as answer:
        cart = (await answer.json())["id"]
    async with shop.http.post(f"/api/v1/cart/{cart}/items", json={"sku": SKU, "quantity": 2}) as answer:
        assert answer.status == 201, await answer.text()
    order = {
        "cart_id": cart,
        "email": "guest@example.com",
        "shipping_address": ADDRESS,
        "shipping_method": "standard",
        "payment": card(),
        "coupon_codes": ["ten"],
    }
    async with shop.http.post("/api/v1/orders", json=order, headers={"Idempotency-Key": str(uuid4())}) as answer:
        assert answer.status == 201, await answer.text()
        assert (await answer.json())["discount"]["amount"] == 200
    await shop.settle()
    return shop


async def found(databases) -> list[str]:
    verdict = await judge(databases, PROMOTIONS, since=EVER, looks=2, pause_seconds=0.0)
    return sorted(finding.what for finding in verdict.findings)


UNCHECKED = (
    "ALTER TABLE campaigns DROP CONSTRAINT campaigns_used; ALTER TABLE spending DROP CONSTRAINT spending_within_budget;"
    " ALTER TABLE coupons DROP CONSTRAINT coupons_used;"
)
RELEASED = "UPDATE purchases SET state = 'released', released_at = now();"
UNUSED = "UPDATE campaigns SET used = 0; UPDATE spending SET spent_minor = 0; UPDATE coupons SET used = 0"
CUSTOMER = "018f0000-0000-7000-8000-00000000000c"


async def test_a_sound_shop_has_no_findings(sold):
    assert await found(sold.databases) == []


@pytest.mark.parametrize(
    ("service", "breaks", "says"),
    [
        ("campaign", "UPDATE campaigns SET used = 2", ["was used 2 by its counter, and 1 by its redemptions"]),
        (
            "campaign",
            "UPDATE spending SET spent_minor = 199",
            ["has taken off, in minor units of GBP, 199 by its counter, and 200 by its redemptions"],
        ),
        ("campaign", "UPDATE coupons SET used = 0", ["was used 0 by its counter, and 1 by its redemptions"]),
        (
            "campaign",
            f"INSERT INTO customer_uses (campaign_id, user_id, used) SELECT id, '{CUSTOMER}', 1 FROM campaigns",
            [f"was used by {CUSTOMER} 1 by its counter, and 0 by its redemptions"],
        ),
        (
            "campaign",
            f"UPDATE purchases SET user_id = '{CUSTOMER}'",
            [f"was used by {CUSTOMER} 0 by its counter, and 1 by its redemptions"],
        ),
        (
            "campaign",
            """UPDATE campaigns SET limits = '{"most_uses": 0, "budget": [{"amount": 199, "currency": "GBP"}]}'""",
            ["has taken off 200, and 199 is the limit", "was used 1, and 0 is the limit"],
        ),
        ("campaign", f"{UNCHECKED} UPDATE coupons SET most_uses = 0", ["was used 1, and 0 is the limit"]),
        (
            "campaign",
            f"{RELEASED} {UNUSED}",
            ["has 200 off, and 0 were counted for it"],
        ),
        (
            "campaign",
            "UPDATE purchases SET order_id = gen_random_uuid()",
            ["has 200 off, and 0 were counted for it", "has used campaigns for 200, and there is no such order"],
        ),
        (
            "order",
            "UPDATE orders SET discount_minor = 201, total_minor = total_minor - 1",
            ["has 201 off, and 200 were counted for it"],
        ),
        (
            "order",
            "UPDATE orders SET status = 'canceled', fulfillment_status = 'canceled'",
            ["is canceled, and what it used of campaigns was not given back"],
        ),
    ],
)
async def test_what_is_broken_is_named(sold, service, breaks, says):
    connection = await asyncpg.connect(sold.databases[service].dsn)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(breaks)
        assert await found(sold.databases | {service: Inside(connection)}) == says
    finally:
        await transaction.rollback()
        await connection.close()
    assert await found(sold.databases) == []
