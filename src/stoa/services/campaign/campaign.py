"""What a campaign is: when it holds, for whom, on what, what it takes off, and how often. Values and no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.http.types import GroupName, Id, Price, Quantity, Sku

State = Literal["draft", "active", "paused", "ended"]
Kind = Literal["percentage", "amount", "unit_amount", "buy_get", "free_shipping", "tiered"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

BasisPoints = Annotated[int, Meta(ge=1, le=10_000, description="Hundredths of a percent: 1000 is 10 %")]
TimeOfDay = Annotated[
    str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](?!\n)$|^24:00(?!\n)$", max_length=5, examples=["09:30"])
]
MOST_NAMED = 1_000
"""SKUs, products and so on that one campaign names: all of them are in memory."""
Amounts = Annotated[list[Price], Meta(max_length=50)]
"""One for each currency: where there is none of the cart's, the campaign does not apply."""
CombinationSet = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(?!\n)$")]
MethodName = Annotated[str, Meta(min_length=1, max_length=40, pattern=text.LINE)]
Skus = Annotated[list[Sku], Meta(max_length=MOST_NAMED)]
Ids = Annotated[list[Id], Meta(max_length=MOST_NAMED)]


class Times(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """On these days from one time of day to another; one that is not later is of the next day."""

    days: Annotated[list[Day], Meta(min_length=1, max_length=7)]
    opens: TimeOfDay = "00:00"
    closes: TimeOfDay = "24:00"


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When in the week it holds, by the clocks of this place."""

    time_zone: Annotated[str, Meta(min_length=1, max_length=60, pattern=text.LINE, examples=["Europe/Berlin"])]
    times: Annotated[list[Times], Meta(min_length=1, max_length=50)]


class Selection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The lines it is for: those that fit all that is said. SKUs and products are one, any of them will do, as will any
    of the categories (what is below one counts), of the collections, of the brands. Said of nothing: all lines."""

    skus: Skus = []
    products: Ids = []
    categories: Ids = []
    collections: Ids = []
    brands: Ids = []

    @property
    def is_everything(self) -> bool:
        return not (self.skus or self.products or self.categories or self.collections or self.brands)


class Conditions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must be true of the cart. `least_subtotal` and `least_quantity` are of the lines that it is for, at their
    prices before anything comes off. A `first_order` is of a customer who is signed in and has bought nothing yet."""

    customer_groups: Annotated[list[GroupName], Meta(max_length=50)] = []
    least_subtotal: Amounts = []
    least_quantity: Quantity | None = None
    first_order: bool = False


class Tier(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From so many units on, or from so much: that share comes off, or that amount."""

    least_quantity: Quantity | None = None
    least_subtotal: Amounts = []
    basis_points: BasisPoints | None = None
    amounts: Amounts = []


class Effect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it does, by its `kind`.

    `percentage` takes `basis_points` off; `amount` takes `amounts` off all lines together, `unit_amount` off each unit;
    `buy_get`: of each `buy` + `get` units the cheapest `get` have `basis_points` off, at most `most_times`;
    `free_shipping`: by any method, or by these `methods`; `tiered`: as the best of `tiers` says that is reached.
    """

    kind: Kind
    basis_points: BasisPoints | None = None
    amounts: Amounts = []
    buy: Quantity | None = None
    get: Quantity | None = None
    most_times: Quantity | None = None
    methods: Annotated[list[MethodName], Meta(max_length=20)] = []
    tiers: Annotated[list[Tier], Meta(max_length=20)] = []


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often it is used in all and by each customer, who must be signed in then; and how much may come off lines in
    all, by currency."""

    most_uses: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    most_uses_per_customer: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    budget: Amounts = []


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """Of those that apply to a cart the one with the greater `priority` comes first, then the older."""

    id: str
    name: str
    state: State
    by_coupon: bool
    priority: int
    exclusive: bool
    combination_sets: Sequence[str]
    starts_at: datetime | None
    ends_at: datetime | None
    hours: Hours | None
    selection: Selection
    conditions: Conditions
    effects: Sequence[Effect]
    limits: Limits

    @property
    def per_customer(self) -> int | None:
        """How often one customer may use it. A first order is one."""
        return 1 if self.conditions.first_order else self.limits.most_uses_per_customer

    @property
    def is_counted(self) -> bool:
        """Whether it depends on how often it was used."""
        return bool(self.limits.most_uses or self.per_customer or self.limits.budget)

    def combines_with(self, other: Campaign) -> bool:
        if self.exclusive or other.exclusive:
            return False
        mine, theirs = set(self.combination_sets), set(other.combination_sets)
        return not (mine or theirs) or not mine.isdisjoint(theirs)


def amount_in(amounts: Sequence[Price], currency: str) -> int | None:
    """In minor units; None where there is no figure in the currency."""
    return next((one.amount for one in amounts if one.currency == currency), None)


class Coupon(msgspec.Struct, frozen=True, kw_only=True):
    """A code of a campaign. It is kept in capital letters, and matched without case."""

    id: str
    campaign_id: str
    code: str
    most_uses: int | None
    used: int
    starts_at: datetime | None
    ends_at: datetime | None
    revoked: bool


class Counts(msgspec.Struct, frozen=True):
    """How often a campaign was used, by one customer, and for how much by currency."""

    used: int = 0
    by_customer: int = 0
    spent: Mapping[str, int] = {}


NEVER = Counts()


def code_of(entered: str) -> str:
    """As codes are kept."""
    return entered.strip().upper()
