"""How people misspell what shops sell: `misspelled.csv` has names and what is written for one of their words or
for all, as one hears it, half remembers it, or mistypes it. The shop has one product of each name."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from search.index.products import ids, product

from stoa.ports.search import Query
from stoa.services.search.index.embedded import EmbeddedIndex, open_index

WITHIN = 3
REACHED = {"en": 0.95, "de": 0.94}
"""What was reached in each language, and must not be lost."""


@pytest.mark.parametrize("locale", REACHED)
async def test_what_is_often_misspelled_is_found(
    tmp_path: Path, locale: str, record_property: Callable[[str, object], None]
):
    with (Path(__file__).parent / "misspelled.csv").open(newline="") as file:
        cases = [(row["name"], row["written"]) for row in csv.DictReader(file) if row["locale"] == locale]
    index = await open_index(tmp_path / "index", [locale])
    await index.write([product(name, name.title()) for name in dict.fromkeys(name for name, _ in cases)])
    await index.commit("1")
    found = {case: ids(await index.search(Query(text=case[1], limit=WITHIN))) for case in cases}
    await index.close()
    lost = [f"{written} finds {hits}, not {name}" for (name, written), hits in found.items() if name not in hits]
    rate = 1 - len(lost) / len(cases)
    record_property("misspelled", rate)
    assert rate >= REACHED[locale], "\n".join([str(rate), *lost])


SHOP = ("Grey Elephant", "Calendar", "Stationery Set", "Hottie", "Candle", "Doorstop", "Field Spirit")


@pytest.mark.parametrize(
    ("text", "found", "corrected"),
    [
        ("elefant", ["Grey Elephant"], "elephant"),
        ("kalender", ["Calendar"], "calendar"),
        ("stationary", ["Stationery Set"], "stationery"),
        ("stationary set", ["Stationery Set"], "stationery set"),
        ("hoodie", [], None),  # sounds nearly so, and is written otherwise
        ("kindle", [], None),
        ("sprite", [], None),
        ("vileda", [], None),
        ("kandel", ["Candle"], "candle"),
    ],
)
async def test_what_sounds_alike_is_meant_if_it_is_written_nearly_so(
    index: EmbeddedIndex, text: str, found: list[str], corrected: str | None
):
    await index.write([product(name, name) for name in SHOP])
    await index.commit("1")
    answer = await index.search(Query(text=text))
    assert (ids(answer), answer.corrected) == (found, corrected)
