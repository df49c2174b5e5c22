"""Staff make campaigns, change and end them. One after the other: each counts, so that every process reads anew what
runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from stoa.kit import clock, staff_acts
from stoa.kit.db import Db, Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.ids import uuid7
from stoa.services.campaign import coupons_repository, repository
from stoa.services.campaign.bodies import NewCampaign, sound
from stoa.services.campaign.campaign import code_of
from stoa.services.campaign.coupons_repository import Terms
from stoa.services.campaign.errors import (
    CampaignEnded,
    CampaignInUse,
    LimitBelowUsed,
    NoSuchCampaign,
    TooManyRunning,
)
from stoa.services.campaign.repository import KeptCampaign
from stoa.services.campaign.service import Campaigns


async def find_campaign(db: Db, campaign_id: str) -> KeptCampaign:
    """Raises `NoSuchCampaign`."""
    found = await repository.read_campaign(db, campaign_id)
    if found is None:
        raise NoSuchCampaign
    return found


async def add_campaign(campaigns: Campaigns, new: NewCampaign) -> KeptCampaign:
    """Raises `UnsoundCampaign`, `NameTaken`, `TooManyRunning`."""
    said = sound(new)
    async with campaigns.db.transaction() as tx:
        return await _add(tx, campaigns, said)


async def import_campaigns(campaigns: Campaigns, new: Sequence[tuple[NewCampaign, Sequence[str]]]) -> int:
    """With their codes; one of a name that is there is left as it is. How many were not. Raises what adding does."""
    said = [(sound(one), codes) for one, codes in new]
    async with campaigns.db.transaction() as tx:
        await repository.hold_changes(tx)
        there = await repository.names_there(tx, [one.name for one, _ in said])
        wanted = [(one, codes) for one, codes in said if one.name not in there]
        for one, codes in wanted:
            added = await _add(tx, campaigns, one)
            await coupons_repository.add_coupons(tx, added.campaign.id, {code_of(code) for code in codes}, Terms())
        return len(wanted)


async def _add(tx: Transaction, campaigns: Campaigns, said: NewCampaign) -> KeptCampaign:
    campaign_id = uuid7()
    await repository.hold_changes(tx)
    await _check_room(tx, campaigns, None, said)
    await repository.add_campaign(tx, campaign_id, said)
    await staff_acts.record(tx, act="campaign.added", subject=campaign_id, after=_told(said))
    return await find_campaign(tx, campaign_id)


async def change_campaign(campaigns: Campaigns, campaign_id: str, new: NewCampaign, if_match: IfMatch) -> KeptCampaign:
    """All that is said of it. What is as it was, is no change. Raises `NoSuchCampaign`, `UnsoundCampaign`,
    `CampaignEnded`, `LimitBelowUsed`, `NameTaken`, `TooManyRunning`."""
    said = sound(new)
    async with campaigns.db.transaction() as tx:
        await repository.hold_changes(tx)
        before = await _locked(tx, campaign_id, if_match)
        if said_of(before) == said:
            return before
        if before.campaign.state == "ended":
            raise CampaignEnded
        _check_limits(before, said)
        await _check_room(tx, campaigns, before, said)
        await repository.change_campaign(tx, campaign_id, said)
        await staff_acts.record(
            tx, act="campaign.changed", subject=campaign_id, before=_told(said_of(before)), after=_told(said)
        )
        return await find_campaign(tx, campaign_id)


async def remove_campaign(campaigns: Campaigns, campaign_id: str, if_match: IfMatch) -> None:
    """A draft that nobody has used, with its codes. Raises `NoSuchCampaign`, `CampaignInUse`."""
    async with campaigns.db.transaction() as tx:
        await repository.hold_changes(tx)
        before = await _locked(tx, campaign_id, if_match)
        if before.campaign.state != "draft" or await repository.was_redeemed(tx, campaign_id):
            raise CampaignInUse
        await repository.remove_campaign(tx, campaign_id)
        await staff_acts.record(tx, act="campaign.removed", subject=campaign_id, before=_told(said_of(before)))


async def _locked(tx: Transaction, campaign_id: str, if_match: IfMatch) -> KeptCampaign:
    before = await repository.lock_campaign(tx, campaign_id)
    if before is None:
        raise NoSuchCampaign
    if_match.check(before.version)
    return before


async def _check_room(tx: Transaction, campaigns: Campaigns, before: KeptCampaign | None, said: NewCampaign) -> None:
    if said.state != "active" or (before is not None and before.campaign.state == "active"):
        return
    most = campaigns.settings.most_running
    if await repository.count_running(tx, clock.now()) >= most:
        raise TooManyRunning(most)


def _check_limits(before: KeptCampaign, said: NewCampaign) -> None:
    if said.limits.most_uses is not None and said.limits.most_uses < before.used:
        raise LimitBelowUsed("limits.most_uses", before.used)
    for at, budget in enumerate(said.limits.budget):
        if budget.amount < before.spent.get(budget.currency, 0):
            raise LimitBelowUsed(f"limits.budget[{at}].amount", before.spent[budget.currency])


def said_of(kept: KeptCampaign) -> NewCampaign:
    """What staff have said of it."""
    campaign = kept.campaign
    names = [name for name in NewCampaign.__struct_fields__ if name not in {"description", "effects"}]
    said: dict[str, Any] = {name: getattr(campaign, name) for name in names}
    return NewCampaign(**said, description=kept.description, effects=list(campaign.effects))


def _told(said: NewCampaign) -> dict[str, Any]:
    """What somebody has to know to judge the change; name and description are texts."""
    told: dict[str, Any] = msgspec.to_builtins(said)
    return {name: value for name, value in told.items() if name not in {"name", "description"}}
