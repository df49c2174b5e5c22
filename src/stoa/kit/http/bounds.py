"""The bounds between which a caller asks for something, and of how many things at once."""

from __future__ import annotations

import msgspec

from stoa.kit import problems
from stoa.kit.http.types import Sku

MOST_SKUS = 100
"""That a query asks for: as many as the cards of a page have, and an address that any proxy takes."""


class NothingBetween(problems.Unprocessable):
    title = "Nothing lies between these bounds"
    slug = "nothing-between"

    def __init__(self, least: str, most: str) -> None:
        super().__init__(f"{least} is above {most}.", field=least)


def check_prices(min_price: int | None, max_price: int | None) -> None:
    """Raises `NothingBetween`: an empty list would say that the shop has nothing."""
    if min_price is not None and max_price is not None and min_price > max_price:
        raise NothingBetween("min_price", "max_price")


def skus_in(listed: str) -> list[str]:
    """Of a parameter `skus` that has commas between them: each once, in their order."""
    skus = listed.split(",")
    if len(skus) > MOST_SKUS:
        raise problems.Unprocessable(
            f"At most {MOST_SKUS} SKUs are asked for at once, and these are {len(skus)}.", field="skus"
        )
    try:
        return list(dict.fromkeys(msgspec.convert(skus, list[Sku])))
    except msgspec.ValidationError:
        wrong = "SKUs have letters, digits, dots, hyphens and underscores, and stand with commas between them."
        raise problems.Unprocessable(wrong, field="skus") from None
