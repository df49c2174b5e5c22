"""What the doctor looks at among the work that is done on a timer: months that are made, imports that are worked at."""

from __future__ import annotations

from stoa.cli.databases import every_database
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure

WITHOUT_A_MONTH = "SELECT EXISTS (SELECT FROM stock_movements_later)"
MONTHS_UNTIL = """
    SELECT movement_months_until() AS until, (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months')
        AT TIME ZONE 'UTC' AS needed
"""

# Whoever works at one holds its lock. Behind that the others wait, which is no fault.
STUCK = """
    SELECT id, file_name, created_at, count(*) OVER () AS imports FROM product_imports
    WHERE state IN ('waiting', 'running') AND created_at < now() - interval '10 minutes' AND NOT EXISTS (
        SELECT FROM pg_locks JOIN product_imports AS other
        ON classid::bigint << 32 | objid::bigint = hashtextextended('product-import:' || other.id, 0)
        WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND other.state IN ('waiting', 'running')
    )
    ORDER BY id LIMIT 1
"""


async def movements(access: Access) -> str:
    async with every_database(access) as databases:
        inventory = databases["inventory"]
        if await inventory.fetchval(WITHOUT_A_MONTH):
            raise Failure(
                "movements of stock lie in no month: nobody has made one in time",
                "start the shop; if it runs, its log says why `make-movement-months` does not get the table",
            )
        row = await inventory.fetchrow(MONTHS_UNTIL)
    assert row is not None
    if row["until"] < row["needed"]:
        raise Failure(
            f"months for movements of stock are made until {row['until']:%Y-%m-%d} only",
            "start the shop; if it runs, its log says why `make-movement-months` does not get the table",
        )
    return f"each lies in its month; months are made until {row['until']:%Y-%m-%d}"


async def imports(access: Access) -> str:
    async with every_database(access) as databases:
        stuck = await databases["catalog"].fetchrow(STUCK)
    if stuck is not None:
        raise Failure(
            f"{stuck['imports']} imports of products wait, since {stuck['created_at']:%Y-%m-%d %H:%M} UTC "
            f"that of {stuck['file_name']}, and nobody works at them",
            "start the shop; if it runs, its log says why; "
            f"or cancel it by `DELETE /api/v1/product-imports/{stuck['id']}`",
        )
    return "none waits that nobody works at"
