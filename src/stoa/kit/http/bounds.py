"""The bounds between which a caller asks for something."""

from __future__ import annotations

from stoa.kit import problems


class NothingBetween(problems.Unprocessable):
    title = "Nothing lies between these bounds"
    slug = "nothing-between"

    def __init__(self, least: str, most: str) -> None:
        super().__init__(f"{least} is above {most}.", field=least)


def check_prices(min_price: int | None, max_price: int | None) -> None:
    """Raises `NothingBetween`: an empty list would say that the shop has nothing."""
    if min_price is not None and max_price is not None and min_price > max_price:
        raise NothingBetween("min_price", "max_price")
