"""Chooses who stands behind a port: one of ours, or one that an installed package offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from stoa.kit.packages import described
from stoa.kit.problems import first_line
from stoa.kit.settings import BadSetting

T = TypeVar("T")
SettingsT = TypeVar("SettingsT")

PORTS = ("payment", "tax", "shipping", "mail")
"""The entry points of a port are the group `stoa.<port>`."""


class ReadSettings(Protocol):
    """What a provider's `build` is given."""

    def __call__(self, shape: type[SettingsT]) -> SettingsT:
        """`shape` from its defaults and the variables `STOA_<PORT>_<NAME>_<FIELD>`. Raises `BadSetting`."""


def choose(port: str, name: str, own: Mapping[str, Callable[[], T]], read: ReadSettings, *, variable: str) -> T:
    """The provider of that name, built. `variable` is the setting that named it.

    Raises `BadSetting` where there is none, two packages offer it, or its package cannot be used.
    """
    if name in own:
        return own[name]()
    found = [point for point in offered(port) if point.name == name]
    if len(found) != 1:
        names = sorted({*own, *(point.name for point in offered(port))})
        wrong = "more than one package offers it" if found else f"there is {', '.join(names)}"
        raise BadSetting(f"{variable}={name!r} cannot be used: {wrong}.")
    [point] = found
    try:
        provider: T = point.load()(read)
    except BadSetting:
        raise
    except Exception as error:
        raise BadSetting(
            f"{variable}={name!r} cannot be used: {point.value} of {described(point)} failed with "
            f"{type(error).__name__}: {first_line(error)}"
        ) from error
    return provider


def offered(port: str) -> Iterator[EntryPoint]:
    """What the installed packages offer."""
    yield from entry_points(group=f"stoa.{port}")


def prefix_of(port: str, name: str) -> str:
    """What the variables of a provider begin with, after `STOA_`."""
    return f"{port}_{name}".upper().replace("-", "_").replace(".", "_")
