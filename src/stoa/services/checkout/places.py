"""Places as zones name them, and in which zone a destination is: pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.http.types import CountryCode, Label
from stoa.ports.destination import Destination
from stoa.services.checkout.addresses import region_code
from stoa.services.checkout.zones_errors import BadPlace, PlaceTaken, PlaceTwice

_NO_LETTER = re.compile(r"[^0-9A-Z]")


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A country; or a part of it: a region, the postal codes that begin so, or both."""

    country: CountryCode
    region: Label = ""
    postal_prefix: Annotated[str, Meta(max_length=20, pattern=text.LINE)] = ""


class _Spelled(NamedTuple):
    """A place as destinations are compared with it."""

    country: str
    region: str
    postal_prefix: str


class _Zone(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def places(self) -> Iterable[Place]: ...


ZoneT = TypeVar("ZoneT", bound=_Zone)


class Places(Generic[ZoneT]):
    """Which zone has a destination: of several the one whose place says the most of it holds alone."""

    def __init__(self, zones: Iterable[ZoneT]) -> None:
        self._zones: dict[_Spelled, ZoneT] = {}
        self._longest: dict[str, int] = {}
        for zone in zones:
            for place in zone.places:
                spelled = _spelled(place)
                self._zones[spelled] = zone
                longest = max(self._longest.get(place.country, 0), len(spelled.postal_prefix))
                self._longest[place.country] = longest

    def find(self, destination: Destination) -> ZoneT | None:
        country = destination.country
        region = _region(country, destination.region)
        postal_code = _postal(destination.postal_code)[: self._longest.get(country, 0)]
        for length in range(len(postal_code), -1, -1):
            for within in dict.fromkeys((region, "")):
                zone = self._zones.get(_Spelled(country, within, postal_code[:length]))
                if zone is not None:
                    return zone
        return None


def check_places(places: Iterable[Place]) -> None:
    """Raises `BadPlace` for a region that the country does not have or a code that is none, and `PlaceTwice`."""
    seen: dict[_Spelled, int] = {}
    for at, place in enumerate(places):
        if place.region and region_code(place.country, place.region) is None:
            raise BadPlace(f"{place.country} has no region {place.region}.", f"places[{at}].region")
        spelled = _spelled(place)
        if place.postal_prefix and not spelled.postal_prefix:
            raise BadPlace("A postal code begins with a letter or a digit.", f"places[{at}].postal_prefix")
        if spelled in seen:
            raise PlaceTwice(f"places[{at}]")
        seen[spelled] = at


def check_apart(places: Iterable[Place], others: Iterable[ZoneT]) -> None:
    """Raises `PlaceTaken` for a place that one of the other zones has."""
    taken = {_spelled(place): zone for zone in others for place in zone.places}
    for at, place in enumerate(places):
        zone = taken.get(_spelled(place))
        if zone is not None:
            raise PlaceTaken(zone.name, zone.id, f"places[{at}]")


def _spelled(place: Place) -> _Spelled:
    return _Spelled(place.country, _region(place.country, place.region), _postal(place.postal_prefix))


def _region(country: str, written: str) -> str:
    """As one of the country's is called, however it was written; else as it was, but for case and spaces."""
    return region_code(country, written) or " ".join(written.split()).casefold()


def _postal(written: str) -> str:
    return _NO_LETTER.sub("", written.upper())
