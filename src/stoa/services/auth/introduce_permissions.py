"""At the start: a permission that this shop has not seen before goes to the roles that its declaration names."""

from __future__ import annotations

from stoa.services.auth import roles_repository
from stoa.services.auth.service import Auth


async def introduce_permissions(auth: Auth) -> None:
    """Once for each, by one of the processes that start: what an admin takes away again stays away."""
    declared = auth.permissions.by_name
    async with auth.db.transaction() as tx:
        new = await roles_repository.add_known(tx, declared)
        pairs = [(role, name) for name in sorted(new) for role in declared[name].given_to]
        if pairs:
            await roles_repository.give(tx, pairs)
