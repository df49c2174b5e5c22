"""The stable part of the kit (`stoa.kit.api`) as lines of text, so that two of its states can be compared."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from stoa.kit.api import STABLE, VERSION

RECORD = Path(__file__).with_name("api.txt")


def lines() -> list[str]:
    """Every name, what can be called and with what: `required` parameters must be given."""
    return sorted(
        {
            line
            for module, names in STABLE.items()
            for name in names
            for line in _lines(f"{module}.{name}", getattr(importlib.import_module(module), name))
        }
    )


def breaks(recorded: Collection[str], now: Collection[str]) -> list[str]:
    """What a package that was written for the recorded state may not find any more, or not give."""
    still = {*now, *(line.replace(", optional", ", required") for line in now)}
    called = {line.partition("(")[0] for line in recorded}
    demanded = [line for line in now if line.endswith("required") and line.partition("(")[0] in called]
    return sorted({*set(recorded) - still, *set(demanded) - set(recorded)})


def _lines(name: str, what: Any) -> Iterator[str]:
    yield name
    if not callable(what):
        return
    yield from _parameters(name, what)
    for member in vars(what) if inspect.isclass(what) and not issubclass(what, Exception) else ():
        if not member.startswith("_"):
            yield from _member(f"{name}.{member}", inspect.getattr_static(what, member))


def _member(name: str, what: Any) -> Iterator[str]:
    yield name
    what = what.__func__ if isinstance(what, (classmethod, staticmethod)) else what
    if inspect.isfunction(what):
        yield from _parameters(name, what)


def _parameters(name: str, what: Any) -> Iterator[str]:
    try:
        parameters = inspect.signature(what).parameters.values()
    except (TypeError, ValueError):
        return
    for number, each in enumerate(parameters):
        if each.name in {"self", "cls"}:
            continue
        place = "by name" if each.kind is each.KEYWORD_ONLY else f"at {number}"
        optional = each.default is not each.empty or each.kind in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
        yield f"{name}({each.name}) {place}, {'optional' if optional else 'required'}"


if __name__ == "__main__":
    RECORD.write_text("\n".join([f"version {VERSION}", *lines()]) + "\n")
