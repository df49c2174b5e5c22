"""Every setting of a shop as its processes will read it: the value, and where that comes from."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from stoa.app import SERVICES
from stoa.kit import settings as settings_of
from stoa.ports import choice
from stoa.ports.choice import Behind
from stoa.runtime.failure import Failure
from stoa.runtime.settings import ProcessSettings

HIDDEN = "(not shown)"

_SECRET = re.compile("SECRET|PASSWORD|TOKEN|CREDENTIAL|_KEY$|_DSN$|_URL$")


class Effective(NamedTuple):
    """`wrong` says why the value cannot be used; empty where it can."""

    variable: str
    value: str
    source: str
    wrong: str = ""


def sections(environ: Mapping[str, str]) -> Iterator[tuple[str, list[Effective]]]:
    """The settings by who reads them. A setting that may hold a secret has `HIDDEN` in its place."""
    for title, prefix, shape, shared in shapes():
        yield (
            title,
            [_effective(shape, prefix, field, environ, field.name in shared) for field in dataclasses.fields(shape)],
        )


def check(environ: Mapping[str, str]) -> None:
    """Raises `Failure` for the first that cannot be used."""
    for _, settings in sections(environ):
        for each in settings:
            if each.wrong:
                raise Failure(each.wrong, settings_of.MEND)


def shapes() -> Iterator[tuple[str, str, type[Any], Sequence[str]]]:
    """The settings classes: who reads them, what their variables begin with, and which are the whole shop's."""
    yield "processes", "STOA_", ProcessSettings, ()
    yield "gateway", "STOA_GATEWAY_", _settings_in("stoa.edge.gateway.settings"), ()
    for name, service in SERVICES.items():
        module = f"{service.package}.settings"
        if importlib.util.find_spec(module) is not None:
            yield name, f"STOA_{name.upper()}_", _settings_in(module), service.shares


def _settings_in(module: str) -> type[Any]:
    """The settings class of a module, which has one."""
    (found,) = (
        each
        for each in vars(importlib.import_module(module)).values()
        if isinstance(each, type)
        and dataclasses.is_dataclass(each)
        and each.__module__ == module
        and each.__name__.endswith("Settings")
    )
    return found


def _effective(
    shape: type[Any], prefix: str, field: dataclasses.Field[Any], environ: Mapping[str, str], shared: bool
) -> Effective:
    variable = prefix + field.name.upper()
    if shared and not environ.get(variable) and environ.get(settings_of.variable_of_all(field.name)):
        prefix, variable = "STOA_", settings_of.variable_of_all(field.name)
    given = environ.get(variable, "")
    secret = field.type in {"str", str} and _SECRET.search(variable) is not None
    source = "environment" if given else "default"
    try:
        read = getattr(settings_of.read(shape, prefix, {variable: given}), field.name)
        for behind in _ports(shape, field.name):
            choice.check(behind, read, variable=variable)
        value = _text(read)
    except settings_of.BadSetting as bad:
        said = str(bad).rstrip(".").replace(repr(given), HIDDEN) if secret else str(bad).rstrip(".")
        return Effective(variable, HIDDEN if secret else given, source, said)
    return Effective(variable, HIDDEN if secret and value else value, source)


def _ports(shape: type[Any], name: str) -> list[Behind]:
    """The port behind which it names somebody, if it does."""
    hint = get_type_hints(shape, include_extras=True)[name]
    return [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Behind)]


def _text(value: Any) -> str:
    """As it would be written in the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list, frozenset)):
        return ",".join(map(str, value))
    return str(value) if not isinstance(value, Path) else value.as_posix()
