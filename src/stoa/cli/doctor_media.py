"""What the doctor looks at in media: whether files can be kept and pictures be made."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil

from stoa.app import SERVICES
from stoa.cli.databases import every_database
from stoa.cli.installation import Installation, files_of, settings_of_service
from stoa.kit.problems import with_type
from stoa.runtime.access import Access
from stoa.runtime.data_dir import FILES
from stoa.runtime.failure import Failure

LEAST_FREE_BYTES = 1_000_000_000
STORAGE_SECONDS = 20.0


async def media(here: Installation, access: Access | None) -> str:
    """Whether files can be kept and pictures made."""
    settings = settings_of_service(here, "media")
    await _storage(here, settings.store)
    package = SERVICES["media"].package
    try:
        made: int = await importlib.import_module(f"{package}.try_out").try_out(settings)
    except Exception as error:
        raise Failure(
            f"the process that makes pictures does not: {with_type(error)}",
            "install again what is locked (`make up`), and see STOA_MEDIA_WORKER_MEGABYTES and _SECONDS",
        ) from None
    said = f"kept in the {settings.store}, {made} formats made"
    if access is None:
        return said
    async with every_database(access) as databases:
        waiting, failing = await importlib.import_module(f"{package}.pictures_repository").waiting(databases["media"])
    if failing:
        raise Failure(
            f"the pictures of {failing} files could not be made so far, which is tried again",
            "the log of the process that runs media says why (`a picture waits`)",
        )
    return f"{said}, {waiting} files wait for their pictures"


async def _storage(here: Installation, store: str) -> None:
    if store == "folder":
        path = (here.data_dir.path / FILES / "media").absolute()
        nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        if not nearest.is_dir() or not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
            raise Failure(
                f"{nearest} is not a folder that we may write to", f"run `chown` or `chmod u+rwx` on {nearest}"
            )
        free = shutil.disk_usage(nearest).free
        if free < LEAST_FREE_BYTES:
            raise Failure(
                f"{free // 1_000_000} MB are free at {nearest}", "make room: uploads are refused on a full disk"
            )
        return
    files = files_of(here)
    try:
        async with asyncio.timeout(STORAGE_SECONDS):
            async for _ in files.store.list("originals/00"):
                break
    except Exception as error:
        raise Failure(
            f"where files are kept (STOA_MEDIA_STORE={store}) does not answer: {with_type(error)}",
            f"see that it runs, and what STOA_MEDIA_{store.upper()}_… says of where it is and who may ask",
        ) from None
