"""Staff give out codes: single ones, or many that nobody could guess; and take them back."""

from __future__ import annotations

import secrets

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.services.campaign import coupons_repository, repository
from stoa.services.campaign.bodies import NewCoupon, NewCoupons, sound_coupon, sound_coupons
from stoa.services.campaign.campaign import code_of
from stoa.services.campaign.coupons_repository import KeptCoupon, Terms
from stoa.services.campaign.errors import CampaignEnded, CodeTaken, NoCodesTaken, NoSuchCampaign, NoSuchCoupon
from stoa.services.campaign.repository import KeptCampaign
from stoa.services.campaign.service import Campaigns

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without the letters that are taken for a digit or for each other, and the one that makes words."""


async def add_coupon(campaigns: Campaigns, campaign_id: str, new: NewCoupon) -> KeptCoupon:
    """Raises `NoSuchCampaign`, `CampaignEnded`, `NoCodesTaken`, `UnsoundCoupon`, `CodeTaken`."""
    said = sound_coupon(new)
    async with campaigns.db.transaction() as tx:
        await _locked(tx, campaign_id)
        terms = Terms(said.most_uses, said.starts_at, said.ends_at)
        added = await coupons_repository.add_coupons(tx, campaign_id, [said.code], terms)
        if not added:
            raise CodeTaken
        await staff_acts.record(tx, act="coupon.added", subject=campaign_id, after={"code": said.code})
        return added[0]


async def generate_coupons(campaigns: Campaigns, campaign_id: str, new: NewCoupons) -> list[KeptCoupon]:
    """In the order of the codes. Raises `NoSuchCampaign`, `CampaignEnded`, `NoCodesTaken`, `UnsoundCoupon`."""
    said = sound_coupons(new)
    async with campaigns.db.transaction() as tx:
        await _locked(tx, campaign_id)
        terms = Terms(said.most_uses, said.starts_at, said.ends_at)
        added: list[KeptCoupon] = []
        while len(added) < said.count:
            # One in some billions of billions is there already: another is drawn then.
            drawn = _draw(said.prefix, said.count - len(added), campaigns.settings.code_characters)
            added += await coupons_repository.add_coupons(tx, campaign_id, drawn, terms)
        after = {"count": said.count, "prefix": said.prefix}
        await staff_acts.record(tx, act="coupons.generated", subject=campaign_id, after=after)
    return sorted(added, key=lambda one: one.code)


async def revoke_coupon(campaigns: Campaigns, campaign_id: str, code: str) -> KeptCoupon:
    """From now on it is not taken; a repeat changes nothing. Raises `NoSuchCampaign`, `NoSuchCoupon`."""
    async with campaigns.db.transaction() as tx:
        if await repository.lock_campaign(tx, campaign_id) is None:
            raise NoSuchCampaign
        found = await coupons_repository.read_coupon(tx, campaign_id, code_of(code))
        if found is None:
            raise NoSuchCoupon
        if found.revoked_at is not None:
            return found
        await staff_acts.record(tx, act="coupon.revoked", subject=campaign_id, before={"code": found.code})
        return await coupons_repository.revoke_coupon(tx, found.id)


async def _locked(tx: Transaction, campaign_id: str) -> KeptCampaign:
    """One that takes codes."""
    campaign = await repository.lock_campaign(tx, campaign_id)
    if campaign is None:
        raise NoSuchCampaign
    if campaign.campaign.state == "ended":
        raise CampaignEnded
    if not campaign.campaign.by_coupon:
        raise NoCodesTaken
    return campaign


def _draw(prefix: str, count: int, characters: int) -> set[str]:
    codes: set[str] = set()
    while len(codes) < count:
        codes.add(prefix + "".join(secrets.choice(ALPHABET) for _ in range(characters)))
    return codes
