"""Set right what is counted wrong, beside a shop that sells: `stoa repair stock`.

What is on hand becomes what its movements sum to, what is reserved what is promised, what is incoming what receipts and
transfers are still to bring, and what is backordered what is owed. It says what it changed, and keeps it with the acts
of operators. With --dry-run it says what it would change. Exit status 1 where something is left that only somebody at
the shelf can say.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.markup import escape

from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.contracts.inventory.v1.inventory_pb2 import RepairStockRequest, RepairStockResponse
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub

if TYPE_CHECKING:
    from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceAsyncStub

PIECE_SECONDS = 600
"""As long as reading all reservations may take, ten times over."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["stock"], help="what to set right")
    parser.add_argument("--dry-run", action="store_true", help="say what is wrong, and change nothing")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> int:
    here = installation.installation_of(arguments)
    configure_logs("repair", read_settings(here.environ))
    async with here.existing() as access, whole_system(access, here) as channel_to:
        return await repair(InventoryServiceStub(channel_to("inventory")), console, dry_run=arguments.dry_run)


async def repair(inventory: InventoryServiceAsyncStub, console: Console, *, dry_run: bool) -> int:
    """Say of each counter that was wrong what became of it; the exit status."""
    found = await inventory.RepairStock(RepairStockRequest(dry_run=dry_run), timeout=PIECE_SECONDS)
    pieces = [found]
    console.expect(1)
    with console.step("Stock", total=found.items) as step:
        while found.looked_at:
            step.advance(found.looked_at)
            request = RepairStockRequest(after_sku=found.last_sku, dry_run=dry_run)
            found = await inventory.RepairStock(request, timeout=PIECE_SECONDS)
            pieces.append(found)
        step.note = "nothing is changed" if dry_run else ""
    mended = [row for piece in pieces for row in piece.mended]
    left = {
        "more is promised than its movements sum to; count the shelf": _unmended(pieces, in_warehouses=True),
        "more is owed than its limit; set the limit of its policy": _unmended(pieces, in_warehouses=False),
        "it was changed whenever it was looked at; try again": [row for one in pieces for row in one.busy],
    }
    _say(console, mended, "would be set right" if dry_run else "set right")
    for why, rows in left.items():
        _say(console, rows, f"left as it is: {why}")
    if not mended and not any(left.values()):
        console.say("Every counter is right: nothing to repair.")
    return 1 if any(left.values()) else 0


def _unmended(pieces: Sequence[RepairStockResponse], *, in_warehouses: bool) -> list[RepairStockResponse.Counter]:
    return [one for piece in pieces for one in piece.unmended if bool(one.warehouse_id) == in_warehouses]


def _say(console: Console, counters: Sequence[RepairStockResponse.Counter], what: str) -> None:
    for (sku, warehouse_id), some in groupby(counters, lambda one: (one.sku, one.warehouse_id)):
        where = f"{escape(sku)} in {escape(warehouse_id)}" if warehouse_id else escape(sku)
        became = ", ".join(f"{one.counter.replace('_', ' ')} {one.was} → {one.right}" for one in some)
        console.say(f"{where}: {became}, {what}")
