"""The failures that order expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stoa.kit import problems


class NoSuchOrder(problems.NotFound):
    """There is none, or it is another's: the two look the same from outside."""

    title = "No such order"
    slug = "order-not-found"

    def __init__(self) -> None:
        super().__init__("There is no such order.")


class WrongState(problems.Conflict):
    title = "Not possible in the state of this order"
    slug = "order-state"

    def __init__(self, before: str, after: str) -> None:
        members: dict[str, Any] = {"from": before, "to": after}
        super().__init__(f"An order that is {before} cannot become {after}.", **members)


class NoSuchLine(problems.Unprocessable):
    title = "No such line"
    slug = "order-line-not-found"

    def __init__(self, field: str) -> None:
        super().__init__("The order has no line of this SKU.", field=field)


class OnlyAlone(problems.Unprocessable):
    title = "A custom field is filtered by alone"
    slug = "custom-filter-alone"

    def __init__(self, field: str) -> None:
        super().__init__("With a filter by a custom field no other is taken.", field=field)


class NotPaid(problems.Conflict):
    """All of the money has gone back, or goes back: what is shipped now would be a present."""

    title = "Nothing of the payment is left"
    slug = "order-not-paid"

    def __init__(self) -> None:
        super().__init__("The payment of this order was given back: cancel the order.")


class GoodsToComeYet(problems.Conflict):
    """`skus` has what was promised before it was on hand, and is not yet: `{sku, quantity}`."""

    title = "Goods of this order are still to come"
    slug = "goods-to-come"

    def __init__(self, to_come: Mapping[str, int]) -> None:
        named = ", ".join(f"{units} of {sku}" for sku, units in [*to_come.items()][:5])
        more = f" and {len(to_come) - 5} SKUs more" if len(to_come) > 5 else ""
        skus = [{"sku": sku, "quantity": units} for sku, units in to_come.items()]
        super().__init__(f"This is not on hand yet: {named}{more}. The rest can be sent without it.", skus=skus)


class MoreThanLeft(problems.Conflict):
    """More than was bought, is not canceled and has not been sent."""

    title = "More than is left to send"
    slug = "more-than-left"

    def __init__(self, sku: str, field: str, left: int) -> None:
        super().__init__(f"{left} are left to be sent.", field=field, sku=sku, left=left)


class NotPlacedYet(problems.Conflict):
    """Its checkout is at work: what it was to take cannot be changed any more, only given up."""

    title = "The order is not placed yet"
    slug = "order-not-placed"

    def __init__(self) -> None:
        super().__init__("The checkout of this order is still at work: cancel all of it, or wait.")


class NoSuchShipment(problems.NotFound):
    title = "No such parcel"
    slug = "shipment-not-found"

    def __init__(self) -> None:
        super().__init__("The order has no such parcel.")


class ArrivedBefore(problems.Conflict):
    title = "This parcel has arrived"
    slug = "shipment-delivered"

    def __init__(self) -> None:
        super().__init__("The customer has this parcel already.")


class NothingToSettle(problems.Conflict):
    """What is to go back has gone back, or payment is at it."""

    title = "Nothing is left to settle"
    slug = "nothing-to-settle"

    def __init__(self) -> None:
        super().__init__("All that is to go back has gone back, or is on its way.")


class NoSuchReturn(problems.NotFound):
    title = "No such return"
    slug = "return-not-found"

    def __init__(self) -> None:
        super().__init__("The order has no such return.")


class WrongReturnState(problems.Conflict):
    title = "Not possible in the state of this return"
    slug = "return-state"

    def __init__(self, before: str, after: str) -> None:
        members: dict[str, Any] = {"from": before, "to": after}
        super().__init__(f"A return that is {before} cannot become {after}.", **members)


class OrderAbandoned(problems.Conflict):
    """The checkout gave this order up, perhaps before it was there: it is never made or confirmed after that."""

    title = "The checkout has abandoned this order"
    slug = "order-abandoned"

    def __init__(self) -> None:
        super().__init__("The checkout of this order was given up.")


class WrongFigures(problems.Unprocessable):
    """What the checkout sent does not add up."""

    title = "The figures of the order do not add up"
    slug = "order-figures"


class NotInOrder(problems.Unprocessable):
    slug = "not-in-order"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__("The order has no such SKU.", field=field, sku=sku)


class DuplicateLine(problems.Unprocessable):
    slug = "duplicate-line"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__("The same SKU stands in two lines.", field=field, sku=sku)


class MoreThanBought(problems.Conflict):
    """More would come back than was sent, has not come back yet and is not asked for in another return."""

    title = "More than can be returned"
    slug = "more-than-bought"

    def __init__(self, sku: str, field: str, returnable: int) -> None:
        super().__init__(f"{returnable} can still be returned.", field=field, sku=sku, returnable=returnable)


class NotInReturn(problems.Unprocessable):
    slug = "not-in-return"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__("This SKU was not asked for in the return.", field=field, sku=sku)


class MoreThanAsked(problems.Conflict):
    """More came than the return asked for: the rest is a return of its own."""

    title = "More than the return asked for"
    slug = "more-than-asked"

    def __init__(self, sku: str, field: str, asked: int) -> None:
        super().__init__(f"{asked} were asked for.", field=field, sku=sku, asked=asked)


class MoreUnfitThanCame(problems.Unprocessable):
    slug = "more-unfit-than-came"

    def __init__(self, sku: str, field: str) -> None:
        super().__init__("More units are unfit than came.", field=field, sku=sku)
