"""What `stoa audit` compares of gift wraps."""

from __future__ import annotations

from stoa.audit.finding import Finding, Findings, Invariant
from stoa.audit.look import Look, side_by_side

CHOSEN = "SELECT order_id AS key, paper FROM wraps WHERE version > 0 AND order_id >= $1 ORDER BY order_id"

ANNOUNCED = """
    SELECT DISTINCT ON (subject::uuid) subject::uuid AS key, data ->> 'paper' AS paper
    FROM event_log WHERE type = 'giftwrap.chosen' AND subject::uuid >= $1
    ORDER BY subject::uuid, aggregate_version DESC
"""


async def check(look: Look) -> Findings:
    """The log is shorter than the table is old: what was not announced at all is too old to be compared."""
    chosen, announced = look.rows("giftwrap", CHOSEN, look.since), look.rows("giftwrap", ANNOUNCED, look.since)
    async for order_id, (wraps, facts) in side_by_side(chosen, announced):
        for fact in facts:
            if [wrap["paper"] for wrap in wraps] != [fact["paper"]]:
                yield Finding(order_id, f"was announced to be wrapped in {fact['paper']}, and is not")


INVARIANTS = (Invariant(0, "an order is wrapped as was announced", check),)
