"""What the acts of checkout work with."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.services.checkout.find_promotions import PromotionsAsked
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.promotions import Promotions
from stoa.services.checkout.read_cart import CartAsked, CartContents
from stoa.services.checkout.recording import Claim, Claimed
from stoa.services.checkout.runner import Runner
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.waves import Gate, Station

CLAIM_SECONDS = 1.0
"""For claims that are on their way when a process stops: many times what a commit takes."""


@dataclass(frozen=True, kw_only=True)
class Checkouts:
    """Who places an order passes the `gate`, waits at `carts` for what is bought and at `promotions` for what comes
    off; `claims` writes the new row and starts its run."""

    db: Database
    settings: Settings
    neighbors: Neighbors
    gate: Gate
    carts: Station[CartAsked, CartContents]
    promotions: Station[PromotionsAsked, Promotions]
    claims: Batcher[Claim, Claimed]
    runner: Runner

    async def stop(self) -> None:
        """Who has not begun is told to come again, and what is under way gets some time to finish."""
        self.runner.turn_away()
        self.carts.close()
        self.promotions.close()
        await self.claims.close(CLAIM_SECONDS)
        await self.runner.stop()
