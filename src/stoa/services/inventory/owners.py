"""Whose a SKU's stock is: the seller's who sells it, as catalog tells.

Catalog's events tell it, in any order. What they have not told yet (a product of a moment ago, or of before
inventory listened) catalog is asked once, before any transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from stoa.contracts.catalog.v1.catalog_pb2 import GetOwnersRequest
from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.problems import Problem
from stoa.services.inventory import owners_repository
from stoa.services.inventory.errors import NotYourStock, SkuOfNoProduct
from stoa.services.inventory.owners_repository import Owner
from stoa.services.inventory.service import Inventory

PRODUCT_EVENTS = ("product.created", "product.updated", "product.deleted")


class ProductTold(msgspec.Struct):
    """An event of before catalog told sellers has no `seller_id`, and nothing is learned from it."""

    skus: list[str]
    seller_id: str | UnsetType | None = UNSET


async def learn(tx: Transaction, events: Sequence[Event]) -> None:
    """What product events tell, each of another product."""
    owners = []
    for event in events:
        told = event.read(ProductTold)
        if told.seller_id is not UNSET:
            owners += [Owner(sku, told.seller_id, event.aggregateversion) for sku in told.skus]
    await owners_repository.learn_owners(tx, owners)


async def ask_for_owners_of(inventory: Inventory, skus: Sequence[str]) -> None:
    """Know who sells these if anybody does. Never with a transaction open."""
    known = await owners_repository.owners_of(inventory.db, skus)
    await ask_for_owners(inventory, [sku for sku in skus if sku not in known])


async def ask_for_owners(inventory: Inventory, skus: Sequence[str]) -> set[str]:
    """Those of these that somebody sells: what was told of none is known from then on. Never with a transaction
    open."""
    if not skus:
        return set()
    answer = await inventory.catalog.GetOwners(GetOwnersRequest(skus=skus))
    # A statement of its own: a transaction would mark the request's idempotency key, and nothing is counted yet.
    told = [Owner(one.sku, one.seller_id or None, one.product_version) for one in answer.owners]
    await owners_repository.learn_owners(inventory.db, told)
    return {one.sku for one in told}


async def refused_to(tx: Transaction, skus: Sequence[str], sellers: Collection[str]) -> dict[str, Problem]:
    """The SKUs that none of these sells, and why: `SkuOfNoProduct` where nobody does, `NotYourStock`."""
    owners = await owners_repository.owners_of(tx, skus)
    nobodys = {sku: SkuOfNoProduct(sku) for sku in skus if sku not in owners}
    return nobodys | {sku: NotYourStock(sku) for sku, owner in owners.items() if owner.seller_id not in sellers}
