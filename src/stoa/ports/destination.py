"""Where a purchase goes, as far as prices depend on it."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.kit.http.types import Address


@dataclass(frozen=True, slots=True)
class Destination:
    """`country` is ISO 3166 alpha-2; the others are as they were written on the address, empty where it has none."""

    country: str
    region: str = ""
    city: str = ""
    postal_code: str = ""


def destination_of(address: Address | None) -> Destination | None:
    """Without who lives there."""
    return Destination(address.country, address.region, address.city, address.postal_code) if address else None
