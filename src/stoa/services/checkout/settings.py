"""The settings of checkout, each with its reason."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from stoa.kit.settings import Currency, Number, Positive, Seconds
from stoa.ports.choice import Behind

KeepDays = Annotated[int, Meta(ge=2, le=3650)]
BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]


@dataclass(frozen=True)
class Settings:
    currency: Currency = "GBP"
    """What the shop sells in: a cart of other prices is refused."""

    prices_include_tax: bool = False
    """Whether what the catalog says, and what sending costs, is with tax: the whole shop's (`STOA_PRICES_INCLUDE_TAX`).
    Net, because a price that is taken for net and is not loses the tax; where shoppers see prices with tax: true."""

    tax: Annotated[str, Behind("tax", ("flat",))] = "flat"
    """Who says what tax is due: `flat` are the shop's tax zones, or else the rate below; others come with packages
    (docs/extending.md)."""

    shipping: Annotated[str, Behind("shipping", ("flat",))] = "flat"
    """Who says what sending costs: `flat` are the shop's shipping zones, or else the prices below; others come with
    packages."""

    tax_basis_points: BasisPoints = 2000
    """Flat tax in hundredths of a percent on goods and shipping, as long as there is no tax zone. 2000 is 20 %."""

    shipping_standard_minor: Number = 495
    """What `standard` costs where there is no shipping zone, in the currency's minor units, with tax if prices are:
    4.95, about what a parcel costs the shop."""

    shipping_express_minor: Number = 995
    """The same of `express`, which is never free: 9.95, twice as much, because it goes before others."""

    free_standard_from_minor: Number = 5000
    """Goods of so much after discount are sent free by `standard`."""

    most_at_once: Positive = 512
    """Checkouts under way in one process: above it 503 at once, because all of them together would only be slower."""

    answer_within_seconds: Seconds = 15.0
    """How long a shopper waits before 202 says that it goes on: less than proxies wait. A process that stops gives
    its requests less: then it is 503, and a repeat gets the answer."""

    repeat_waits_seconds: Seconds = 10.0
    """How long a repeat of the same key waits for the first's answer before 409."""

    call_timeout_seconds: Seconds = 6.0
    """For one call to a neighbor: longer than payment waits for its provider."""

    give_up_after_seconds: Seconds = 10.0
    """How long a step before the capture is tried while its neighbor does not answer; then all is undone.
    Below `answer_within_seconds`, so that the shopper is still there to hear of it."""

    attention_after_seconds: Seconds = 900.0
    """How long what must be done is tried before a person is asked: longer than a restart or a failover."""

    longest_pause_seconds: Seconds = 5.0
    """Between two tries of a step: a neighbor that is back is found within so long."""

    lease_seconds: Seconds = 4.0
    """How long a process may be silent before another takes its checkouts over. One that died is noticed at once."""

    tend_every_seconds: Seconds = 1.0
    """How often leases are renewed while checkouts are under way: several times per lease."""

    keep_days: KeepDays = 7
    """How long the answer of an ended checkout can be had again, with what it had learned: longer than the 48 hours
    for which other requests keep theirs (a registration: one day). Then it is cut to what the audit compares."""
