"""Campaign: what comes off a purchase and why, and how often that was used.

It owns campaigns, their codes, and what each checkout has used of them. What always holds, whatever happens:

* no campaign, code or customer's share of one is used more often than its limit says, and no more comes off lines than
  its budget;
* what is counted of a campaign, a code and a customer is the sum of the redemptions that were not given back;
* a checkout uses all that it was quoted or nothing, once, and gives it back once;
* never more comes off a line than it costs, and what comes off the lines is what comes off in all, to the minor unit;
* what comes off is worked out of what the caller says and what staff have said: nobody else is asked.

docs/algorithms/promotions.md has the rules with worked tables, the locks and the reasons.
"""

from __future__ import annotations

import asyncio
from functools import partial

from stoa.contracts.campaign.v1.campaign_pb2_grpc import add_CampaignServiceServicer_to_server
from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.kit.service import Parts, Resources
from stoa.services.campaign.evaluate_carts import Evaluator
from stoa.services.campaign.handlers import give_back, order_canceled
from stoa.services.campaign.metrics import measure
from stoa.services.campaign.redeem import redeem_all
from stoa.services.campaign.release import release_all
from stoa.services.campaign.routes import routes
from stoa.services.campaign.rpc import CampaignServicer
from stoa.services.campaign.service import Campaigns
from stoa.services.campaign.settings import Settings


def campaigns_over(db: Database, settings: Settings) -> Campaigns:
    """The service over its database."""
    return Campaigns(
        db=db,
        settings=settings,
        evaluator=Evaluator(db),
        redeeming=Batcher(
            partial(redeem_all, db),
            locks=lambda one: (one.checkout_id, *(use.campaign_id for use in one.uses)),
        ),
        releasing=Batcher(partial(release_all, db), locks=lambda checkout_id: (checkout_id,)),
    )


def build(resources: Resources) -> Parts:
    campaigns = campaigns_over(resources.db, resources.settings(Settings))

    async def stop() -> None:
        await asyncio.gather(campaigns.redeeming.close(), campaigns.releasing.close())

    return Parts(
        routes=routes.bind(campaigns),
        servicers=[partial(add_CampaignServiceServicer_to_server, CampaignServicer(campaigns))],
        handlers={"order.canceled": order_canceled},
        batch_handler=give_back,
        stop=stop,
        measure=partial(measure, resources.db),
    )
