"""One product of a file, as it stands there and as it is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """`line` is where it begins. `raw` is what stands in the file: rows of cells, or a line of JSON.

    `item` is what `POST /products/bulk` takes of a product, with `category_path` beside it, and of what it leaves alone
    nothing. `columns` says where a member of it stands in the file. An entry with a `fault` has no item: the column (or
    member) at fault, and what is wrong with it.
    """

    line: int
    raw: Sequence[Sequence[str]] | str
    item: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    fault: tuple[str, str] | None = None

    def column_of(self, place: str) -> str:
        """Where `variants[0].price.amount` stands in the file."""
        at = place
        while at:
            if at in self.columns:
                return self.columns[at]
            at = at.rpartition(".")[0] if "." in at else at.rpartition("[")[0]
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
