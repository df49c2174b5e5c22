"""The public API of customer groups and who is in them."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import GroupName, Id, Page, PageQuery, ShortText
from stoa.services.auth import groups_repository, manage_groups
from stoa.services.auth.errors import NoSuchGroup, NotInGroup
from stoa.services.auth.groups_repository import Group, GroupMember
from stoa.services.auth.service import Auth

routes: Routes[Auth] = Routes("auth", about={"name": "The customer group's name"})

EDIT_GROUPS = may("auth.groups.edit")


class GroupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: ShortText = ""


class NewGroup(GroupBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: GroupName


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """`version` counts its own changes, not who is in it."""

    name: str
    description: str
    version: int
    created_at: datetime


class GroupMemberView(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    email: str
    joined_at: datetime


@routes.get(
    "/auth/customer-groups",
    query=PageQuery,
    answer=Page[GroupView],
    who=EDIT_GROUPS,
    summary="Customer groups, by name",
)
async def list_groups(auth: Auth, request: Request[None, PageQuery]) -> Page[GroupView]:
    query = request.query
    after = decode_key(query.cursor, tuple[GroupName])
    found = await groups_repository.list_groups(auth.db, after, query.limit + 1)
    return page_of([_view(group) for group in found], query.limit, lambda group: (group.name,))


@routes.post(
    "/auth/customer-groups",
    body=NewGroup,
    answer=GroupView,
    status=201,
    who=EDIT_GROUPS,
    summary="Make a customer group",
)
async def make_group(auth: Auth, request: Request[NewGroup]) -> GroupView:
    """It allows nothing: price lists may be for those who are in it."""
    return _view(await manage_groups.add_group(auth, request.body.name, request.body.description))


@routes.get("/auth/customer-groups/{name}", answer=GroupView, who=EDIT_GROUPS, summary="One customer group")
async def show_group(auth: Auth, request: Request) -> GroupView:
    return _view(await _group(auth, request))


@routes.put(
    "/auth/customer-groups/{name}",
    body=GroupBody,
    answer=GroupView,
    who=EDIT_GROUPS,
    versioned=True,
    summary="Describe a customer group",
)
async def put_group(auth: Auth, request: Request[GroupBody]) -> GroupView:
    return _view(
        await manage_groups.describe_group(auth, request.path["name"], request.body.description, request.if_match)
    )


@routes.delete(
    "/auth/customer-groups/{name}", who=EDIT_GROUPS, versioned=True, summary="Remove a customer group nobody is in"
)
async def delete_group(auth: Auth, request: Request) -> None:
    await manage_groups.remove_group(auth, request.path["name"], request.if_match)


@routes.get(
    "/auth/customer-groups/{name}/members",
    query=PageQuery,
    answer=Page[GroupMemberView],
    who=EDIT_GROUPS,
    summary="Who is in a customer group",
)
async def list_group_members(auth: Auth, request: Request[None, PageQuery]) -> Page[GroupMemberView]:
    query, group = request.query, await _group(auth, request)
    after = decode_key(query.cursor, tuple[Id])
    found = await groups_repository.list_members(auth.db, group.name, after, query.limit + 1)
    return page_of([_member_view(member) for member in found], query.limit, lambda member: (member.user_id,))


@routes.get(
    "/auth/customer-groups/{name}/members/{user_id:uuid}",
    answer=GroupMemberView,
    who=EDIT_GROUPS,
    summary="Whether somebody is in a customer group",
)
async def show_group_member(auth: Auth, request: Request) -> GroupMemberView:
    member = await groups_repository.find_member(auth.db, request.path["user_id"], request.path["name"])
    if member is None:
        raise NotInGroup
    return _member_view(member)


@routes.put(
    "/auth/customer-groups/{name}/members/{user_id:uuid}",
    answer=GroupMemberView,
    who=EDIT_GROUPS,
    summary="Put somebody into a customer group",
)
async def put_group_member(auth: Auth, request: Request) -> GroupMemberView:
    """With their next token, which a refresh token brings."""
    return _member_view(await manage_groups.add_member(auth, request.path["name"], request.path["user_id"]))


@routes.delete(
    "/auth/customer-groups/{name}/members/{user_id:uuid}",
    who=EDIT_GROUPS,
    summary="Take somebody out of a customer group",
)
async def delete_group_member(auth: Auth, request: Request) -> None:
    """In force when their access token ends: a quarter of an hour at most."""
    await manage_groups.remove_member(auth, request.path["name"], request.path["user_id"])


async def _group(auth: Auth, request: Request[None, object]) -> Group:
    found = await groups_repository.find_group(auth.db, request.path["name"])
    if found is None:
        raise NoSuchGroup
    return found


def _view(group: Group) -> GroupView:
    return msgspec.convert(group, GroupView, from_attributes=True)


def _member_view(member: GroupMember) -> GroupMemberView:
    return msgspec.convert(member, GroupMemberView, from_attributes=True)
