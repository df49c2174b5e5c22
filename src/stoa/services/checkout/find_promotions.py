"""What comes off carts: campaign is asked with all that it looks at, many carts in one call."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.contracts.campaign.v1 import campaign_pb2 as pb
from stoa.kit.db import Db
from stoa.kit.money import Money
from stoa.services.checkout import repository
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.promotions import Applied, LineDiscount, NotApplied, Promotions
from stoa.services.checkout.read_cart import CartContents


class PromotionsAsked(msgspec.Struct, frozen=True):
    """A cart, who buys it, and the codes as they were entered."""

    cart: CartContents
    user_id: str | None
    groups: tuple[str, ...]
    codes: tuple[str, ...]


async def find_promotions(db: Db, neighbors: Neighbors, asked: Sequence[PromotionsAsked]) -> list[Promotions]:
    """Each in its place. Where it depends on whether the customer has bought before, it is asked for again with that:
    our own checkouts know."""
    requests = [_request(one, neighbors.rules.currency) for one in asked]
    evaluations = await _evaluate(neighbors, requests)
    if again := [at for at, one in enumerate(evaluations) if one.asks_has_ordered]:
        ordered = await repository.have_ordered(db, {requests[at].user_id for at in again})
        for at in again:
            requests[at].has_ordered = requests[at].user_id in ordered
        for at, evaluation in zip(again, await _evaluate(neighbors, [requests[at] for at in again]), strict=True):
            evaluations[at] = evaluation
    return [_promotions(request, one) for request, one in zip(requests, evaluations, strict=True)]


async def find_alone(db: Db, neighbors: Neighbors, asked: PromotionsAsked) -> Promotions:
    (found,) = await find_promotions(db, neighbors, [asked])
    return found


async def _evaluate(neighbors: Neighbors, requests: Sequence[pb.EvaluateRequest]) -> list[pb.Evaluation]:
    wave = pb.EvaluateManyRequest(requests=requests)
    return list((await neighbors.campaign.EvaluateMany(wave, timeout=neighbors.timeout_seconds)).evaluations)


def _request(asked: PromotionsAsked, currency: str) -> pb.EvaluateRequest:
    return pb.EvaluateRequest(
        currency=currency,
        user_id=asked.user_id or "",
        groups=asked.groups,
        codes=asked.codes,
        lines=[
            pb.CartLine(
                sku=item.sku,
                product_id=item.product_id,
                quantity=item.quantity,
                unit_price_minor=item.unit_price.amount,
                categories=kinds.categories,
                collections=kinds.collections,
                brand=kinds.brand,
            )
            for item, kinds in zip(asked.cart.items, asked.cart.kinds, strict=True)
        ],
    )


def _promotions(request: pb.EvaluateRequest, evaluation: pb.Evaluation) -> Promotions:
    return Promotions(
        applied=[_applied(request, one) for one in evaluation.applied],
        not_applied=[_not_applied(request, one) for one in evaluation.not_applied],
    )


def _applied(request: pb.EvaluateRequest, one: pb.Applied) -> Applied:
    currency = request.currency
    return Applied(
        campaign_id=one.campaign_id,
        name=one.name,
        code=one.code or None,
        amount=Money(one.amount_minor, currency),
        lines=[
            LineDiscount(line.sku, Money(amount, currency))
            for line, amount in zip(request.lines, one.lines_minor, strict=True)
            if amount
        ],
        shipping=Money(0, currency),
        free_shipping=one.free_shipping,
        shipping_methods=list(one.shipping_methods),
        how=one.how,
    )


def _not_applied(request: pb.EvaluateRequest, one: pb.NotApplied) -> NotApplied:
    return NotApplied(
        campaign_id=one.campaign_id or None,
        name=one.name or None,
        code=one.code or None,
        reason=one.reason,
        detail=one.detail,
        missing=Money(one.missing_minor, request.currency) if one.missing_minor else None,
        missing_quantity=one.missing_quantity or None,
    )
