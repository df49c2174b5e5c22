"""What stands behind the port of files if nothing else is chosen: a folder of this machine, or a bucket that speaks S3.

Both by obstore, which is loaded when it is first asked: a shop that shows no files does without it.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stoa.kit.settings import BadSetting
from stoa.ports.media import Absent, Kept, MediaStore, Opened
from stoa.services.media.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE_BYTES = 256 * 1024
"""Of what is read: as much waits here for each who takes it."""

_UNFINISHED = re.compile(r"#\d+$")
"""How obstore calls what it is writing, beside the place where it will be."""


class Objects:
    """Files in whatever obstore opens, which `make` does when it is first asked."""

    def __init__(self, make: Callable[[], ObjectStore]) -> None:
        self._make = make

    @cached_property
    def _objects(self) -> ObjectStore:
        return self._make()

    async def put(self, key: str, file: Path) -> None:
        # In one piece: of what a bucket has got in several it keeps those of a broken one, unseen and paid for.
        await self._objects.put_async(key, file, use_multipart=False)

    async def open(self, key: str) -> Opened:
        try:
            found = await self._objects.get_async(key)
        except FileNotFoundError:
            raise Absent(key) from None

        async def pieces() -> AsyncGenerator[bytes, None]:
            async for piece in found.stream(min_chunk_size=PIECE_BYTES):
                yield bytes(piece)

        return Opened(found.meta["size"], pieces())

    async def remove(self, keys: Sequence[str]) -> None:
        for key in keys:
            try:
                await self._objects.delete_async(key)
            except FileNotFoundError:
                continue

    async def list(self, prefix: str) -> AsyncIterator[Kept]:
        async for batch in self._objects.list(prefix):
            for each in batch:
                yield Kept(each["path"], each["size"], each["last_modified"])


class Folder:
    """The same in a folder, brought to the disk before it counts, and with what a crash left half written.

    What obstore is writing it does not list, so it would stay for ever.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = Objects(lambda: _local(path))

    async def put(self, key: str, file: Path) -> None:
        await self._files.put(key, file)
        await asyncio.to_thread(_bring_to_disk, self._path, key)

    async def open(self, key: str) -> Opened:
        return await self._files.open(key)

    async def remove(self, keys: Sequence[str]) -> None:
        await self._files.remove([key for key in keys if not _UNFINISHED.search(key)])
        for key in keys:
            if _UNFINISHED.search(key):
                await asyncio.to_thread((self._path / key).unlink, missing_ok=True)

    async def list(self, prefix: str) -> AsyncIterator[Kept]:
        folders = iter(os.walk(self._path / prefix))
        while found := await asyncio.to_thread(next, folders, None):
            folder, _, names = found
            for name in names:
                file = Path(folder, name)
                try:
                    about = file.stat()  # noqa: ASYNC240 - one system call
                except FileNotFoundError:
                    continue
                at = datetime.fromtimestamp(about.st_mtime, UTC)
                yield Kept(file.relative_to(self._path).as_posix(), about.st_size, at)


def _local(path: Path) -> ObjectStore:
    from obstore.store import LocalStore  # noqa: PLC0415

    return LocalStore(path, automatic_cleanup=True, mkdir=True)


def _bring_to_disk(root: Path, key: str) -> None:
    """The file, and the names of the folders on the way to it."""
    place = root / key
    for each in (place, *[folder for folder in place.parents if folder.is_relative_to(root)]):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def bucket(settings: Settings) -> Objects:
    """The bucket that the settings name. Raises `BadSetting` where they do not say which."""
    if not settings.s3_bucket:
        raise BadSetting("STOA_MEDIA_STORE='s3' cannot be used: STOA_MEDIA_S3_BUCKET is not set.")

    def make() -> ObjectStore:
        from obstore.store import S3Store  # noqa: PLC0415

        endpoint = settings.s3_endpoint
        given = {
            "bucket": settings.s3_bucket,
            "region": settings.s3_region,
            "access_key_id": settings.s3_access_key,
            "secret_access_key": settings.s3_secret_key,
            "endpoint": endpoint,
        }
        return S3Store(
            config={name: value for name, value in given.items() if value},  # type: ignore[arg-type]
            client_options={"allow_http": endpoint.startswith("http://"), "timeout": "30s"},
            virtual_hosted_style_request=not endpoint,
        )

    return Objects(make)


def own(files: Path, settings: Settings) -> dict[str, Callable[[], MediaStore]]:
    """Ours, by what `STOA_MEDIA_STORE` calls them; `files` is the service's folder."""
    return {"folder": lambda: Folder(files), "s3": lambda: bucket(settings)}
