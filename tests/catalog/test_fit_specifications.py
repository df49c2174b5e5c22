"""What cells say of the attributes of a type, as people and spreadsheets write it."""

from __future__ import annotations

from typing import Any

import pytest

from stoa.kit import clock
from stoa.services.catalog.attributes import Attribute, AttributeType, Choice
from stoa.services.catalog.fit_specifications import fitted, value_in
from stoa.services.catalog.product_files.cells import written
from stoa.services.catalog.product_files.entry import Cell
from stoa.services.catalog.product_types import ProductType, Used

GRAPES = [Choice("riesling"), Choice("pinot", "Pinot, noir"), Choice("PINOT2", "Pinot gris")]


def attribute(kind: str, **more: Any) -> Attribute:
    now = clock.now()
    return Attribute(id=1, name="it", version=1, created_at=now, updated_at=now, type=AttributeType(kind), **more)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("boolean", "TRUE", True),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("boolean", "nein", False),
        ("number", "12.5", 12.5),
        ("number", "12,5", 12.5),
        ("number", "1e3", 1000.0),
        ("date", "2025-03-01", "2025-03-01"),
        ("date", "1.3.2025", "2025-03-01"),
        ("text", "18", "18"),
        ("text", "1.50", "1.50"),
        ("text", "TRUE", "TRUE"),
        ("text", '"18"', "18"),
        ("select", "RIESLING", "riesling"),
        ("select", "pinot gris", "PINOT2"),
        ("multi_select", "riesling", ["riesling"]),
        ("multi_select", "Riesling; Pinot gris", ["riesling", "PINOT2"]),
        ("multi_select", "riesling, pinot", ["riesling", "pinot"]),
        ("multi_select", "pinot, noir", ["pinot"]),
        ("multi_select", '["riesling", "pinot"]', ["riesling", "pinot"]),
    ],
)
def test_a_cell_means_what_its_attribute_takes(kind, text, value):
    choices = GRAPES if "select" in kind else ()
    meant = value_in(attribute(kind, choices=choices), Cell(text, comma=True))
    assert (meant, type(meant)) == (value, type(value))
    # And what is written of it is read as that.
    assert value_in(attribute(kind, choices=choices), Cell(written(value), comma=False)) == value


@pytest.mark.parametrize(
    ("kind", "text", "wrong"),
    [
        ("boolean", "maybe", "'maybe' is neither true nor false: write one of these, or yes or no"),
        ("number", "12 kg", "'12 kg' is no number: write it as 24.5"),
        ("number", "1.290", "'1.290' may be a thousand or a fraction: write 1290, or 1,2900"),
        ("date", "03/01/2025", "'03/01/2025' is no day: write it as 2026-02-28 or 28.02.2026"),
        ("select", "Reisling", "'Reisling' is none of riesling, pinot, PINOT2; did you mean riesling?"),
        ("multi_select", "riesling; x", "'x' is none of riesling, pinot, PINOT2"),
    ],
)
def test_the_part_that_does_not_fit_is_named(kind, text, wrong):
    with pytest.raises(ValueError, match=r".") as refused:
        value_in(attribute(kind, choices=GRAPES if "select" in kind else ()), Cell(text, comma=True))
    assert str(refused.value) == wrong


def test_all_that_does_not_fit_is_told_and_what_stood_so_is_not_looked_at():
    now = clock.now()
    used = [Used(False, attribute("date"))]
    of = ProductType(id="t", slug="wine", name="Wine", attributes=used, version=1, created_at=now, updated_at=now)
    said = {"it": "31.02.2025", "other": "1"}
    cells = {name: Cell(text, comma=False) for name, text in said.items()}
    _, wrong = fitted(of, cells, said, {})
    assert [(one.field, one.detail) for one in wrong] == [
        ("specifications.it", "'31.02.2025' does not fit. A day as 2026-02-28."),
        ("specifications.other", "Products of type wine have no such attribute."),
    ]
    assert fitted(of, cells, said, said) == (said, [])
