"""What is counted of media."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from stoa.kit.db import Db
from stoa.kit.telemetry.metrics import REGISTRY
from stoa.services.media import pictures_repository

UPLOADS = Counter("stoa_media_uploads", "Files taken in, by what they are for", ["purpose"], registry=REGISTRY)
PICTURES = Counter("stoa_media_pictures", "Tries to make the pictures of a file", ["outcome"], registry=REGISTRY)
WAITING = Gauge("stoa_media_waiting", "Files whose pictures are to be made", registry=REGISTRY)
FAILING = Gauge("stoa_media_failing", "Of those the ones for which it has failed before", registry=REGISTRY)


async def measure(db: Db) -> None:
    new, failing = await pictures_repository.waiting(db)
    WAITING.set(new + failing)
    FAILING.set(failing)
