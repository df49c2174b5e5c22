"""What auth shows of a user and of a sign-in."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stoa.kit.permissions import Permission
from stoa.services.auth.repository import User
from stoa.services.auth.roles_repository import Role
from stoa.services.auth.sellers_repository import Member, MemberRole, Seller


class UserView(msgspec.Struct, frozen=True, kw_only=True):
    """Names and phone are as registered: the profile, which its owner edits, is the user service's."""

    id: str
    email: str
    first_name: str
    last_name: str
    phone: str
    roles: tuple[str, ...]
    created_at: datetime


class AccountView(UserView, frozen=True, kw_only=True):
    """What an admin sees besides."""

    disabled_at: datetime | None
    version: int


class RoleView(msgspec.Struct, frozen=True, kw_only=True):
    """`built_in` ones come with every shop and cannot be removed. `*` is everything."""

    name: str
    description: str
    built_in: bool
    permissions: tuple[str, ...]
    version: int


class SellerView(msgspec.Struct, frozen=True, kw_only=True):
    """`selling`: not blocked, and somebody enabled acts for it. `version` counts what changed of that and of who acts
    for it."""

    id: str
    name: str
    blocked_at: datetime | None
    selling: bool
    version: int
    created_at: datetime


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    user_id: str
    email: str
    role: MemberRole
    version: int
    joined_at: datetime


class PermissionView(msgspec.Struct, frozen=True, kw_only=True):
    """`own`: only what belongs to who holds it."""

    name: str
    what: str
    own: bool


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """`expires_in` is in seconds, of the access token."""

    user: UserView
    access_token: str
    refresh_token: str
    token_type: str = "Bearer"  # noqa: S105
    expires_in: int


def user_view(user: User) -> UserView:
    return msgspec.convert(user, UserView, from_attributes=True)


def account_view(user: User) -> AccountView:
    return msgspec.convert(user, AccountView, from_attributes=True)


def role_view(role: Role) -> RoleView:
    return msgspec.convert(role, RoleView, from_attributes=True)


def permission_view(permission: Permission) -> PermissionView:
    return msgspec.convert(permission, PermissionView, from_attributes=True)


def seller_view(seller: Seller) -> SellerView:
    return msgspec.convert(seller, SellerView, from_attributes=True)


def member_view(member: Member) -> MemberView:
    return msgspec.convert(member, MemberView, from_attributes=True)
