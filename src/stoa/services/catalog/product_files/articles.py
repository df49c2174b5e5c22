"""What files say of an article itself: its barcode, and its weight in whatever unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from stoa.kit.barcodes import barcode_of
from stoa.services.catalog.bodies import MOST_GRAMS
from stoa.services.catalog.product_files.entry import MOST_NOTED
from stoa.services.catalog.product_files.numbers import number_of
from stoa.services.catalog.product_files.remarks import Said

GRAMS: Mapping[str, float] = {"g": 1, "kg": 1000, "lbs": 453.59237, "oz": 28.349523125}
"""In one of each unit that other shops weigh in."""


def grams_of(text: str, unit: str = "g", *, comma: bool = False) -> int | None:
    """Whole grams, None for what weighs nothing: so shops write what nobody has weighed. Raises `ValueError`."""
    said = number_of(text, comma=comma)
    if said <= 0:
        return None
    grams = max(1, round(said * GRAMS[unit]))
    if grams > MOST_GRAMS:
        raise ValueError(f"{text!r} is too much: a weight is at most {MOST_GRAMS} grams")
    return grams


def whole_grams_of(text: str) -> int:
    """Of our own files, whose unit is the gram."""
    if re.fullmatch("[0-9]{1,12}", text) is None:
        raise ValueError(f"{text!r} is no number of grams: write it as 350")
    return int(text)


class Articles:
    """Barcodes and weights of the variants of a product of another shop. There anything may stand for them: of what is
    none here `remarks` tell."""

    def __init__(self, product: str) -> None:
        self._product = product
        self.remarks: list[Said] = []

    def members(self, barcode: str, noted_as: str, weight: str, unit: str = "g") -> dict[str, Any]:
        """What a variant has of both. A code that is no barcode is kept in its metadata, under the name that it has
        there."""
        return {**self._barcode(barcode, noted_as), **self._weight(weight, unit)}

    def _barcode(self, said: str, noted_as: str) -> dict[str, Any]:
        if not said:
            return {}
        try:
            return {"barcode": barcode_of(said)}
        except ValueError:
            self.remarks.append(Said("barcode-noted", f"{self._product}: {said}"))
            return {"metadata": {noted_as: said[:MOST_NOTED]}}

    def _weight(self, said: str, unit: str) -> dict[str, Any]:
        if not said:
            return {}
        try:
            return {"weight": grams_of(said, unit, comma=True)}
        except ValueError:
            self.remarks.append(Said("measure-left-out", f"{self._product}: {said} {unit}"))
            return {}
