"""Settle a discrepancy: the shelf that did not have what was sold, or sent back, was counted."""

from __future__ import annotations

from stoa.kit import problems, staff_acts
from stoa.services.inventory import discrepancies_repository
from stoa.services.inventory.service import Inventory


async def settle_discrepancy(inventory: Inventory, number: int, note: str) -> None:
    """Raises `NotFound` where none of this number is open."""
    async with inventory.db.transaction() as tx:
        if not await discrepancies_repository.settle_discrepancy(tx, number, note):
            raise problems.NotFound("There is no open discrepancy of this number.", field="discrepancy_id")
        await staff_acts.record(
            tx, act="discrepancy.settled", subject=str(number), before={"settled": False}, after={"settled": True}
        )
