"""A user's address book. While it has addresses, exactly one of them is the default."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.http.types import Address
from stoa.kit.ids import uuid7
from stoa.services.user import repository
from stoa.services.user.errors import AddressBookFull, DefaultNeeded, NoSuchAddress
from stoa.services.user.profiles import lock, profile_of
from stoa.services.user.repository import BookedAddress
from stoa.services.user.service import Users

MOST_ADDRESSES = 50
"""More than any household has; without a limit one account could fill the disk."""


async def add_address(users: Users, user_id: str, address: Address, *, is_default: bool) -> BookedAddress:
    """A new address; the first is the default whatever is said. Raises `AddressBookFull`."""
    await profile_of(users, user_id)
    async with users.db.transaction() as tx:
        await lock(tx, user_id)
        there = await repository.count_addresses(tx, user_id)
        if there >= MOST_ADDRESSES:
            raise AddressBookFull(MOST_ADDRESSES)
        if is_default:
            await repository.clear_default(tx, user_id)
        return await repository.add_address(tx, uuid7(), user_id, address, is_default=is_default or there == 0)


async def replace_address(
    users: Users,
    user_id: str,
    address_id: str,
    address: Address,
    *,
    is_default: bool | None,
    if_match: IfMatch = ANYTHING,
) -> BookedAddress:
    """The address is this now; `is_default` None leaves that as it is. A repeat changes nothing.

    Raises `NoSuchAddress`, and `DefaultNeeded` when the default is to be none.
    """
    async with users.db.transaction() as tx:
        await repository.lock_profile(tx, user_id)
        current = await repository.find_address(tx, user_id, address_id)
        if current is None:
            raise NoSuchAddress
        if_match.check(current.version)
        if current.is_default and is_default is False:
            raise DefaultNeeded
        wanted_default = current.is_default if is_default is None else is_default
        if current == replace(current, **_fields(address), is_default=wanted_default):
            return current
        if is_default and not current.is_default:
            await repository.clear_default(tx, user_id)
        return await repository.replace_address(tx, user_id, address_id, address, is_default=wanted_default)


async def delete_address(users: Users, user_id: str, address_id: str, if_match: IfMatch = ANYTHING) -> None:
    """Take it out; if it was the default, the oldest of the others becomes it. Raises `NoSuchAddress`."""
    async with users.db.transaction() as tx:
        await repository.lock_profile(tx, user_id)
        current = await repository.find_address(tx, user_id, address_id)
        if current is None:
            raise NoSuchAddress
        if_match.check(current.version)
        await repository.delete_address(tx, user_id, address_id)
        if current.is_default:
            await repository.promote_oldest(tx, user_id)


async def address_of(users: Users, user_id: str, address_id: str) -> BookedAddress:
    """Raises `NoSuchAddress`, also for another user's."""
    address = await repository.find_address(users.db, user_id, address_id)
    if address is None:
        raise NoSuchAddress
    return address


def _fields(address: Address) -> dict[str, Any]:
    """What is written on a parcel, whatever else the caller's struct has."""
    return {name: getattr(address, name) for name in Address.__struct_fields__}
