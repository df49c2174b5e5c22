"""The public API of a user's own things. Everything here is the caller's: what is another's does not exist."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.kit.custom_fields.routes import add_routes
from stoa.kit.custom_fields.values import Metadata, Value, Values
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import OWNER, Answer, Request, Routes, may
from stoa.kit.http.types import Address, CurrencyCode, Id, Name, Page, PageQuery, Phone, Sku
from stoa.kit.ids import is_uuid
from stoa.services.user import addresses, avatars, preferences, profiles, repository, wishlist
from stoa.services.user.errors import NoSuchUser, OneOfTwo
from stoa.services.user.profiles import CUSTOMER, Changes
from stoa.services.user.repository import Avatar, BookedAddress, Preferences, Profile, Wish
from stoa.services.user.service import Users

READ = may("user.profiles.read")
EDIT = may("user.profiles.edit")

routes: Routes[Users] = Routes(
    "user",
    about={
        "user_id": "The id of the customer's account",
        "address_id": "The address's id",
        "product_or_sku": "A product's id, or a SKU",
    },
)
add_routes(routes, CUSTOMER, define=may("user.fields.edit"), sees=READ)

Language = Annotated[
    str,
    Meta(
        min_length=2,
        max_length=35,
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*(?!\n)$",
        description="BCP 47 language tag",
        examples=["en-GB"],
    ),
]


class ProfileBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    first_name: Name
    last_name: Name
    phone: Phone = ""


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays."""

    first_name: Name | None = None
    last_name: Name | None = None
    phone: Phone | None = None
    custom_fields: Values = {}


class NewAvatar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    file_id: Id


class CustomerChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays."""

    custom_fields: Values = {}
    metadata: Metadata = {}


class ProfileView(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    email: str
    first_name: str
    last_name: str
    phone: str
    avatar: Avatar | None
    custom_fields: dict[str, Value]
    version: int


class CustomerView(ProfileView, frozen=True, kw_only=True):
    """With what the customer is not shown: fields that are not public, and metadata."""

    metadata: dict[str, str]


class AddressBody(Address, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`is_default` null leaves it as it is; the first address of all is the default."""

    is_default: bool | None = None


class AddressView(Address, frozen=True, kw_only=True):
    id: str
    is_default: bool
    version: int
    created_at: datetime


class PreferencesBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    language: Language
    currency: CurrencyCode
    marketing_by_email: bool
    marketing_by_sms: bool


class PreferencesView(PreferencesBody, frozen=True, kw_only=True):
    """Before anything was said `version` is 0."""

    version: int


class NewWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the two."""

    product_id: Id | None = None
    sku: Sku | None = None


class WishView(msgspec.Struct, frozen=True, kw_only=True):
    product_id: str | None
    sku: str | None
    added_at: datetime


@routes.get("/users/profile", answer=ProfileView, raises=(NoSuchUser,), who=OWNER, summary="Your profile")
async def show_profile(users: Users, request: Request) -> ProfileView:
    return _profile(await profiles.profile_of(users, request.user_id))


@routes.put(
    "/users/profile",
    body=ProfileBody,
    answer=ProfileView,
    raises=(NoSuchUser,),
    who=OWNER,
    versioned=True,
    summary="Set your profile",
)
async def set_profile(users: Users, request: Request[ProfileBody]) -> ProfileView:
    changes = Changes(**msgspec.structs.asdict(request.body))
    return _profile(await profiles.edit_profile(users, request.user_id, changes, request.if_match))


@routes.patch(
    "/users/profile",
    body=ProfileChange,
    answer=ProfileView,
    raises=(NoSuchUser,),
    who=OWNER,
    versioned=True,
    summary="Change something in your profile",
)
async def change_profile(users: Users, request: Request[ProfileChange]) -> ProfileView:
    changes = Changes(**msgspec.structs.asdict(request.body))
    return _profile(await profiles.edit_profile(users, request.user_id, changes, request.if_match))


@routes.put(
    "/users/avatar",
    body=NewAvatar,
    answer=ProfileView,
    raises=(NoSuchUser,),
    who=OWNER,
    versioned=True,
    summary="Show a file of your own as your picture",
)
async def set_avatar(users: Users, request: Request[NewAvatar]) -> ProfileView:
    """Upload it first: `POST /media?purpose=avatar`."""
    return _profile(await avatars.set_avatar(users, request.user_id, request.body.file_id.lower(), request.if_match))


@routes.delete(
    "/users/avatar", raises=(NoSuchUser,), who=OWNER, versioned=True, summary="Show no picture of yours any more"
)
async def delete_avatar(users: Users, request: Request) -> None:
    await avatars.remove_avatar(users, request.user_id, request.if_match)


@routes.get(
    "/users/{user_id:uuid}/profile",
    answer=CustomerView,
    who=READ,
    summary="Somebody's profile, with what only the shop sees of it",
)
async def show_customer(users: Users, request: Request) -> CustomerView:
    return _customer(await profiles.profile_of(users, request.path["user_id"]))


@routes.patch(
    "/users/{user_id:uuid}/profile",
    body=CustomerChange,
    answer=CustomerView,
    who=EDIT,
    versioned=True,
    summary="Change what the shop keeps of somebody",
)
async def change_customer(users: Users, request: Request[CustomerChange]) -> CustomerView:
    """Name and phone are the customer's own to change."""
    changes = Changes(**msgspec.structs.asdict(request.body), by_staff=True)
    return _customer(await profiles.edit_profile(users, request.path["user_id"], changes, request.if_match))


@routes.get("/users/addresses", query=PageQuery, answer=Page[AddressView], who=OWNER, summary="Your address book")
async def list_addresses(users: Users, request: Request[None, PageQuery]) -> Page[AddressView]:
    after, limit = decode_key(request.query.cursor, tuple[Id]), request.query.limit
    found = await repository.list_addresses(users.db, request.user_id, after, limit + 1)
    return page_of([_address(address) for address in found], limit, lambda address: (address.id,))


@routes.post(
    "/users/addresses",
    body=AddressBody,
    answer=AddressView,
    status=201,
    raises=(NoSuchUser,),
    who=OWNER,
    summary="Add an address",
)
async def add_address(users: Users, request: Request[AddressBody]) -> AddressView:
    sent = request.body
    return _address(await addresses.add_address(users, request.user_id, sent, is_default=bool(sent.is_default)))


@routes.get("/users/addresses/{address_id:uuid}", answer=AddressView, who=OWNER, summary="One of your addresses")
async def show_address(users: Users, request: Request) -> AddressView:
    return _address(await addresses.address_of(users, request.user_id, request.path["address_id"]))


@routes.put(
    "/users/addresses/{address_id:uuid}",
    body=AddressBody,
    answer=AddressView,
    who=OWNER,
    versioned=True,
    summary="Replace an address, or make it the default",
)
async def replace_address(users: Users, request: Request[AddressBody]) -> AddressView:
    sent, address_id = request.body, request.path["address_id"]
    replaced = await addresses.replace_address(
        users, request.user_id, address_id, sent, is_default=sent.is_default, if_match=request.if_match
    )
    return _address(replaced)


@routes.delete(
    "/users/addresses/{address_id:uuid}", who=OWNER, versioned=True, summary="Take an address out of your book"
)
async def delete_address(users: Users, request: Request) -> None:
    await addresses.delete_address(users, request.user_id, request.path["address_id"], request.if_match)


@routes.get(
    "/users/preferences", answer=PreferencesView, raises=(NoSuchUser,), who=OWNER, summary="How you want to be served"
)
async def show_preferences(users: Users, request: Request) -> PreferencesView:
    return _preferences(await repository.find_preferences(users.db, request.user_id))


@routes.put(
    "/users/preferences",
    body=PreferencesBody,
    answer=PreferencesView,
    raises=(NoSuchUser,),
    who=OWNER,
    versioned=True,
    summary="Say how you want to be served",
)
async def set_preferences(users: Users, request: Request[PreferencesBody]) -> PreferencesView:
    wanted = Preferences(**msgspec.structs.asdict(request.body))
    return _preferences(await preferences.set_preferences(users, request.user_id, wanted, request.if_match))


@routes.get(
    "/users/wishlist", query=PageQuery, answer=Page[WishView], who=OWNER, summary="Your wishlist, the newest first"
)
async def list_wishes(users: Users, request: Request[None, PageQuery]) -> Page[WishView]:
    before, limit = decode_key(request.query.cursor, tuple[Id]), request.query.limit
    page = page_of(
        await repository.list_wishes(users.db, request.user_id, before, limit + 1), limit, lambda wish: (wish.id,)
    )
    return Page([_wish(wish) for wish in page.items], page.next_cursor)


@routes.post(
    "/users/wishlist",
    body=NewWish,
    answer=WishView,
    status=201,
    others={200: WishView},
    raises=(NoSuchUser,),
    who=OWNER,
    summary="Put a product or a SKU on your wishlist; 200 if it is there already",
)
async def add_wish(users: Users, request: Request[NewWish]) -> Answer:
    sent = request.body
    if (sent.product_id is None) == (sent.sku is None):
        raise OneOfTwo
    wish, new = await wishlist.add_wish(users, request.user_id, product_id=sent.product_id, sku=sent.sku)
    return Answer(201 if new else 200, _wish(wish))


@routes.delete(
    "/users/wishlist/{product_or_sku}", who=OWNER, summary="Take what is of this product id or SKU off your wishlist"
)
async def delete_wish(users: Users, request: Request) -> None:
    item = request.path["product_or_sku"]
    product_id = item if is_uuid(item) else None
    await wishlist.delete_wish(users, request.user_id, product_id=product_id, sku=item)


def _profile(profile: Profile) -> ProfileView:
    return ProfileView(**_plain(profile), custom_fields=profile.custom_fields.shown(private=False))


def _customer(profile: Profile) -> CustomerView:
    return CustomerView(
        **_plain(profile),
        custom_fields=profile.custom_fields.shown(private=True),
        metadata=dict(profile.metadata),
    )


def _plain(profile: Profile) -> dict[str, Any]:
    names = ("user_id", "email", "first_name", "last_name", "phone", "avatar", "version")
    return {name: getattr(profile, name) for name in names}


def _address(address: BookedAddress) -> AddressView:
    return msgspec.convert(address, AddressView, from_attributes=True)


def _preferences(found: Preferences) -> PreferencesView:
    return msgspec.convert(found, PreferencesView, from_attributes=True)


def _wish(wish: Wish) -> WishView:
    return msgspec.convert(wish, WishView, from_attributes=True)
