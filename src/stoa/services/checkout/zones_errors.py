"""What is refused of tax zones and shipping zones."""

from __future__ import annotations

from stoa.kit import problems


class NoSuchZone(problems.NotFound):
    title = "There is no such zone"
    slug = "no-such-zone"

    def __init__(self) -> None:
        super().__init__("There is no zone of this id.", field="zone_id")


class TooManyZones(problems.Conflict):
    title = "There are as many zones as there may be"
    slug = "too-many-zones"

    def __init__(self, most: int) -> None:
        super().__init__(f"A shop has at most {most} of these.", most=most)


class BadPlace(problems.Unprocessable):
    title = "There is no such place"
    slug = "bad-place"

    def __init__(self, detail: str, field: str) -> None:
        super().__init__(detail, field=field)


class PlaceTwice(problems.Unprocessable):
    title = "The same place twice"
    slug = "place-twice"

    def __init__(self, field: str) -> None:
        super().__init__("This zone has the place already.", field=field)


class PlaceTaken(problems.Conflict):
    """`zone` is the id of the one that has it."""

    title = "Another zone has this place"
    slug = "place-taken"

    def __init__(self, name: str, zone_id: str, field: str) -> None:
        super().__init__(f"The zone {name} has this place: a place is in one zone.", field=field, zone=zone_id)


class RateTwice(problems.Unprocessable):
    title = "The same rate twice"
    slug = "rate-twice"

    def __init__(self, field: str) -> None:
        super().__init__("This zone has a rate of that name for the tax class already.", field=field)


class RatesTooHigh(problems.Unprocessable):
    title = "The rates are more than 100 %"
    slug = "rates-too-high"

    def __init__(self, tax_class: str, field: str) -> None:
        super().__init__(f"All rates of the tax class {tax_class} together are more than 100 %.", field=field)


class CodeTaken(problems.Unprocessable):
    title = "The code of the method is taken"
    slug = "method-code-taken"

    def __init__(self, code: str, field: str) -> None:
        super().__init__(
            f"There is another method {code} in this zone, or a place of that code where goods are picked up.",
            field=field,
        )


class PickupAddress(problems.Unprocessable):
    title = "A place to pick up goods has an address"
    slug = "pickup-address"

    def __init__(self, field: str) -> None:
        super().__init__("A method of the kind pickup says where; a delivery does not.", field=field)


class DaysTurned(problems.Unprocessable):
    title = "The latest day is before the earliest"
    slug = "days-turned"

    def __init__(self, field: str) -> None:
        super().__init__("It takes at least min_days.", field=field)


class TierTwice(problems.Unprocessable):
    title = "Two prices for the same"
    slug = "tier-twice"

    def __init__(self, field: str) -> None:
        super().__init__("There is another for this currency, weight and subtotal.", field=field)
