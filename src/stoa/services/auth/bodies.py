"""What is sent to auth's public API."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.http.types import Email, Label, Name, Phone, Reason, ShortText
from stoa.kit.permissions import LONGEST_NAME
from stoa.kit.tokens import LONGEST_TOKEN
from stoa.services.auth import passwords
from stoa.services.auth.roles import RoleName, RoleNames
from stoa.services.auth.sellers_repository import MemberRole

NewPassword = Annotated[str, Meta(min_length=passwords.SHORTEST, max_length=passwords.LONGEST)]
AnyPassword = Annotated[str, Meta(min_length=1, max_length=1_000)]
"""What came from elsewhere may be shorter or longer than what we take today."""
PermissionName = Annotated[
    str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=text.LINE, examples=["auth.users.read"])
]
Token = Annotated[str, Meta(min_length=1, max_length=LONGEST_TOKEN)]


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Email
    password: NewPassword
    first_name: Name
    last_name: Name
    phone: Phone = ""
    code: Label = ""


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    email: Email
    password: AnyPassword


class RefreshBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: Token


class LogoutBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    refresh_token: Token | None = None


class TokenBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    token: Token


class PasswordChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: AnyPassword
    new_password: NewPassword


class RolesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    roles: RoleNames


class NewSeller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Name


class Why(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: Reason


class OwnDeletion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current_password: AnyPassword


class MemberBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: MemberRole = "member"


class RoleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: ShortText = ""
    permissions: Annotated[list[PermissionName], Meta(max_length=500)]


class NewRole(RoleBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: RoleName
