"""A user's own picture: a file of theirs, which media keeps and tells how to show."""

from __future__ import annotations

from stoa.contracts.media.v1.media_pb2 import GetFilesRequest
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.pictures import FileReady, picture_in
from stoa.services.user import repository
from stoa.services.user.errors import NoSuchUser, UnknownFile
from stoa.services.user.events import UserUpdated
from stoa.services.user.profiles import lock, profile_of
from stoa.services.user.repository import Avatar, Profile
from stoa.services.user.service import Users


async def set_avatar(users: Users, user_id: str, file_id: str, if_match: IfMatch) -> Profile:
    """The profile with it; it may be named before its pictures are made. Raises `UnknownFile`."""
    await profile_of(users, user_id)
    answer = await users.media.GetFiles(GetFilesRequest(ids=[file_id]))
    file = next(iter(answer.files), None)
    if file is None or (file.purpose, file.owner) != ("avatar", f"user {user_id}") or file.state == "rejected":
        raise UnknownFile
    picture = picture_in(file)
    return await _change(users, user_id, Avatar(file.id, picture.url if picture else None, picture), if_match)


async def remove_avatar(users: Users, user_id: str, if_match: IfMatch) -> None:
    """A repeat changes nothing."""
    await profile_of(users, user_id)
    await _change(users, user_id, None, if_match)


async def _change(users: Users, user_id: str, avatar: Avatar | None, if_match: IfMatch) -> Profile:
    async with users.db.transaction() as tx:
        if_match.check(await lock(tx, user_id))
        return await _written(users, tx, user_id, avatar)


async def show_ready(users: Users, tx: Transaction, file: FileReady) -> None:
    """The pictures of a file are made: its user, who names it, shows them."""
    user_id = file.owner.removeprefix("user ")
    if file.purpose != "avatar" or await repository.lock_profile(tx, user_id) is None:
        return
    profile = await repository.find_profile(tx, user_id)
    avatar = profile.avatar if profile else None
    if avatar is None or avatar.file_id != file.file_id or _revision(avatar) >= file.picture.revision:
        return
    await _written(users, tx, user_id, Avatar(file.file_id, file.picture.url, file.picture))


async def _written(users: Users, tx: Transaction, user_id: str, avatar: Avatar | None) -> Profile:
    """What a locked profile becomes, and that it is announced, if it was not so before."""
    before = await repository.find_profile(tx, user_id)
    if before is None:
        raise NoSuchUser
    if before.avatar == avatar:
        return before
    after = await repository.set_avatar(tx, user_id, avatar)
    files = {avatar.file_id: _revision(avatar)} if avatar else {}
    fact = UserUpdated(user_id=user_id, changed=["avatar"], files=files)
    await users.outbox.announce(tx, subject=user_id, version=after.version, fact=fact)
    return after


def _revision(avatar: Avatar) -> int:
    return avatar.picture.revision if avatar.picture else 0
