"""Where the files of a shop are kept, whatever keeps them: for who looks at them from outside, as an operator."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from stoa.app import SERVICES
from stoa.kit import settings as settings_of
from stoa.ports import choice
from stoa.ports.media import MediaStore
from stoa.runtime.data_dir import FILES

SWEPT_EVERY = timedelta(days=1)


class KeptFiles(NamedTuple):
    """`strays_for` is how long bytes may be there that no row names: by then they have been swept."""

    store: MediaStore
    strays_for: timedelta


def kept_files(data_dir: Path, environ: Mapping[str, str]) -> KeptFiles:
    """Of the installation with that data directory and these settings. Raises `BadSetting`."""
    media = SERVICES["media"]
    shape = importlib.import_module(f"{media.package}.settings").Settings
    settings = settings_of.read(shape, "STOA_MEDIA_", environ, shared=media.shares)
    own = importlib.import_module(f"{media.package}.storage").own(data_dir / FILES / media.name, settings)
    read = choice.reader("media", settings.store, environ)
    store = choice.choose("media", settings.store, own, read, variable="STOA_MEDIA_STORE")
    # What became a stray just after a sweep is found by the one after the next.
    return KeptFiles(store, timedelta(days=settings.grace_days) + 2 * SWEPT_EVERY)
