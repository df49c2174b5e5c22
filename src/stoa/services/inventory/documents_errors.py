"""What inventory refuses of the documents that move and count goods: transfers, receipts and counts.

NotFound        NoSuchTransfer, NoSuchReceipt, NoSuchCount
Unprocessable   SameWarehouse, NotOnTheDocument
Conflict        WrongState, MoreThanOnTheWay, MoreThanOrdered
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stoa.kit import problems


class NoSuchTransfer(problems.NotFound):
    title = "There is no such transfer"
    slug = "no-such-transfer"

    def __init__(self) -> None:
        super().__init__("There is no transfer of this id.", field="transfer_id")


class NoSuchReceipt(problems.NotFound):
    title = "There is no such receipt"
    slug = "no-such-receipt"

    def __init__(self) -> None:
        super().__init__("There is no receipt of this id.", field="receipt_id")


class NoSuchCount(problems.NotFound):
    title = "There is no such count"
    slug = "no-such-count"

    def __init__(self) -> None:
        super().__init__("There is no count of this id.", field="count_id")


class SameWarehouse(problems.Unprocessable):
    title = "The goods are there already"
    slug = "same-warehouse"

    def __init__(self) -> None:
        super().__init__("A transfer goes from one warehouse to another.", field="destination")


class NotOnTheDocument(problems.Unprocessable):
    """`skus` are those that it has no line of."""

    title = "This is not on the document"
    slug = "not-on-the-document"

    def __init__(self, skus: Iterable[str], field: str = "lines") -> None:
        named = sorted(skus)
        super().__init__(f"It has no line of {', '.join(named[:5])}.", field=field, skus=named)


class CountedTwice(problems.Unprocessable):
    title = "A SKU is counted twice"
    slug = "counted-twice"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__(f"An earlier line counts {sku}: say how many there are in all.", field=field)


class WrongState(problems.Conflict):
    """`state` is the one that it has."""

    title = "It is too late for this, or too early"
    slug = "wrong-state"

    def __init__(self, what: str, state: str) -> None:
        super().__init__(f"The {what} is {state}.", field="state", state=state)


class MoreThanOnTheWay(problems.Conflict):
    """`skus` has each line that does not fit: `{sku, quantity, on_the_way}`."""

    title = "More than is on the way"
    slug = "more-than-on-the-way"

    def __init__(self, asked: Mapping[str, int], on_the_way: Mapping[str, int]) -> None:
        over = [
            {"sku": sku, "quantity": units, "on_the_way": on_the_way[sku]}
            for sku, units in sorted(asked.items())
            if units > on_the_way[sku]
        ]
        first = over[0]
        super().__init__(
            f"{first['on_the_way']} of {first['sku']} are on the way: count again.", field="lines", skus=over
        )


class MoreThanOrdered(problems.Conflict):
    """`skus` has each line that does not fit: `{sku, quantity, incoming}`. With `over` it is booked."""

    title = "More than was ordered"
    slug = "more-than-ordered"

    def __init__(self, asked: Mapping[str, int], incoming: Mapping[str, int]) -> None:
        over = [
            {"sku": sku, "quantity": units, "incoming": incoming[sku]}
            for sku, units in sorted(asked.items())
            if units > incoming[sku]
        ]
        first = over[0]
        super().__init__(
            f"{first['incoming']} of {first['sku']} are still to come: count again, or say that more has come (over).",
            field="lines",
            skus=over,
        )
