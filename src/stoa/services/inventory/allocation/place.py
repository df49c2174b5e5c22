"""Where a warehouse is, where goods go, and what each warehouse has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]

Shelves = Mapping[str, Mapping[str, int]]
"""By SKU and warehouse, how many may be taken."""


class Destination(msgspec.Struct, frozen=True):
    """Where goods go, as far as it is known: nothing is, of what is held for nobody in particular."""

    country: str = ""
    region: str = ""
    postal_code: str = ""
    latitude: float | None = None
    longitude: float | None = None


NOWHERE = Destination()


class Place(msgspec.Struct, frozen=True):
    """A warehouse: the lower its `priority`, the earlier it is drawn from where nothing else decides."""

    warehouse_id: str
    priority: int
    country: str | None = None
    region: str = ""
    postal_code: str = ""
    latitude: float | None = None
    longitude: float | None = None
