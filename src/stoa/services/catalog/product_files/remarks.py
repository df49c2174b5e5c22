"""What of a product is not here as it stands in the file of another shop, told once for the whole file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import msgspec

What = Literal[
    "sku-renamed",
    "hidden-as-draft",
    "category-left-out",
    "measure-left-out",
    "picture-left-out",
    "file-left-out",
    "variation-of-any",
    "stock-shared",
    "stock-not-counted",
    "stock-oversold",
    "backorder-left-out",
    "gift-card-as-goods",
    "barcode-noted",
]
"""`sku-renamed`: it has letters that a SKU has not here, or several variants here, which have it in their metadata as
`sku`. `hidden-as-draft`: that shop sold it and showed it nowhere. `category-left-out`: a product stands in one here.
`measure-left-out`: a weight or size that is no number. `picture-left-out`: it is at an address with http, not https.
`file-left-out`: a picture of an uploaded file that this shop does not have. `variation-of-any`: it left a value open,
which the buyer said there, and is a variant for each here. `stock-shared`: there variants are counted together, here
each for itself. `stock-not-counted`: a variant was sold there uncounted, and here it is sold out until it has stock.
`stock-oversold`: more of a variant was sold there than there was, and here it has none. `backorder-left-out`: there a
variant is sold when none is left, here when its policy says so. `gift-card-as-goods`: it is sold as anything else, and
nothing makes it money. `barcode-noted`: it is no number of an article, or was mistyped, and stands in the variant's
metadata.
"""
MOST_EXAMPLES = 20
LONGEST_EXAMPLE = 300


class Said(NamedTuple):
    """Of one product, with what it is about."""

    what: What
    example: str


class Remark(msgspec.Struct, frozen=True):
    """How often that is so in the file, and where it was first."""

    what: What
    count: int
    examples: list[str]


def gathered(before: Sequence[Remark], said: Iterable[Said]) -> list[Remark]:
    remarks = {one.what: one for one in before}
    for what, example in said:
        known = remarks.get(what, Remark(what, 0, []))
        examples = [*known.examples, example[:LONGEST_EXAMPLE]][:MOST_EXAMPLES]
        remarks[what] = Remark(what, known.count + 1, examples)
    return list(remarks.values())
