"""Planning otherwise than once for all arguments.

For a queue: its table is empty when PostgreSQL looks at it and long when it matters. And for what is best done in one
way or in quite another, as the arguments are.
"""

from __future__ import annotations

from stoa.kit.db import BY_INDEX, Transaction

PLAN_BY_INDEX = "; ".join(f"SET LOCAL {name} = {value}" for name, value in BY_INDEX.items())
PLAN_AS_USUAL = "; ".join(f"SET LOCAL {name} TO DEFAULT" for name in BY_INDEX)
PLAN_FOR_ARGUMENTS = "SET LOCAL plan_cache_mode = force_custom_plan"


async def plan_by_index(tx: Transaction) -> None:
    """Have the statements that follow in this transaction go by index."""
    await tx.execute(PLAN_BY_INDEX)


async def plan_for_arguments(tx: Transaction) -> None:
    """Have the statements that follow in this transaction planned each time, for what they are asked with."""
    await tx.execute(PLAN_FOR_ARGUMENTS)
