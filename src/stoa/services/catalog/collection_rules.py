"""Which products a collection by rules has: conditions on what a product is, judged one product at a time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from stoa.kit import text
from stoa.kit.http.types import Moment
from stoa.services.catalog.bodies import Number, PropertyName, WholeNumber
from stoa.services.catalog.errors import BadCondition
from stoa.services.catalog.product import is_id

Field = Literal["category", "brand", "tag", "seller", "price", "specification", "created"]
Match = Literal["all", "any"]

_ONE_OF: Collection[Field] = ("category", "brand", "tag", "seller")


Text = Annotated[str, Meta(max_length=1000, pattern=text.LINES)]


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a product has in a `field`: `any_of` some values, or `at_least` and `at_most` so much.

    `category` takes categories' slugs, and what is inside those; `brand` a name that it has or had, or its slug;
    `seller` ids; `price` bounds in minor units, of the lowest of its variants; `specification` the `name` of one, with
    either. `created` is `since` a moment, or `within_days` of now: such a product leaves when its days have passed.
    """

    field: Field
    name: PropertyName | None = None
    any_of: Annotated[list[Text | WholeNumber | Number | bool], Meta(max_length=100)] = []
    at_least: WholeNumber | Number | None = None
    at_most: WholeNumber | Number | None = None
    since: Moment | None = None
    within_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A product belongs to the collection where `all` conditions hold, or `any` of them."""

    conditions: Annotated[list[Condition], Meta(min_length=1, max_length=50)]
    match: Match = "all"

    @property
    def looks_at(self) -> list[Field]:
        return sorted({condition.field for condition in self.conditions})


class Facts(NamedTuple):
    """What of a product can be asked for. `categories` are its own and those around it, by id; `brands` the names that
    its brand has or had."""

    categories: Collection[str]
    brands: Collection[str]
    tags: Collection[str]
    seller_id: str | None
    price_minor: int | None
    specifications: Mapping[str, Any]
    created_at: datetime


class Verdict(NamedTuple):
    """Whether something holds, and until when that is so if only time passes; None: for good."""

    holds: bool
    until: datetime | None = None


def judged(rules: Rules, facts: Facts, now: datetime) -> Verdict:
    """Whether the product belongs to the collection."""
    verdicts = [_holds(condition, facts, now) for condition in rules.conditions]
    if rules.match == "all":
        ends = [each.until for each in verdicts if each.until is not None]
        return Verdict(all(each.holds for each in verdicts), min(ends, default=None))
    true = [each for each in verdicts if each.holds]
    ends = [each.until for each in true if each.until is not None]
    return Verdict(bool(true), max(ends) if ends and len(ends) == len(true) else None)


def _holds(condition: Condition, facts: Facts, now: datetime) -> Verdict:  # noqa: PLR0911, one for each field
    match condition.field:
        case "category":
            return Verdict(not set(condition.any_of).isdisjoint(facts.categories))
        case "brand":
            return Verdict(not set(condition.any_of).isdisjoint(facts.brands))
        case "tag":
            return Verdict(not set(condition.any_of).isdisjoint(facts.tags))
        case "seller":
            return Verdict(facts.seller_id in condition.any_of)
        case "price":
            return Verdict(facts.price_minor is not None and _within(condition, facts.price_minor))
        case "specification":
            value = facts.specifications.get(condition.name or "")
            return Verdict(any(_fits(condition, each) for each in (value if isinstance(value, list) else [value])))
        case "created":
            if condition.since is not None:
                return Verdict(facts.created_at >= condition.since)
            until = facts.created_at + timedelta(days=condition.within_days or 0)
            return Verdict(now < until, until if now < until else None)


def _within(condition: Condition, number: float) -> bool:
    least, most = condition.at_least, condition.at_most
    return (least is None or number >= least) and (most is None or number <= most)


def _fits(condition: Condition, value: object) -> bool:
    """Of a specification. To Python 1 and true are the same, to a shopper they are not."""
    if condition.any_of:
        return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in condition.any_of)
    return isinstance(value, int | float) and not isinstance(value, bool) and _within(condition, value)


def check_rules(rules: Rules) -> None:
    """Raise `BadCondition` where one says nothing, or what its field does not have."""
    for at, condition in enumerate(rules.conditions):
        if wrong := _wrong_members(condition) or _wrong_values(condition):
            member, detail = wrong
            raise BadCondition(detail, f"rules.conditions[{at}].{member}")


def _wrong_members(condition: Condition) -> tuple[str, str] | None:
    """The member that should be another, and how."""
    field = condition.field
    bounds = {"at_least": condition.at_least, "at_most": condition.at_most}
    times = {"since": condition.since, "within_days": condition.within_days}
    said = {
        name for name, value in (bounds | times | {"any_of": condition.any_of or None}).items() if value is not None
    }
    allowed = _allowed(field)
    if alien := sorted(said - allowed):
        return alien[0], f"A condition on {field} has no {alien[0]}."
    if (condition.name is not None) != (field == "specification"):
        return "name", "A condition on a specification names it, and no other has a name."
    if not said or (field == "created" and len(said) > 1):
        return min(allowed), f"A condition on {field} says one of: {', '.join(sorted(allowed))}."
    if "any_of" in said and said & bounds.keys():
        return "any_of", "Either values are named, or bounds."
    return None


def _wrong_values(condition: Condition) -> tuple[str, str] | None:
    field = condition.field
    if field in _ONE_OF and not all(isinstance(each, str) and each for each in condition.any_of):
        return "any_of", f"Of {field} the values are texts."
    if field == "seller" and not all(is_id(str(each)) for each in condition.any_of):
        return "any_of", "Sellers are named by their ids."
    least, most = condition.at_least, condition.at_most
    if least is not None and most is not None and least > most:
        return "at_most", "The bounds leave nothing."
    return None


def _allowed(field: Field) -> set[str]:
    if field in _ONE_OF:
        return {"any_of"}
    if field == "created":
        return {"since", "within_days"}
    return {"at_least", "at_most"} if field == "price" else {"any_of", "at_least", "at_most"}


def rules_of(match: Match | None, conditions: Sequence[Any] | None) -> Rules | None:
    """As a row has them."""
    if match is None or conditions is None:
        return None
    return Rules(msgspec.convert(conditions, list[Condition]), match)
