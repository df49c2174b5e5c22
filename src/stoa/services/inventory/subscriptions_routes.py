"""The public API of who waits for a SKU. No answer tells whether an address waits for anything."""

from __future__ import annotations

import msgspec

from stoa.kit import problems
from stoa.kit.http.routes import ANYONE, PUBLIC, SIGNED_IN, UNKEPT, Request, Routes
from stoa.kit.http.types import Email, Sku
from stoa.services.inventory import subscriptions_repository
from stoa.services.inventory.errors import NoSuchSku
from stoa.services.inventory.service import Inventory
from stoa.services.inventory.subscriptions import subscribe
from stoa.services.inventory.subscriptions_errors import InStock, NotYourAddress

routes: Routes[Inventory] = Routes("inventory")


class NewSubscription(msgspec.Struct, forbid_unknown_fields=True):
    """A guest says `email`; who is signed in is written to at his account's, and may leave it out or say that one."""

    email: Email | None = None


class EmailMissing(problems.Unprocessable):
    title = "An e-mail address is missing"
    slug = "email-missing"

    def __init__(self) -> None:
        super().__init__("Say an e-mail address, or sign in.", field="email")


@routes.post(
    "/inventory/{sku}/subscriptions",
    body=NewSubscription,
    status=202,
    who=ANYONE,
    raises=(InStock,),
    idempotent=UNKEPT,
    summary="Tell me when it can be bought",
)
async def post_subscription(inventory: Inventory, request: Request[NewSubscription]) -> None:
    """Told once, by mail, first come first served. A second time changes nothing, and is answered the same."""
    if request.principal is not None:
        own = request.principal.email
        if request.body.email is not None and request.body.email.lower() != own.lower():
            raise NotYourAddress
        await subscribe(inventory, _sku(request), own, request.principal.user_id)
        return
    if request.body.email is None:
        raise EmailMissing
    await subscribe(inventory, _sku(request), request.body.email, None)


@routes.delete("/inventory/{sku}/subscriptions", who=SIGNED_IN, summary="Do not tell me")
async def delete_own_subscription(inventory: Inventory, request: Request) -> None:
    await subscriptions_repository.unsubscribe_from(inventory.db, _sku(request), request.user_id)


@routes.delete("/stock-subscriptions/{token:uuid}", who=PUBLIC, capability="token", summary="Wait for nothing any more")
async def delete_subscriptions(inventory: Inventory, request: Request) -> None:
    """All of the address that was sent the token."""
    await subscriptions_repository.unsubscribe(inventory.db, request.path["token"])


def _sku(request: Request[object, object]) -> str:
    sku = request.path["sku"]
    try:
        return msgspec.convert(sku, Sku)
    except msgspec.ValidationError:
        raise NoSuchSku(sku) from None
