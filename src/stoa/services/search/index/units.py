"""What a text means in this shop, before it is a query of tantivy's. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from stoa.services.search.index.reading import Part, Word

AS_WRITTEN, COMPLETED, MEANT, IN_COMPOUND, DOUBTED = 1.0, 0.9, 0.8, 0.6, 0.5
"""How much a way counts."""


@dataclass(frozen=True)
class Way:
    """All of these stems."""

    stems: tuple[str, ...]
    counts: float = AS_WRITTEN


@dataclass(frozen=True)
class Unit:
    """What must match, in one way or another. `words` is what it stands for in the text, `code` what may be one of the
    shop's, or the beginning of one."""

    words: tuple[Word, ...]
    ways: tuple[Way, ...]
    code: str = ""
    code_is_begun: bool = False
    phrase: tuple[str, ...] = ()
    filler: bool = False


@dataclass(frozen=True)
class Asked:
    """What is looked for. `corrected` is the text that it is of, where that is not the shopper's."""

    units: tuple[Unit, ...]
    without: tuple[Part, ...] = ()
    corrected: str | None = None
    at_least: int | None = None
    """Of the units, where not all must match."""

    @property
    def stems(self) -> list[frozenset[str]]:
        """What is marked in a text, for each unit."""
        return [
            frozenset(stem for way in (*unit.ways, Way(unit.phrase)) for stem in way.stems)
            for unit in self.units
            if not unit.filler and (unit.ways or unit.phrase)
        ]
