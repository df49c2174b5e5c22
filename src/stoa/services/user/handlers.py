"""When somebody has an account, make the profile; when that is deleted, empty it for good, with all that is theirs.

And when media announces that the pictures of an avatar are made, it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from stoa.kit.db import Transaction
from stoa.kit.events import Event
from stoa.kit.pictures import FileReady
from stoa.kit.service import Handler
from stoa.services.user import repository
from stoa.services.user.avatars import show_ready
from stoa.services.user.repository import Profile
from stoa.services.user.service import Users


class Registered(msgspec.Struct):
    user_id: str
    email: str
    first_name: str
    last_name: str
    phone: str


async def add_profile(tx: Transaction, event: Event) -> None:
    """A user who has registered has a profile, unless a request was here first."""
    user = event.read(Registered)
    profile = Profile(
        user_id=user.user_id,
        email=user.email,
        first_name=user.first_name,
        last_name=user.last_name,
        phone=user.phone,
    )
    await repository.add_profile(tx, profile)


class Deleted(msgspec.Struct):
    user_id: str


async def forget_user(tx: Transaction, event: Event) -> None:
    """Everything of theirs goes. What was announced of them before and comes again finds that they were deleted."""
    await repository.forget(tx, event.read(Deleted).user_id)


async def show_avatar(users: Users, tx: Transaction, event: Event) -> None:
    """The pictures of an avatar are made, and shown from now on."""
    await show_ready(users, tx, event.read(FileReady))


def handlers(users: Users) -> Mapping[str, Handler]:
    return {
        "user.registered": add_profile,
        "user.deleted": forget_user,
        "file.ready": partial(show_avatar, users),
    }
