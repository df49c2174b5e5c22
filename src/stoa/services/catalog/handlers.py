"""When auth announces that a seller no longer, or again, sells, its products go with that; when media announces the
pictures of a file, the products that name it show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
from msgspec.structs import replace

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.pictures import FileReady
from stoa.kit.service import Handler
from stoa.services.catalog import repository, sellers_repository
from stoa.services.catalog.images import with_file
from stoa.services.catalog.save_products import save_all
from stoa.services.catalog.service import Catalog


class SellerChanged(msgspec.Struct):
    seller_id: str
    selling: bool


class UserChanged(msgspec.Struct):
    """`sellers_apart` is missing where an auth of a release announced it that took a user for a seller."""

    user_id: str
    roles: Sequence[str]
    enabled: bool
    sellers_apart: bool = False

    @property
    def may_sell(self) -> bool:
        return self.enabled and not {"seller", "admin"}.isdisjoint(self.roles)


async def _seller_changed(tx: Transaction, event: Event) -> None:
    """From here on nothing of a barred seller is sold; its products follow, in the rounds of `settle_sellers`."""
    seller = event.read(SellerChanged)
    await sellers_repository.note_seller(tx, seller.seller_id, event.aggregateversion, barred=not seller.selling)


async def _user_changed(tx: Transaction, event: Event) -> None:
    """The same, from an auth that knows no sellers yet; from any other it says nothing of them."""
    user = event.read(UserChanged)
    if not user.sellers_apart:
        await sellers_repository.note_seller(tx, user.user_id, event.aggregateversion, barred=not user.may_sell)


async def _file_ready(catalog: Catalog, tx: Transaction, event: Event) -> None:
    """The products that name the file show it as it is now."""
    file = event.read(FileReady)
    if file.purpose != "product":
        return
    products = await repository.lock_showing(tx, file.file_id)
    after = [replace(one, images=with_file(one.images, file)) for one in products]
    changed = [(one, new) for one, new in zip(products, after, strict=True) if one != new]
    await save_all(tx, catalog, changed)


def handlers(catalog: Catalog) -> Mapping[str, Handler]:
    """By the type of the event."""
    return {
        "seller.changed": _seller_changed,
        "user.changed": _user_changed,
        "file.ready": partial(_file_ready, catalog),
    }
