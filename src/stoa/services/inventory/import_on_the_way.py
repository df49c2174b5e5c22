"""Import what is on its way: transfers that are sent at once, and what is expected of suppliers."""

from __future__ import annotations

from collections.abc import Mapping

from stoa.kit.http.preconditions import ANYTHING
from stoa.services.inventory import receipts_repository, transfers_repository
from stoa.services.inventory.receipt import Order
from stoa.services.inventory.receipts import expect_goods
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.transfer import Draft, TransferState
from stoa.services.inventory.transfers import draft_transfer, send_transfer


async def import_on_the_way(
    inventory: Inventory,
    transfers: Mapping[str, Draft],
    receipts: Mapping[str, Order],
) -> int:
    """Each by its id, an act of its own; how many transfers and receipts were not there. A repeat adds none, and sends
    what was drafted and not sent."""
    added = 0
    for transfer_id, draft in transfers.items():
        found = await transfers_repository.transfer(inventory.db, transfer_id)
        if found is None:
            found = await draft_transfer(inventory, draft, transfer_id)
            added += 1
        if found.state is TransferState.DRAFT:
            await send_transfer(inventory, transfer_id, user_id=None, if_match=ANYTHING)
    for receipt_id, order in receipts.items():
        if await receipts_repository.receipt(inventory.db, receipt_id) is None:
            await expect_goods(inventory, order, receipt_id)
            added += 1
    return added
