"""Campaign for other services: proto/stoa/campaign/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.contracts.campaign.v1 import campaign_pb2 as pb
from stoa.contracts.campaign.v1.campaign_pb2_grpc import CampaignServiceServicer
from stoa.contracts.common.v1.common_pb2 import Outcome
from stoa.kit.http.decoding import converted, decode_body
from stoa.kit.http.types import Id, Quantity, Sku
from stoa.kit.many import done, each, outcome
from stoa.kit.money import MOST_MINOR, Currency
from stoa.services.campaign.bodies import Code, NewCampaign
from stoa.services.campaign.campaign import code_of
from stoa.services.campaign.cart import Cart, Line
from stoa.services.campaign.counting import Redemption, Use
from stoa.services.campaign.edit_campaigns import import_campaigns
from stoa.services.campaign.evaluate import Applied, Evaluation, NotApplied
from stoa.services.campaign.evaluate_carts import CartAsked
from stoa.services.campaign.service import Campaigns

MOST_USES = 100
"""Of one checkout."""

Minor = Annotated[int, Meta(ge=0, le=MOST_MINOR)]


class _Line(msgspec.Struct, kw_only=True):
    sku: Sku
    quantity: Quantity
    unit_price_minor: Minor


class _Cart(msgspec.Struct, kw_only=True):
    currency: Currency
    user_id: Id | None
    lines: Annotated[list[_Line], Meta(max_length=1_000)]


class _Use(msgspec.Struct, kw_only=True):
    campaign_id: Id
    code: Code | None
    amount_minor: Minor
    shipping_minor: Minor


class _Redeem(msgspec.Struct, kw_only=True):
    checkout_id: Id
    order_id: Id
    user_id: Id | None
    currency: Currency
    uses: Annotated[list[_Use], Meta(min_length=1, max_length=MOST_USES)]


class _Release(msgspec.Struct):
    checkout_id: Id


class CampaignServicer(CampaignServiceServicer):
    """Requests in, problems or answers out; the work is in the acts."""

    def __init__(self, campaigns: Campaigns) -> None:
        self._campaigns = campaigns

    async def EvaluateMany(self, request: pb.EvaluateManyRequest, context: Any) -> pb.EvaluateManyResponse:
        evaluated = await self._campaigns.evaluator.evaluate([_asked(one) for one in request.requests])
        return pb.EvaluateManyResponse(evaluations=map(_evaluation, evaluated))

    async def RedeemMany(self, request: pb.RedeemManyRequest, context: Any) -> pb.RedeemManyResponse:
        redeeming = self._campaigns.redeeming
        results = await each(
            lambda one, origin: redeeming.enter(_redemption(one), origin), request.requests, request.origins
        )
        return pb.RedeemManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])

    async def ReleaseMany(self, request: pb.ReleaseManyRequest, context: Any) -> pb.ReleaseManyResponse:
        releasing = self._campaigns.releasing
        results = await each(
            lambda one, origin: releasing.enter(_checkout_id(one), origin), request.requests, request.origins
        )
        return pb.ReleaseManyResponse(outcomes=[outcome(Outcome, one, done) for one in results])

    async def ImportCampaigns(self, request: pb.ImportCampaignsRequest, context: Any) -> pb.ImportCampaignsResponse:
        new = [
            (decode_body(one.campaign_json, "application/json", NewCampaign), list(one.codes))
            for one in request.campaigns
        ]
        return pb.ImportCampaignsResponse(added=await import_campaigns(self._campaigns, new))


def _asked(request: pb.EvaluateRequest) -> CartAsked:
    said = {
        "currency": request.currency,
        "user_id": request.user_id or None,
        "lines": [
            {"sku": line.sku, "quantity": line.quantity, "unit_price_minor": line.unit_price_minor}
            for line in request.lines
        ],
    }
    asked = converted(said, _Cart)
    lines = [
        Line(
            sku=line.sku,
            product_id=line.product_id,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            categories=list(line.categories),
            collections=list(line.collections),
            brand=line.brand,
        )
        for line in request.lines
    ]
    cart = Cart(
        currency=asked.currency,
        user_id=asked.user_id and asked.user_id.lower(),
        groups=list(request.groups),
        lines=lines,
        has_ordered=request.has_ordered if request.HasField("has_ordered") else None,
    )
    return CartAsked(cart, list(request.codes))


def _redemption(request: pb.RedeemRequest) -> Redemption:
    said = {
        "checkout_id": request.checkout_id,
        "order_id": request.order_id,
        "user_id": request.user_id or None,
        "currency": request.currency,
        "uses": [
            {
                "campaign_id": use.campaign_id,
                "code": use.code or None,
                "amount_minor": use.amount_minor,
                "shipping_minor": use.shipping_minor,
            }
            for use in request.uses
        ],
    }
    asked = converted(said, _Redeem)
    return Redemption(
        checkout_id=asked.checkout_id.lower(),
        order_id=asked.order_id.lower(),
        user_id=asked.user_id and asked.user_id.lower(),
        currency=asked.currency,
        uses=[
            Use(
                campaign_id=use.campaign_id.lower(),
                code=code_of(use.code) if use.code else "",
                amount_minor=use.amount_minor,
                shipping_minor=use.shipping_minor,
            )
            for use in asked.uses
        ],
    )


def _checkout_id(request: pb.ReleaseRequest) -> str:
    return converted({"checkout_id": request.checkout_id}, _Release).checkout_id.lower()


def _evaluation(evaluation: Evaluation) -> pb.Evaluation:
    return pb.Evaluation(
        applied=map(_applied, evaluation.applied),
        not_applied=map(_not_applied, evaluation.not_applied),
        asks_has_ordered=evaluation.asks_has_ordered,
    )


def _applied(one: Applied) -> pb.Applied:
    return pb.Applied(
        campaign_id=one.campaign.id,
        name=one.campaign.name,
        code=one.code,
        amount_minor=one.amount,
        lines_minor=one.lines,
        free_shipping=one.free_shipping,
        shipping_methods=one.methods,
        how=one.how,
    )


def _not_applied(one: NotApplied) -> pb.NotApplied:
    return pb.NotApplied(
        campaign_id=one.campaign.id if one.campaign else "",
        name=one.campaign.name if one.campaign else "",
        code=one.code,
        reason=one.reason,
        detail=one.detail,
        missing_minor=one.missing_minor,
        missing_quantity=one.missing_quantity,
    )
