"""Who stands behind a port: ours, a package's, or one line that says why nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoa.kit import settings
from stoa.kit.money import Money
from stoa.kit.settings import BadSetting
from stoa.ports.choice import choose, prefix_of
from stoa.ports.destination import Destination

OWN = {"flat": lambda: "ours"}


def chosen(name: str, **environ: str):
    def read(shape):
        return settings.read(shape, f"STOA_{prefix_of('tax', name)}_", environ)

    return choose("tax", name, OWN, read, variable="STOA_CHECKOUT_TAX")


def test_ours_needs_no_package():
    assert chosen("flat") == "ours"


@pytest.mark.usefixtures("acme")
async def test_a_package_reads_settings_of_its_own():
    taxes = chosen("by-country", STOA_TAX_BY_COUNTRY_ELSEWHERE_PERCENT="7")
    parts = [Money(1000, "GBP"), Money(200, "GBP")]
    assert await taxes.on(parts, "GBP", Destination("JP")) == ([Money(70, "GBP"), Money(14, "GBP")], "7 % in JP")
    assert await taxes.on(parts, "GBP", None) == ([Money(200, "GBP"), Money(40, "GBP")], "20 % in GB")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("name", "environ", "says"),
    [
        ("flatt", {}, "STOA_CHECKOUT_TAX='flatt' cannot be used: there is absent, broken, by-country, flat."),
        (
            "broken",
            {},
            "STOA_CHECKOUT_TAX='broken' cannot be used: acme:broken of acme 1.2 failed with "
            "ConnectionError: no licence",
        ),
        (
            "absent",
            {},
            "STOA_CHECKOUT_TAX='absent' cannot be used: acme 1.2 cannot be loaded: acme:nothing: "
            "AttributeError: module 'acme' has no attribute 'nothing'",
        ),
        (
            "by-country",
            {"STOA_TAX_BY_COUNTRY_ELSEWHERE_PERCENT": "much"},
            "STOA_TAX_BY_COUNTRY_ELSEWHERE_PERCENT='much' cannot be used: Expected `int`, got `str`.",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(name: str, environ: dict[str, str], says: str):
    with pytest.raises(BadSetting) as refusal:
        chosen(name, **environ)
    assert str(refusal.value) == says


def test_two_packages_of_one_name_are_refused(acme: Path):
    other = acme / "other-3.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 3.0\n")
    (other / "entry_points.txt").write_text("[stoa.tax]\nby-country = acme:taxes\n")
    with pytest.raises(BadSetting, match="more than one package offers it"):
        chosen("by-country")
