"""Media for other services: proto/stoa/media/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from stoa.contracts.media.v1 import media_pb2 as pb
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceServicer
from stoa.kit.http.decoding import converted
from stoa.kit.http.types import Id, Label
from stoa.services.media import repository
from stoa.services.media.messages import file_message
from stoa.services.media.owners import SHOP
from stoa.services.media.service import Media
from stoa.services.media.upload import New, upload


class _Asked(msgspec.Struct):
    ids: Annotated[list[Id], Meta(max_length=1000)] = []
    alt: Label = ""


class MediaServicer(MediaServiceServicer):
    def __init__(self, media: Media) -> None:
        self._media = media

    async def GetFiles(self, request: pb.GetFilesRequest, context: Any) -> pb.GetFilesResponse:
        ids = sorted({each.lower() for each in converted({"ids": list(request.ids)}, _Asked).ids})
        return pb.GetFilesResponse(files=map(file_message, await repository.find_files(self._media.db, ids)))

    async def ImportFile(self, request: pb.ImportFileRequest, context: Any) -> pb.ImportFileResponse:
        new = New("product", SHOP, None, converted({"alt": request.alt}, _Asked).alt)
        file, _ = await upload(self._media, new, _pieces(request.content))
        return pb.ImportFileResponse(file=file_message(file))


async def _pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    if content:
        yield content
