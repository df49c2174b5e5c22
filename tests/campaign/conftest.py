"""Campaigns over a database of their own, and shorthands for what staff and checkouts do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from stoa.kit import context
from stoa.kit.clock import now
from stoa.kit.db import Database
from stoa.kit.events import Event
from stoa.kit.http.preconditions import ANYTHING
from stoa.kit.ids import uuid7
from stoa.kit.problems import Problem
from stoa.services.campaign import campaigns_over, coupons
from stoa.services.campaign.bodies import NewCampaign, NewCoupon
from stoa.services.campaign.campaign import Campaign
from stoa.services.campaign.cart import Cart, Line
from stoa.services.campaign.counting import Redemption, Use
from stoa.services.campaign.edit_campaigns import add_campaign, change_campaign, find_campaign, said_of
from stoa.services.campaign.evaluate import Evaluation
from stoa.services.campaign.evaluate_carts import CartAsked
from stoa.services.campaign.handlers import give_back
from stoa.services.campaign.routes import routes
from stoa.services.campaign.service import Campaigns
from stoa.services.campaign.settings import Settings
from stoa.testing import Rest

TEN_PERCENT = {"kind": "percentage", "basis_points": 1000}


def gbp(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "GBP"}


def new_campaign(name: str = "", **said: Any) -> NewCampaign:
    """Ten percent off everything, now, unless it is said otherwise."""
    return msgspec.convert(
        {"name": name or f"Campaign {uuid7()}", "state": "active", "effects": [TEN_PERCENT]} | said, NewCampaign
    )


def campaign_of(name: str = "", **said: Any) -> Campaign:
    """As it runs, without a database."""
    new = new_campaign(name, **said)
    named = {field: getattr(new, field) for field in Campaign.__struct_fields__ if field != "id"}
    return Campaign(id=uuid7(), **named)


def line(sku: str, quantity: int, price: int, **known: Any) -> Line:
    return Line(
        **{"sku": sku, "product_id": f"product of {sku}", "quantity": quantity, "unit_price_minor": price} | known
    )


def cart_of(*lines: Line, **known: Any) -> Cart:
    return Cart(**{"currency": "GBP", "user_id": uuid7(), "groups": (), "lines": lines} | known)


def redemption(campaign: str, code: str = "", amount: int = 100, **known: Any) -> Redemption:
    uses = [Use(campaign_id=campaign, code=code, amount_minor=amount, shipping_minor=0)]
    return Redemption(
        **{"checkout_id": uuid7(), "order_id": uuid7(), "user_id": uuid7(), "currency": "GBP", "uses": uses} | known
    )


@dataclass
class Shop:
    """`campaigns` of one process and shorthands over it."""

    campaigns: Campaigns

    @property
    def db(self) -> Database:
        return self.campaigns.db

    async def run(self, name: str = "", codes: Sequence[str] = (), **said: Any) -> str:
        """The id of a campaign that runs, with codes that may be used as often as it."""
        added = await add_campaign(self.campaigns, new_campaign(name, by_coupon=bool(codes), **said))
        for code in codes:
            await coupons.add_coupon(self.campaigns, added.campaign.id, NewCoupon(code=code))
        return added.campaign.id

    async def say(self, campaign_id: str, **said: Any) -> None:
        kept = await find_campaign(self.db, campaign_id)
        changed = msgspec.convert(msgspec.to_builtins(said_of(kept)) | said, NewCampaign)
        await change_campaign(self.campaigns, campaign_id, changed, ANYTHING)

    async def evaluate(self, cart: Cart, *codes: str) -> Evaluation:
        [answer] = await self.campaigns.evaluator.evaluate([CartAsked(cart, codes)])
        return answer

    async def redeem(self, *asked: Redemption) -> list[str]:
        """By their slugs what they were refused for; empty where they are redeemed."""
        outcomes = await self.campaigns.redeeming.submit_many(asked, [context.current()] * len(asked))
        return [one.slug if isinstance(one, Problem) else "" for one in outcomes]

    async def release(self, *checkout_ids: str) -> None:
        await self.campaigns.releasing.submit_many(checkout_ids, [context.current()] * len(checkout_ids))

    async def cancel(self, *order_ids: str) -> None:
        """Hear that they were canceled, as the inbox does: in one transaction."""
        events = [
            Event(
                id=uuid7(),
                type="order.canceled",
                source="order",
                subject=order_id,
                time=now(),
                aggregateversion=1,
                traceparent="",
                data={"order_id": order_id},
            )
            for order_id in order_ids
        ]
        async with self.db.transaction() as tx:
            assert list(await give_back(tx, events)) == []

    async def counted(self, campaign_id: str) -> tuple[int, int]:
        """How often, and for how much."""
        kept = await find_campaign(self.db, campaign_id)
        return kept.used, kept.spent.get("GBP", 0)

    async def of_coupon(self, code: str) -> int:
        used: int = await self.db.fetchval("SELECT used FROM coupons WHERE code = $1", code)
        return used

    async def everything(self) -> list[Any]:
        """All rows that an act may change."""
        tables = ("campaigns", "spending", "coupons", "customer_uses", "purchases", "redemptions")
        return [await self.db.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


@pytest.fixture
async def shop(database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[Shop]:
    yield Shop(campaigns_over(await database("campaign"), Settings()))


@pytest.fixture
def another(shop: Shop) -> Callable[[], Shop]:
    """One more process on the same database."""
    return lambda: Shop(campaigns_over(shop.db, shop.campaigns.settings))


@pytest.fixture
def rest(shop: Shop) -> Rest:
    return Rest(routes.bind(shop.campaigns), shop.db)
