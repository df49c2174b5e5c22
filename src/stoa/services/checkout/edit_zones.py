"""What staff do about tax zones and shipping zones: make, replace and remove one.

A place is in one zone of a kind, and a place where goods are picked up has a code that no other method has: who
changes a zone holds the row that counts all changes, and looks at all of the kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stoa.kit import staff_acts
from stoa.kit.db import Database, Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.services.checkout import zones_repository as repository
from stoa.services.checkout.places import check_apart, check_places
from stoa.services.checkout.zones import (
    Kind,
    Method,
    ShippingZone,
    ShippingZoneBody,
    TaxZone,
    TaxZoneBody,
    Zone,
    check_rates,
    checked_methods,
    kept_rate,
)
from stoa.services.checkout.zones_errors import CodeTaken, NoSuchZone, TooManyZones
from stoa.services.checkout.zones_repository import Said

MOST_ZONES = 500
"""Of a kind. Each process has all of them in memory."""

ZoneBody = TaxZoneBody | ShippingZoneBody


async def find_zone(db: Database, kind: Kind, zone_id: str) -> Any:
    """Raises `NoSuchZone`."""
    found = await repository.find_zone(db, kind, zone_id)
    if found is None:
        raise NoSuchZone
    return found


async def add_zone(db: Database, body: ZoneBody) -> Any:
    """Raises `TooManyZones` and what `_checked` and `_check_beside` do."""
    kind, said = _checked(body)
    async with db.transaction() as tx:
        return await _add(tx, kind, said, await repository.lock_zones(tx, kind))


async def import_zones(db: Database, bodies: Sequence[ZoneBody]) -> int:
    """How many were added: all of a kind, or none where the shop has some already. Raises what adding one does."""
    checked = [_checked(body) for body in bodies]
    async with db.transaction() as tx:
        if any([await repository.lock_zones(tx, kind) for kind in dict.fromkeys(kind for kind, _ in checked)]):
            return 0
        others: list[Zone] = []
        for kind, said in checked:
            others.append(await _add(tx, kind, said, others))
        return len(others)


async def _add(tx: Transaction, kind: Kind, said: Said, others: Sequence[Zone]) -> Any:
    if len(others) >= MOST_ZONES:
        raise TooManyZones(MOST_ZONES)
    _check_beside(said, others)
    added = await repository.add_zone(tx, kind, said)
    await staff_acts.record(tx, act=f"{kind}_zone.added", subject=added.id, after=_told(added))
    return added


async def replace_zone(db: Database, zone_id: str, body: ZoneBody, if_match: IfMatch) -> Any:
    """All of it. What is as it was gets no version.

    Raises `NoSuchZone`, `VersionMismatch` and what `_checked` and `_check_beside` do.
    """
    kind, said = _checked(body)
    async with db.transaction() as tx:
        before, others = await _locked(tx, kind, zone_id, if_match)
        _check_beside(said, others)
        if repository.said_of(before) == said:
            return before
        after = await repository.change_zone(tx, zone_id, said)
        await staff_acts.record(
            tx, act=f"{kind}_zone.changed", subject=zone_id, before=_told(before), after=_told(after)
        )
        return after


async def remove_zone(db: Database, kind: Kind, zone_id: str, if_match: IfMatch) -> None:
    """Raises `NoSuchZone`, `VersionMismatch`."""
    async with db.transaction() as tx:
        before, _ = await _locked(tx, kind, zone_id, if_match)
        await repository.remove_zone(tx, zone_id)
        await staff_acts.record(tx, act=f"{kind}_zone.removed", subject=zone_id, before=_told(before))


async def _locked(tx: Transaction, kind: Kind, zone_id: str, if_match: IfMatch) -> tuple[Any, list[Any]]:
    """The zone, and the others of its kind."""
    zones = {zone.id: zone for zone in await repository.lock_zones(tx, kind)}
    before = zones.pop(zone_id.lower(), None)
    if before is None:
        raise NoSuchZone
    if_match.check(before.version)
    return before, list(zones.values())


def _checked(body: ZoneBody) -> tuple[Kind, Said]:
    """Raises what is wrong with the body alone."""
    check_places(body.places)
    if isinstance(body, ShippingZoneBody):
        return "shipping", Said(body.name, body.places, checked_methods(body.methods))
    rates = tuple(kept_rate(rate) for rate in body.rates)
    check_rates(rates)
    return "tax", Said(body.name, body.places, rates)


def _check_beside(said: Said, others: Iterable[Zone]) -> None:
    """Raises `PlaceTaken` or `CodeTaken`: a place where goods are picked up is found by its code alone."""
    others = list(others)
    check_apart(said.places, others)
    kinds = {method.code: method.kind for zone in others if isinstance(zone, ShippingZone) for method in zone.methods}
    for at, method in enumerate(said.rules):
        if isinstance(method, Method) and "pickup" in (method.kind, kinds.get(method.code)) and method.code in kinds:
            raise CodeTaken(method.code, f"methods[{at}].code")


def _told(zone: Zone) -> Mapping[str, Any]:
    """What somebody has to know to judge it. Of a place where goods are picked up not the address."""
    places = [" ".join(filter(None, (one.country, one.region, one.postal_prefix))) for one in zone.places]
    if isinstance(zone, TaxZone):
        rates = [
            {"tax_class": one.tax_class, "parts_per_million": one.parts_per_million, "on_shipping": one.on_shipping}
            for one in zone.rates
        ]
        return {"places": places, "rates": rates}
    methods = [
        {
            "code": one.code,
            "kind": one.kind,
            "active": one.active,
            "prices": [
                [tier.price.amount, tier.price.currency, tier.from_grams, tier.from_subtotal] for tier in one.prices
            ],
            "free_from": [[free.amount, free.currency] for free in one.free_from],
            "max_weight_grams": one.max_weight_grams,
            "tax_class": one.tax_class,
        }
        for one in zone.methods
    ]
    return {"places": places, "methods": methods}
