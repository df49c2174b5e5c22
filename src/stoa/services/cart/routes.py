"""The public API of carts. `{ref}` is `me`, the user's own id, or the id of a cart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.custom_fields.values import Metadata, Values
from stoa.kit.emails import normalized
from stoa.kit.http.routes import ANYONE, OWNER, Request, Routes, may
from stoa.kit.http.types import Address, Email, Id, Quantity, Sku
from stoa.services.cart import access, change
from stoa.services.cart.accept_problems import accept_problems
from stoa.services.cart.document import Contact
from stoa.services.cart.errors import DuplicateLine, NoSuchCart, NotForSale, OutOfStock
from stoa.services.cart.lines import MOST_LINES
from stoa.services.cart.merge import Strategy, merge
from stoa.services.cart.said import CART_LINE, Sent
from stoa.services.cart.save_for_later import forget_saved, move_to_cart, save_for_later
from stoa.services.cart.service import Carts
from stoa.services.cart.show import CartView, Look, show, show_untouched

DEFINE = may("cart.fields.edit")

routes: Routes[Carts] = Routes(
    "cart",
    about={
        "ref": "`me`, the user's own id, or the id of a cart",
        "sku": "The SKU of the line",
    },
)
add_routes(routes, CART_LINE, define=DEFINE, sees=DEFINE)

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NewItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not named of the custom fields and metadata of the line stays."""

    sku: Sku
    quantity: Quantity
    custom_fields: Values = {}
    metadata: Metadata = {}


class NewQuantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is not named of the custom fields and metadata of the line stays."""

    quantity: Quantity
    custom_fields: Values = {}
    metadata: Metadata = {}


class NewItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    items: Annotated[Sequence[NewItem], Meta(max_length=MOST_LINES)]


class GuestCart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`strategy` says what becomes of both: `add` puts them together and adds up how many, `larger` takes the larger
    number of each SKU, `guest` keeps what the guest had and `mine` what the user had; what the other had is saved for
    later then."""

    cart_id: Id
    strategy: Strategy = Strategy.ADD


class Buyer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it was said before."""

    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None


class NewCart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it may be left out. What is said of the buyer counts for the next order from this cart, where that says
    nothing else; it is not shown again."""

    items: Annotated[Sequence[NewItem], Meta(max_length=MOST_LINES)] = ()
    email: Email | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None


@routes.post(
    "/cart",
    body=NewCart,
    answer=CartView,
    status=201,
    who=ANYONE,
    raises=(NotForSale, OutOfStock),
    summary="Open a guest cart, or your own, with all that an order needs",
)
async def open_cart(carts: Carts, request: Request[NewCart]) -> CartView:
    """Of what your own cart has already, the items say how much there is then; what else is in it stays."""
    new = request.body
    cart, snapshot = await change.open_cart(
        carts, _caller(request), _wanted(new.items), _contact(new), _sent(new.items), groups=request.groups
    )
    return await show(carts, cart, request.groups, snapshot)


@routes.get(
    "/cart/{ref}", answer=CartView, who=ANYONE, capability="ref", summary="A cart with names, prices and availability"
)
async def show_cart(carts: Carts, request: Request) -> CartView:
    cart_id = _cart_id(request)
    shown = await carts.shown.get(Look(cart_id, request.groups))
    # Read for whoever asks, so it is decided here who may see it.
    access.found(None if shown is None else shown.cart, cart_id, _caller(request))
    return show_untouched(carts, cart_id) if shown is None else shown.view()


@routes.delete("/cart/{ref}", who=ANYONE, capability="ref", versioned=True, summary="Take everything out")
async def empty_cart(carts: Carts, request: Request) -> None:
    await change.empty(carts, _cart_id(request), _caller(request), if_match=request.if_match)


@routes.post(
    "/cart/{ref}/items",
    body=NewItem,
    answer=CartView,
    status=201,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Put more in",
)
async def add_cart_item(carts: Carts, request: Request[NewItem]) -> CartView:
    item = request.body
    cart, snapshot = await change.add_item(
        carts,
        _cart_id(request),
        _caller(request),
        item.sku,
        item.quantity,
        sent={item.sku: _of_line(item)},
        groups=request.groups,
        if_match=request.if_match,
        key=request.idempotency_key,
    )
    return await show(carts, cart, request.groups, snapshot)


@routes.put(
    "/cart/{ref}/items",
    body=NewItems,
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Replace all lines at once",
)
async def replace_cart_items(carts: Carts, request: Request[NewItems]) -> CartView:
    wanted = _wanted(request.body.items)
    cart, snapshot = await change.replace_items(
        carts,
        _cart_id(request),
        _caller(request),
        wanted,
        sent=_sent(request.body.items),
        groups=request.groups,
        if_match=request.if_match,
    )
    return await show(carts, cart, request.groups, snapshot)


@routes.put(
    "/cart/{ref}/items/{sku}",
    body=NewQuantity,
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Set how many",
)
async def set_cart_item(carts: Carts, request: Request[NewQuantity]) -> CartView:
    cart, snapshot = await change.set_item(
        carts,
        _cart_id(request),
        _caller(request),
        request.path["sku"],
        request.body.quantity,
        sent={request.path["sku"]: _of_line(request.body)},
        groups=request.groups,
        if_match=request.if_match,
    )
    return await show(carts, cart, request.groups, snapshot)


@routes.delete(
    "/cart/{ref}/items/{sku}", answer=CartView, who=ANYONE, capability="ref", versioned=True, summary="Take a line out"
)
async def remove_cart_item(carts: Carts, request: Request) -> CartView:
    cart = await change.remove_item(
        carts, _cart_id(request), _caller(request), request.path["sku"], if_match=request.if_match
    )
    return await show(carts, cart, request.groups)


@routes.post(
    "/cart/{ref}/items/{sku}/save-for-later",
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Set a line aside",
)
async def save_cart_item(carts: Carts, request: Request) -> CartView:
    """It is in `saved_items` then and not bought. A repeat changes nothing."""
    cart = await save_for_later(
        carts, _cart_id(request), _caller(request), request.path["sku"], if_match=request.if_match
    )
    return await show(carts, cart, request.groups)


@routes.post(
    "/cart/{ref}/saved/{sku}/move-to-cart",
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Take up again what was set aside",
)
async def move_saved_item(carts: Carts, request: Request) -> CartView:
    """As many as were set aside, if they can be had. A repeat changes nothing."""
    cart, snapshot = await move_to_cart(
        carts,
        _cart_id(request),
        _caller(request),
        request.path["sku"],
        groups=request.groups,
        if_match=request.if_match,
    )
    return await show(carts, cart, request.groups, snapshot)


@routes.delete(
    "/cart/{ref}/saved/{sku}",
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Forget what was set aside",
)
async def forget_saved_item(carts: Carts, request: Request) -> CartView:
    cart = await forget_saved(
        carts, _cart_id(request), _caller(request), request.path["sku"], if_match=request.if_match
    )
    return await show(carts, cart, request.groups)


@routes.post(
    "/cart/{ref}/problems/accept",
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Take the cart as it is now",
)
async def accept_cart_problems(carts: Carts, request: Request) -> CartView:
    """Today's prices, and as many as can be had: what is sold out is saved for later, what is no longer for sale is
    taken out. A repeat changes nothing.
    """
    cart = await accept_problems(
        carts, _cart_id(request), _caller(request), groups=request.groups, if_match=request.if_match
    )
    return await show(carts, cart, request.groups)


@routes.put(
    "/cart/{ref}/contact",
    body=Buyer,
    answer=CartView,
    who=ANYONE,
    capability="ref",
    versioned=True,
    summary="Say who buys, and where it goes",
)
async def say_cart_contact(carts: Carts, request: Request[Buyer]) -> CartView:
    """It counts for the next order from this cart, where that says nothing else, and is not shown again."""
    cart = await change.say_contact(
        carts, _cart_id(request), _caller(request), _contact(request.body), if_match=request.if_match
    )
    return await show(carts, cart, request.groups)


@routes.post(
    "/cart/{ref}/merge",
    body=GuestCart,
    answer=CartView,
    who=OWNER,
    capability="ref",
    versioned=True,
    summary="Take over a guest's cart",
)
async def merge_cart(carts: Carts, request: Request[GuestCart]) -> CartView:
    if _cart_id(request) != request.user_id:
        raise NoSuchCart
    guests = request.body
    cart = await merge(carts.store, request.user_id, guests.cart_id.lower(), request.if_match, guests.strategy)
    return await show(carts, cart, request.groups)


def _wanted(items: Sequence[NewItem]) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for at, item in enumerate(items):
        if item.sku in wanted:
            raise DuplicateLine(item.sku, f"items[{at}].sku")
        wanted[item.sku] = item.quantity
    return wanted


def _sent(items: Sequence[NewItem]) -> dict[str, Sent]:
    return {item.sku: _of_line(item, f"items[{at}].") for at, item in enumerate(items)}


def _of_line(said: NewItem | NewQuantity, place: str = "") -> Sent:
    return Sent(said.custom_fields, said.metadata, place)


def _contact(said: NewCart | Buyer) -> Contact:
    return Contact(
        email=normalized(said.email) if said.email else None,
        shipping_address=_plain(said.shipping_address),
        billing_address=_plain(said.billing_address),
    )


def _plain(address: Address | None) -> dict[str, str] | None:
    return None if address is None else msgspec.structs.asdict(address)


def _caller(request: Request[Any, Any]) -> str | None:
    return None if request.principal is None else request.principal.user_id


def _cart_id(request: Request[Any, Any]) -> str:
    ref = request.path["ref"].lower()
    if ref == "me":
        return request.user_id
    if not _UUID.fullmatch(ref):
        raise NoSuchCart
    return ref
