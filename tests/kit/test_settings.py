"""Settings come from their defaults and the environment; a bad value is one line that names the variable."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

from stoa.kit.settings import BadSetting, read


@dataclass(frozen=True, kw_only=True)
class Settings:
    url: str
    hold_seconds: Annotated[int, Meta(ge=1, le=3600)] = 900
    rate: float = 0.5
    open_at_night: bool = False
    origins: tuple[str, ...] = ()
    folder: Path = Path("data")


def test_defaults_and_what_is_set():
    assert read(Settings, "STOA_X_", {"STOA_X_URL": "u", "STOA_Y_RATE": "9"}) == Settings(url="u")
    environ = {
        "STOA_X_URL": "u",
        "STOA_X_HOLD_SECONDS": "60",
        "STOA_X_RATE": "0.25",
        "STOA_X_OPEN_AT_NIGHT": "true",
        "STOA_X_ORIGINS": "https://a.example, https://b.example,",
        "STOA_X_FOLDER": "/srv/stoa",
    }
    assert read(Settings, "STOA_X_", environ) == Settings(
        url="u",
        hold_seconds=60,
        rate=0.25,
        open_at_night=True,
        origins=("https://a.example", "https://b.example"),
        folder=Path("/srv/stoa"),
    )


def test_an_empty_variable_counts_as_not_set():
    assert read(Settings, "STOA_X_", {"STOA_X_URL": "u", "STOA_X_RATE": ""}).rate == 0.5
    with pytest.raises(BadSetting, match="STOA_X_URL is not set"):
        read(Settings, "STOA_X_", {"STOA_X_URL": ""})


def test_a_shared_setting_is_the_whole_shops_unless_its_own_is_set():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Priced:
        currency: str = "GBP"
        rate: int = 1

    environ = {"STOA_CURRENCY": "EUR", "STOA_RATE": "2"}
    assert read(Priced, "STOA_X_", environ) == Priced()
    assert read(Priced, "STOA_X_", environ, shared=("currency",)) == Priced(currency="EUR")
    assert read(Priced, "STOA_X_", {**environ, "STOA_X_CURRENCY": "USD"}, shared=("currency",)) == Priced(
        currency="USD"
    )
    assert read(Priced, "STOA_X_", {}, shared=("currency",)) == Priced()


@pytest.mark.parametrize(
    ("service", "variable", "value"),
    [
        ("auth", "HASH_THREADS", "0"),
        ("auth", "SESSION_DAYS", "-1"),
        ("cart", "CURRENCY", "pounds"),
        ("cart", "CURRENCY", "XXX"),
        ("checkout", "TAX_BASIS_POINTS", "-1"),
        ("checkout", "TAX_BASIS_POINTS", "99999999"),
        ("checkout", "SHIPPING_STANDARD_MINOR", "-1"),
        ("checkout", "LEASE_SECONDS", "0"),
        ("inventory", "HOLD_SECONDS", "0"),
        ("payment", "SETTLE_AFTER_SECONDS", "-2"),
    ],
)
def test_what_would_break_a_service_is_refused_at_its_start(service, variable, value):
    shape = importlib.import_module(f"stoa.services.{service}.settings").Settings
    with pytest.raises(BadSetting, match="cannot be used"):
        read(shape, "STOA_X_", {f"STOA_X_{variable}": value})


@pytest.mark.parametrize("service", ["catalog", "search"])
@pytest.mark.parametrize(
    "locales", ["EN;de", "de,de", "en,de,en", ",", "german", "en-gb", ",".join(f"a{chr(97 + at)}" for at in range(21))]
)
def test_a_shop_has_languages_and_each_once(service, locales):
    shape = importlib.import_module(f"stoa.services.{service}.settings").Settings
    with pytest.raises(BadSetting, match=r"^STOA_LOCALES=.* cannot be used: "):
        read(shape, "STOA_X_", {"STOA_LOCALES": locales}, shared=("locales",))


@pytest.mark.parametrize(
    "service", ["auth", "cart", "catalog", "checkout", "inventory", "notification", "payment", "search"]
)
def test_every_default_could_have_been_set(service):
    shape = importlib.import_module(f"stoa.services.{service}.settings").Settings
    defaults = {f"STOA_X_{field.name.upper()}": _written(field.default) for field in dataclasses.fields(shape)}
    assert read(shape, "STOA_X_", defaults) == shape()


def _written(default):
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("HOLD_SECONDS", "soon", "Expected `int`"),
        ("HOLD_SECONDS", "0", ">= 1"),
        ("HOLD_SECONDS", "3601", "<= 3600"),
        ("RATE", "half", "Expected `float`"),
        ("RATE", "nan", "not a finite number"),
        ("RATE", "inf", "not a finite number"),
        ("OPEN_AT_NIGHT", "perhaps", "Expected `bool`"),
        ("ORIGINS", "a,b, a", "it names a twice"),
    ],
)
def test_a_bad_value_is_named_in_one_line(variable, value, why):
    with pytest.raises(BadSetting) as refused:
        read(Settings, "STOA_X_", {"STOA_X_URL": "u", f"STOA_X_{variable}": value})
    message = str(refused.value)
    assert message.startswith(f"STOA_X_{variable}='{value}' cannot be used: ")
    assert why in message
    assert "\n" not in message
