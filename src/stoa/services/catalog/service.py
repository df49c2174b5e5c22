"""What the acts of catalog work with."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.services.catalog.settings import Settings


@dataclass(frozen=True)
class Catalog:
    db: Database
    outbox: Outbox
    settings: Settings
