"""Redeem: count what the purchase uses of campaigns, all of it or nothing. A purchase of which nothing comes off asks
nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from stoa.contracts.campaign.v1.campaign_pb2 import (
    RedeemManyRequest,
    RedeemRequest,
    ReleaseManyRequest,
    ReleaseRequest,
    Use,
)
from stoa.kit.many import results_of
from stoa.services.checkout.messages import origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.promotions import Applied
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step, unchanged


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    async def redeem(some: Sequence[Purchase]) -> list[Purchase | Exception]:
        wave = RedeemManyRequest(requests=[_request(one) for one in some], origins=origins(some))
        answer = await neighbors.campaign.RedeemMany(wave, timeout=neighbors.timeout_seconds)
        return unchanged(some, results_of(answer.outcomes))

    return await _of_those_that_use_something(purchases, redeem)


async def undo(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    """Refuses a Redeem that is still on its way."""

    async def release(some: Sequence[Purchase]) -> list[Purchase | Exception]:
        requests = [ReleaseRequest(checkout_id=one.checkout_id) for one in some]
        wave = ReleaseManyRequest(requests=requests, origins=origins(some))
        answer = await neighbors.campaign.ReleaseMany(wave, timeout=neighbors.timeout_seconds)
        return unchanged(some, results_of(answer.outcomes))

    return await _of_those_that_use_something(purchases, release)


async def _of_those_that_use_something(
    purchases: Sequence[Purchase],
    act: Callable[[Sequence[Purchase]], Awaitable[list[Purchase | Exception]]],
) -> list[Purchase | Exception]:
    using = [one for one in purchases if _used(one)]
    results = iter(await act(using) if using else ())
    return [next(results) if _used(one) else one for one in purchases]


def _used(purchase: Purchase) -> Sequence[Applied]:
    return purchase.quote.promotions.applied if purchase.quote else ()


def _request(purchase: Purchase) -> RedeemRequest:
    return RedeemRequest(
        checkout_id=purchase.checkout_id,
        order_id=purchase.order_id,
        user_id=purchase.user_id or "",
        currency=purchase.priced.total.currency,
        uses=[
            Use(
                campaign_id=one.campaign_id,
                code=one.code or "",
                amount_minor=one.amount.amount,
                shipping_minor=one.shipping.amount,
            )
            for one in _used(purchase)
        ],
    )


REDEEM_PROMOTIONS = Step("redeem_promotions", do, undo)
