"""Add the customer groups that a shop begins with."""

from __future__ import annotations

from collections.abc import Mapping

from stoa.kit import staff_acts
from stoa.services.auth import groups_repository
from stoa.services.auth.service import Auth


async def import_groups(auth: Auth, described: Mapping[str, str]) -> int:
    """How many were added, of these names with what they are; those that are there stay as they are."""
    added = 0
    async with auth.db.transaction() as tx:
        for name, description in sorted(described.items()):
            if await groups_repository.add_group(tx, name, description) is not None:
                await staff_acts.record_operator(
                    tx, act="group.added", subject=name, after={"description": description}, reason="import"
                )
                added += 1
    return added
