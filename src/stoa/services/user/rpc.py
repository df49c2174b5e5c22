"""The gRPC servicer of user: what other services ask of profiles and address books."""

from __future__ import annotations

from typing import Any

import msgspec

from stoa.contracts.common.v1.common_pb2 import Address
from stoa.contracts.user.v1 import user_pb2_grpc
from stoa.contracts.user.v1.user_pb2 import (
    GetAddressRequest,
    GetAddressResponse,
    GetProfileRequest,
    GetProfileResponse,
    ShowsFileRequest,
    ShowsFileResponse,
)
from stoa.kit.ids import is_uuid
from stoa.services.user import repository
from stoa.services.user.addresses import address_of
from stoa.services.user.errors import NoSuchAddress, NoSuchUser
from stoa.services.user.profiles import profile_of
from stoa.services.user.service import Users


class UserServicer(user_pb2_grpc.UserServiceServicer):
    def __init__(self, users: Users) -> None:
        self._users = users

    async def GetProfile(self, request: GetProfileRequest, context: Any) -> GetProfileResponse:  # noqa: ARG002, N802
        if not is_uuid(request.user_id):
            raise NoSuchUser
        profile = await profile_of(self._users, request.user_id)
        return GetProfileResponse(
            user_id=profile.user_id,
            email=profile.email,
            first_name=profile.first_name,
            last_name=profile.last_name,
            phone=profile.phone,
            custom_fields_json=msgspec.json.encode(profile.custom_fields.shown(private=True)),
            metadata=profile.metadata,
        )

    async def ShowsFile(self, request: ShowsFileRequest, context: Any) -> ShowsFileResponse:  # noqa: ARG002, N802
        if not is_uuid(request.user_id):
            raise NoSuchUser
        shows = await repository.shows_file(self._users.db, request.user_id, request.file_id.lower())
        return ShowsFileResponse(shows=shows)

    async def GetAddress(self, request: GetAddressRequest, context: Any) -> GetAddressResponse:  # noqa: ARG002, N802
        if not (is_uuid(request.user_id) and is_uuid(request.address_id)):
            raise NoSuchAddress
        address = await address_of(self._users, request.user_id, request.address_id)
        return GetAddressResponse(
            address=Address(
                name=address.name,
                line1=address.line1,
                line2=address.line2,
                city=address.city,
                region=address.region,
                postal_code=address.postal_code,
                country=address.country,
                phone=address.phone,
            )
        )
