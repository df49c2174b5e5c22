"""What the acts of campaign work with."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.kit.problems import Problem
from stoa.services.campaign.counting import Redemption
from stoa.services.campaign.evaluate_carts import Evaluator
from stoa.services.campaign.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Campaigns:
    db: Database
    settings: Settings
    evaluator: Evaluator
    redeeming: Batcher[Redemption, Problem | None]
    releasing: Batcher[str, None]
