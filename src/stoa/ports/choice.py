"""Chooses who stands behind a port: one of ours, or one that an installed package offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Protocol, TypeVar

from stoa.kit import packages
from stoa.kit import settings as settings_of
from stoa.kit.packages import BadPackage
from stoa.kit.problems import with_type
from stoa.kit.settings import BadSetting

T = TypeVar("T")
SettingsT = TypeVar("SettingsT")

PORTS = ("payment", "tax", "shipping", "mail", "media", "search")
"""The entry points of a port are the group `stoa.<port>`."""


@dataclass(frozen=True)
class Behind:
    """Beside the type of a setting that names who stands behind a port: `own` are those of ours. Whoever looks at
    settings sees by it whether there is somebody of the name."""

    port: str
    own: tuple[str, ...]


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
    point = _offer(port, name, own, variable)
    try:
        provider: T = packages.load(point)(read)
    except BadSetting:
        raise
    except BadPackage as bad:
        raise BadSetting(f"{variable}={name!r} cannot be used: {bad}") from bad
    except Exception as error:
        said = f"{point.value} of {packages.described(point)} failed with {with_type(error)}"
        raise BadSetting(f"{variable}={name!r} cannot be used: {said}") from error
    return provider


def check(behind: Behind, name: str, *, variable: str) -> None:
    """Raises `BadSetting` where nobody stands behind the port under the name, or two packages do."""
    if name not in behind.own:
        _offer(behind.port, name, behind.own, variable)


def _offer(port: str, name: str, own: Iterable[str], variable: str) -> EntryPoint:
    """That of the one package that has it."""
    there = packages.offered(group_of(port))
    found = [point for point in there if point.name == name]
    if len(found) != 1:
        names = sorted({*own, *(point.name for point in there)})
        wrong = "more than one package offers it" if found else f"there is {', '.join(names)}"
        raise BadSetting(f"{variable}={name!r} cannot be used: {wrong}.")
    return found[0]


def reader(port: str, name: str, environ: Mapping[str, str]) -> ReadSettings:
    """What the provider of that name is given to read its settings."""

    def read(shape: type[SettingsT]) -> SettingsT:
        return settings_of.read(shape, f"STOA_{prefix_of(port, name)}_", environ)

    return read


def group_of(port: str) -> str:
    """The entry points by which packages offer themselves."""
    return f"stoa.{port}"


def prefix_of(port: str, name: str) -> str:
    """What the variables of a provider begin with, after `STOA_`."""
    return f"{port}_{name}".upper().replace("-", "_").replace(".", "_")
