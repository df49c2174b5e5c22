"""The gRPC servicer of auth: what the gateway, other services and operators' commands ask."""

from __future__ import annotations

from typing import Any

import msgspec

from stoa.contracts.auth.v1 import auth_pb2_grpc
from stoa.contracts.auth.v1.auth_pb2 import (
    CheckSessionRequest,
    CheckSessionResponse,
    GetSellersRequest,
    GetSellersResponse,
    GetSigningKeysRequest,
    GetSigningKeysResponse,
    GetUserRequest,
    GetUserResponse,
    GrantRoleRequest,
    GrantRoleResponse,
    ImportGroupsRequest,
    ImportGroupsResponse,
    ImportUsersRequest,
    ImportUsersResponse,
    OpenSessionRequest,
    OpenSessionResponse,
    ResetPasswordRequest,
    ResetPasswordResponse,
    RotateSigningKeyRequest,
    RotateSigningKeyResponse,
    ValidateTokenRequest,
    ValidateTokenResponse,
)
from stoa.contracts.auth.v1.auth_pb2 import Seller as SellerMessage
from stoa.contracts.auth.v1.auth_pb2 import User as UserMessage
from stoa.kit.emails import normalized
from stoa.kit.http.decoding import converted
from stoa.kit.ids import is_uuid
from stoa.services.auth import repository, sellers_repository
from stoa.services.auth.check_session import check_session, validate
from stoa.services.auth.errors import NoSuchUser
from stoa.services.auth.groups_routes import NewGroup
from stoa.services.auth.import_groups import import_groups
from stoa.services.auth.import_users import Imported, import_users
from stoa.services.auth.operator_acts import grant_role, reset_password
from stoa.services.auth.operator_session import open_for_operator
from stoa.services.auth.repository import User
from stoa.services.auth.service import Auth


class _Groups(msgspec.Struct):
    groups: list[NewGroup]


class AuthServicer(auth_pb2_grpc.AuthServiceServicer):
    def __init__(self, auth: Auth) -> None:
        self._auth = auth

    async def GetSigningKeys(  # noqa: N802
        self,
        request: GetSigningKeysRequest,  # noqa: ARG002
        context: Any,  # noqa: ARG002
    ) -> GetSigningKeysResponse:
        return GetSigningKeysResponse(jwks_json=await self._auth.keyring.jwks())

    async def CheckSession(self, request: CheckSessionRequest, context: Any) -> CheckSessionResponse:  # noqa: ARG002, N802
        standing = await check_session(self._auth, request.session_id)
        return CheckSessionResponse(active=standing.active, roles_version=standing.roles_version)

    async def ValidateToken(self, request: ValidateTokenRequest, context: Any) -> ValidateTokenResponse:  # noqa: ARG002, N802
        state = await validate(self._auth, request.access_token)
        return ValidateTokenResponse(**msgspec.structs.asdict(state))

    async def GetUser(self, request: GetUserRequest, context: Any) -> GetUserResponse:  # noqa: ARG002, N802
        user = await self._find(request.user_id, request.email)
        return GetUserResponse(
            user=UserMessage(
                id=user.id,
                email=user.email,
                first_name=user.first_name,
                last_name=user.last_name,
                phone=user.phone,
                roles=user.roles,
                created_at=user.created_at.isoformat(),
            )
        )

    async def GetSellers(self, request: GetSellersRequest, context: Any) -> GetSellersResponse:  # noqa: ARG002, N802
        ids = [each for each in request.ids if is_uuid(each)]
        found = await sellers_repository.find_sellers(self._auth.db, ids)
        return GetSellersResponse(sellers=[SellerMessage(id=one.id, name=one.name) for one in found])

    async def ImportUsers(self, request: ImportUsersRequest, context: Any) -> ImportUsersResponse:  # noqa: ARG002, N802
        users = [
            Imported(
                email=user.email,
                first_name=user.first_name,
                last_name=user.last_name,
                password_hash=user.password_hash,
                roles=tuple(user.roles),
            )
            for user in request.users
        ]
        added = await import_users(self._auth, users, request.reason)
        return ImportUsersResponse(added=added, already_there=len(users) - added)

    async def ImportGroups(self, request: ImportGroupsRequest, context: Any) -> ImportGroupsResponse:  # noqa: ARG002, N802
        plain = {"groups": [{"name": one.name, "description": one.description} for one in request.groups]}
        groups = converted(plain, _Groups).groups
        added = await import_groups(self._auth, {group.name: group.description for group in groups})
        return ImportGroupsResponse(added=added)

    async def OpenSession(self, request: OpenSessionRequest, context: Any) -> OpenSessionResponse:  # noqa: ARG002, N802
        """For operators' commands only: no route may ever lead here."""
        user = await self._find(request.user_id, request.email)
        opened = await open_for_operator(self._auth, user, request.reason)
        return OpenSessionResponse(
            access_token=opened.access_token,
            expires_in_seconds=self._auth.settings.access_token_seconds,
            session_id=opened.session_id,
        )

    async def GrantRole(self, request: GrantRoleRequest, context: Any) -> GrantRoleResponse:  # noqa: ARG002, N802
        user = await self._find(request.user_id, request.email)
        return GrantRoleResponse(changed=await grant_role(self._auth, user, request.role, request.reason))

    async def ResetPassword(self, request: ResetPasswordRequest, context: Any) -> ResetPasswordResponse:  # noqa: ARG002, N802
        user = await self._find(request.user_id, request.email)
        await reset_password(self._auth, user, request.password_hash, request.reason)
        return ResetPasswordResponse()

    async def RotateSigningKey(  # noqa: N802
        self,
        request: RotateSigningKeyRequest,
        context: Any,  # noqa: ARG002
    ) -> RotateSigningKeyResponse:
        key_id = await self._auth.keyring.rotate(withdraw_others=request.withdraw_others)
        return RotateSigningKeyResponse(key_id=key_id)

    async def _find(self, user_id: str, email: str) -> User:
        """By whichever is given. Raises `NoSuchUser`."""
        if email:
            user = await repository.find_user_by_email(self._auth.db, normalized(email))
        else:
            user = await repository.find_user(self._auth.db, user_id) if is_uuid(user_id) else None
        if user is None:
            raise NoSuchUser
        return user
