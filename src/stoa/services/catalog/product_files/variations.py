"""What the variations of WooCommerce stand for. One that leaves an attribute open is sold with any of its values, and
there the buyer says which; here each value is a variant of its own. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from stoa.services.catalog.bodies import MOST_VARIANTS


class Variation(NamedTuple):
    """The `options` of each variant that it is, and those attributes of several values that it leaves `open`."""

    options: Sequence[Mapping[str, str]]
    open: Sequence[str]


def differing(said: Sequence[Mapping[str, str]], values: Mapping[str, Sequence[str]]) -> list[str]:
    """The attributes in which variations differ, in the order of their product's `values`: what any of them names, with
    a value or open. What all leave open and has one value is the same of all."""
    named = dict.fromkeys(name for one in said for name in one)
    valued = {name for one in said for name, value in one.items() if value}
    ordered = dict.fromkeys([*(name for name in values if name in named), *named])
    return [name for name in ordered if name in valued or len(values.get(name, ())) > 1]


def settled(said: Sequence[Mapping[str, str]], values: Mapping[str, Sequence[str]]) -> list[Variation]:
    """What each stands for. `said` is what it has of each attribute, and what is missing or empty there is open: any
    but what another says exactly, and of two that leave it open the first's. Raises `ValueError` where these are more
    than a product may have."""
    names = differing(said, values)
    taken = {_key(_said(one, names)) for one in said if not _open(one, names, values)}
    found: list[Variation] = []
    for one in said:
        if not (left := _open(one, names, values)):
            found.append(Variation([_said(one, names)], []))
            continue
        free = (way for way in _ways(one, names, values) if _key(way) not in taken)
        ways = list(itertools.islice(free, MOST_VARIANTS + 1))
        taken |= {_key(way) for way in ways}
        if max(len(taken), len(said)) > MOST_VARIANTS:
            raise ValueError(_TOO_MANY)
        found.append(Variation(ways, [name for name in left if len(values[name]) > 1]))
    return found


_TOO_MANY = (
    f"A product has at most {MOST_VARIANTS} variants, and these are more, with one for each value that a variation"
    " leaves open"
)


def _said(one: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: one[name] for name in names if one.get(name)}


def _open(one: Mapping[str, str], names: Sequence[str], values: Mapping[str, Sequence[str]]) -> list[str]:
    return [name for name in names if not one.get(name) and values.get(name)]


def _ways(
    one: Mapping[str, str], names: Sequence[str], values: Mapping[str, Sequence[str]]
) -> Iterator[dict[str, str]]:
    each = [[one[name]] if one.get(name) else list(dict.fromkeys(values.get(name, ()))) or [""] for name in names]
    return ({name: value for name, value in zip(names, way, strict=True) if value} for way in itertools.product(*each))


def _key(options: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(options.items())
