"""What the acts of checkout work with."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.batcher import Batcher
from stoa.kit.db import Database
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.read_cart import CartAsked, CartContents
from stoa.services.checkout.recording import Claim, Claimed
from stoa.services.checkout.runner import Runner
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.waves import Gate, Station

CLAIM_SECONDS = 1.0
"""For claims that are on their way when a process stops: many times what a commit takes."""


@dataclass(frozen=True, kw_only=True)
class Checkouts:
    """Who places an order passes the `gate` and waits at `carts` for what is bought; `claims` writes the new row and
    starts its run."""

    db: Database
    settings: Settings
    neighbors: Neighbors
    gate: Gate
    carts: Station[CartAsked, CartContents]
    claims: Batcher[Claim, Claimed]
    runner: Runner

    async def stop(self) -> None:
        """Who has not begun is told to come again, and what is under way gets some time to finish."""
        self.runner.turn_away()
        self.carts.close()
        await self.claims.close(CLAIM_SECONDS)
        await self.runner.stop()
