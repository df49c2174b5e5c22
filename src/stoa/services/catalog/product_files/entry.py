"""One product of a file, as it stands there and as it is meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from stoa.services.catalog.product_files.remarks import Said
from stoa.services.catalog.words import sku_for, sku_of

T = TypeVar("T")

MOST_NOTED = 500
"""Characters of a value of metadata."""


class Cell(NamedTuple):
    """As it stands in a table, and whether a number there may have a decimal comma."""

    text: str
    comma: bool


@dataclass(frozen=True)
class Entry:
    """`line` is where it begins. `raw` is what stands in the file: rows of cells, or a line of JSON.

    `item` is what `POST /products/bulk` takes of a product, with `category_path` beside it, and of what it leaves alone
    nothing. `columns` says where a member of it stands in the file, those of `variants[0]` for each of them. An entry
    with `faults` has in its item what could be read: of each the column (or member), and what is wrong with it.
    `specifications` are the cells of those, by name: what they mean is for the attribute to say. `renamed` are SKUs as
    the file has them, by ours; `remarks` are what is not as it is there.
    """

    line: int
    raw: Sequence[Sequence[str]] | str
    item: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    faults: Sequence[tuple[str, str]] = ()
    specifications: Mapping[str, Cell] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    remarks: Sequence[Said] = ()

    def column_of(self, place: str) -> str:
        """Where `variants[0].price.amount` stands in the file."""
        at = re.sub(r"^variants\[[0-9]+\]", "variants[0]", place)
        while at:
            if at in self.columns:
                return self.columns[at]
            at = at.rpartition("[" if at.endswith("]") else ".")[0]
        return place


class Fault(Exception):
    """What is wrong with a cell: `column` names it."""

    def __init__(self, column: str, detail: str) -> None:
        super().__init__(detail)
        self.column = column
        self.detail = detail


def read_cell(column: str, how: Callable[..., T], *arguments: Any, **more: Any) -> T:
    """What `how` makes of a cell of the column. Raises `Fault` for its `ValueError`."""
    try:
        return how(*arguments, **more)
    except ValueError as error:
        raise Fault(column, str(error)) from None


class Faults:
    """What is wrong with the cells of an entry, gathered: who mends it wants to know all of it."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []
        self.line: int | None = None
        """Of the row that is read, where the entry has several."""

    def say(self, column: str, detail: str) -> None:
        """Once, however many look at the cell."""
        told = (column, detail if self.line is None else f"Line {self.line}: {detail}")
        self.found += [] if told in self.found else [told]

    def member(self, name: str, column: str, how: Callable[..., Any], *arguments: Any, **more: Any) -> dict[str, Any]:
        """The member that `how` makes of a cell of the column; none where it raises `ValueError`, or `Fault`, which
        names a column itself."""
        try:
            return {name: how(*arguments, **more)}
        except ValueError as error:
            self.say(column, str(error))
        except Fault as fault:
            self.say(fault.column, fault.detail)
        return {}


class Skus:
    """The SKUs of a product of another shop as they are here."""

    def __init__(self) -> None:
        self.renamed: dict[str, str] = {}

    def named(self, theirs: str, slug: str, values: Sequence[str], apart: Sequence[str] = ()) -> dict[str, Any]:
        """What a variant has of it: where its own is another, that is kept. One that has none is named for its product
        and its `values`, and of several that have the same each for that and what tells it `apart`."""
        ours = sku_for(sku_of(theirs), apart) if theirs and apart else sku_of(theirs) or sku_for(slug, values)
        if not theirs or ours == theirs:
            return {"sku": ours}
        self.renamed[ours] = theirs
        return {"sku": ours, "metadata": {"sku": theirs[:MOST_NOTED]}}

    @property
    def remarks(self) -> list[Said]:
        return [Said("sku-renamed", f"{theirs}: {ours}") for ours, theirs in self.renamed.items()]
