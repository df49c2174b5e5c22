"""Staff's API of campaigns and their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery
from stoa.kit.money import Money
from stoa.services.campaign import coupons, coupons_repository, edit_campaigns, redemptions_repository, repository
from stoa.services.campaign.bodies import Code, NewCampaign, NewCoupon, NewCoupons
from stoa.services.campaign.campaign import Conditions, Effect, Hours, Limits, Selection, State, code_of
from stoa.services.campaign.coupons_repository import KeptCoupon
from stoa.services.campaign.errors import NoSuchCoupon
from stoa.services.campaign.redemptions_repository import Redeemed
from stoa.services.campaign.repository import KeptCampaign
from stoa.services.campaign.service import Campaigns

READ = may("campaign.campaigns.read")
EDIT = may("campaign.campaigns.edit")

routes: Routes[Campaigns] = Routes(
    "campaign", about={"campaign_id": "The campaign's id", "code": "A code of the campaign, in whatever case"}
)


class CampaignView(msgspec.Struct, kw_only=True):
    """What was said of it, how often it was used, and what came off lines in all, by currency."""

    id: str
    name: str
    description: str
    state: State
    by_coupon: bool
    priority: int
    exclusive: bool
    combination_sets: Sequence[str]
    starts_at: datetime | None
    ends_at: datetime | None
    hours: Hours | None
    selection: Selection
    conditions: Conditions
    effects: Sequence[Effect]
    limits: Limits
    used: int
    spent: Sequence[Money]
    version: int
    created_at: datetime
    updated_at: datetime


class CouponView(msgspec.Struct, kw_only=True):
    code: str
    most_uses: int | None
    used: int
    starts_at: datetime | None
    ends_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class Generated(msgspec.Struct):
    """In the order of the codes."""

    items: Sequence[CouponView]


class RedemptionView(msgspec.Struct, kw_only=True):
    """What an order used: `amount` came off its lines, `shipping` off shipping. Given back at `released_at`."""

    checkout_id: str
    order_id: str | None
    user_id: str | None
    code: str | None
    amount: Money
    shipping: Money
    created_at: datetime
    released_at: datetime | None


class CampaignsQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """state: only those in this state"""

    state: State | None = None


@routes.get("/campaigns", query=CampaignsQuery, answer=Page[CampaignView], who=READ, summary="Campaigns, newest first")
async def list_campaigns(campaigns: Campaigns, request: Request[None, CampaignsQuery]) -> Page[CampaignView]:
    query = request.query
    before = decode_key(query.cursor, tuple[Id])
    found = await repository.campaigns_before(campaigns.db, before, query.limit + 1, query.state)
    return page_of([_view(each) for each in found], query.limit, lambda view: (view.id,))


@routes.post("/campaigns", body=NewCampaign, answer=CampaignView, status=201, who=EDIT, summary="Make a campaign")
async def post_campaign(campaigns: Campaigns, request: Request[NewCampaign]) -> CampaignView:
    """A draft, unless it says another state."""
    return _view(await edit_campaigns.add_campaign(campaigns, request.body))


@routes.get("/campaigns/{campaign_id:uuid}", answer=CampaignView, who=READ, summary="A campaign by its id")
async def get_campaign(campaigns: Campaigns, request: Request) -> CampaignView:
    return _view(await edit_campaigns.find_campaign(campaigns.db, request.path["campaign_id"]))


@routes.put(
    "/campaigns/{campaign_id:uuid}",
    body=NewCampaign,
    answer=CampaignView,
    who=EDIT,
    versioned=True,
    summary="Change a campaign",
)
async def put_campaign(campaigns: Campaigns, request: Request[NewCampaign]) -> CampaignView:
    """All that is said of it: what is left out is as in a new one, a draft without a `state`. What has ended stays."""
    changed = await edit_campaigns.change_campaign(
        campaigns, request.path["campaign_id"], request.body, request.if_match
    )
    return _view(changed)


@routes.delete("/campaigns/{campaign_id:uuid}", who=EDIT, versioned=True, summary="Remove a draft with its codes")
async def delete_campaign(campaigns: Campaigns, request: Request) -> None:
    """One that orders may name is ended instead: PUT it with the state `ended`."""
    await edit_campaigns.remove_campaign(campaigns, request.path["campaign_id"], request.if_match)


@routes.get(
    "/campaigns/{campaign_id:uuid}/coupons",
    query=PageQuery,
    answer=Page[CouponView],
    who=READ,
    summary="The codes of a campaign, in their order",
)
async def list_coupons(campaigns: Campaigns, request: Request[None, PageQuery]) -> Page[CouponView]:
    query = request.query
    campaign = await edit_campaigns.find_campaign(campaigns.db, request.path["campaign_id"])
    after = decode_key(query.cursor, tuple[Code]) or ""
    found = await coupons_repository.coupons_after(campaigns.db, campaign.campaign.id, after, query.limit + 1)
    return page_of([_coupon(each) for each in found], query.limit, lambda view: (view.code,))


@routes.post(
    "/campaigns/{campaign_id:uuid}/coupons",
    body=NewCoupon,
    answer=CouponView,
    status=201,
    who=EDIT,
    summary="Give out a code",
)
async def post_coupon(campaigns: Campaigns, request: Request[NewCoupon]) -> CouponView:
    return _coupon(await coupons.add_coupon(campaigns, request.path["campaign_id"], request.body))


@routes.post(
    "/campaigns/{campaign_id:uuid}/coupons/generate",
    body=NewCoupons,
    answer=Generated,
    status=201,
    who=EDIT,
    summary="Give out many codes that nobody could guess",
)
async def post_coupons(campaigns: Campaigns, request: Request[NewCoupons]) -> Generated:
    made = await coupons.generate_coupons(campaigns, request.path["campaign_id"], request.body)
    return Generated([_coupon(each) for each in made])


@routes.get("/campaigns/{campaign_id:uuid}/coupons/{code}", answer=CouponView, who=READ, summary="A code by itself")
async def get_coupon(campaigns: Campaigns, request: Request) -> CouponView:
    found = await coupons_repository.read_coupon(
        campaigns.db, request.path["campaign_id"], code_of(request.path["code"])
    )
    if found is None:
        raise NoSuchCoupon
    return _coupon(found)


@routes.delete(
    "/campaigns/{campaign_id:uuid}/coupons/{code}", answer=CouponView, who=EDIT, summary="Take a code no longer"
)
async def delete_coupon(campaigns: Campaigns, request: Request) -> CouponView:
    """It stays to be seen, because orders may name it."""
    return _coupon(await coupons.revoke_coupon(campaigns, request.path["campaign_id"], request.path["code"]))


@routes.get(
    "/campaigns/{campaign_id:uuid}/redemptions",
    query=PageQuery,
    answer=Page[RedemptionView],
    who=READ,
    summary="Which orders used a campaign, newest first",
)
async def list_redemptions(campaigns: Campaigns, request: Request[None, PageQuery]) -> Page[RedemptionView]:
    query = request.query
    campaign = await edit_campaigns.find_campaign(campaigns.db, request.path["campaign_id"])
    before = decode_key(query.cursor, tuple[Id])
    found = await redemptions_repository.redemptions_before(campaigns.db, campaign.campaign.id, before, query.limit + 1)
    return page_of([_redemption(each) for each in found], query.limit, lambda view: (view.checkout_id,))


def _view(kept: KeptCampaign) -> CampaignView:
    names = [name for name in CampaignView.__struct_fields__ if hasattr(kept.campaign, name)]
    said = {name: getattr(kept.campaign, name) for name in names}
    return CampaignView(
        **said,
        description=kept.description,
        used=kept.used,
        spent=_by_currency(kept.spent),
        version=kept.version,
        created_at=kept.created_at,
        updated_at=kept.updated_at,
    )


def _by_currency(amounts: Mapping[str, int]) -> list[Money]:
    return [Money(amount, currency) for currency, amount in sorted(amounts.items())]


def _coupon(kept: KeptCoupon) -> CouponView:
    return CouponView(**{name: getattr(kept, name) for name in CouponView.__struct_fields__})


def _redemption(one: Redeemed) -> RedemptionView:
    return RedemptionView(
        checkout_id=one.checkout_id,
        order_id=one.order_id,
        user_id=one.user_id,
        code=one.code,
        amount=Money(one.amount_minor, one.currency),
        shipping=Money(one.shipping_minor, one.currency),
        created_at=one.created_at,
        released_at=one.released_at,
    )
