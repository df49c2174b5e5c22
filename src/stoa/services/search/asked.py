"""What a caller of the public API may ask, and what of it goes to the index. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from stoa.kit import problems
from stoa.kit.http.bounds import check_prices
from stoa.kit.http.types import AmountMinor, PageQuery, Slug
from stoa.kit.nearest import choose
from stoa.ports.search import DayRange, Facets, Filters, NumberRange, Query, Sort, Value
from stoa.services.search.attributes import Attributes
from stoa.services.search.errors import BadAttribute, NotFilterable
from stoa.services.search.rules import Rules

MOST_VALUES = 50
"""Of one filter."""
MOST_NAMED = 20
"""Attributes whose counts are asked for by name."""
MOST_FOUND = 10
"""Those that most hits have: as many as a page shows before somebody has to unfold it."""
ATTRIBUTE = "attr."
T = TypeVar("T", float, date)

Text = Annotated[str, Meta(max_length=1000, description="As somebody writes it; of a long one the beginning counts")]
Locale = Annotated[
    str, Meta(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?(?!\n)$", max_length=35, examples=["en"])
]
Several = Annotated[
    str,
    Meta(min_length=1, max_length=2000, description=r"With commas between them, in them as `\,`, a backslash as `\\`"),
]
Tag = Annotated[str, Meta(min_length=1, max_length=60)]
AttributeFilter = Annotated[
    dict[Annotated[str, Meta(min_length=1, max_length=100)], Annotated[str, Meta(max_length=2000)]],
    Meta(max_length=20),
]


class SearchQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    r"""What is looked for, in what, and what is counted beside it.

    q: what is looked for, as somebody writes it; left out: all that the filters leave
    category: slug of a category; what is in the categories inside it is found, too
    brand: names of brands with commas between them, of which any will do; a comma in a name is `\,`; a name that one
        had before, in another case or without accents, and a slug that it has or had, mean it, too
    min_price: at least this price, in minor units (pence, cents, yen)
    max_price: at most this price, in minor units (pence, cents, yen)
    in_stock: true: only what can be bought now; false: only what cannot
    tag: a tag, as it is written
    collection: slug of a collection
    attr: values of an option or a filterable attribute with commas between them, of which any will do, in upper or
        lower case; of numbers and days also a range, as `1..5`, `1..` or `..5`
    sort: `-price` has the dearest first, `popularity` what was sold most of late
    locale: one of the shop's languages, in which is searched; left out: the shop's own
    facets: which counts are wanted, with commas between them: `category`, `brand`, `price`, `availability`,
        `attr.NAME`, and with `attributes` those options and filterable attributes that most hits have; `none` is none
    """

    q: Text = ""
    category: Slug | None = None
    brand: Several | None = None
    min_price: AmountMinor | None = None
    max_price: AmountMinor | None = None
    in_stock: bool | None = None
    tag: Tag | None = None
    collection: Slug | None = None
    attr: AttributeFilter = msgspec.field(default_factory=dict)
    sort: Literal["relevance", "newest", "price", "-price", "name", "popularity"] = "relevance"
    locale: Locale | None = None
    facets: Several = "category,brand,price,availability,attributes"


class SuggestQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """q: what somebody has written so far
    locale: one of the shop's languages; left out: the shop's own
    limit: how many suggestions of each kind there are at most
    """

    q: Text = ""
    locale: Locale | None = None
    limit: Annotated[int, Meta(ge=1, le=20)] = 5


def query_of(
    asked: SearchQuery, rules: Rules, attributes: Attributes, price_bounds: Sequence[int], *, after: str | None = None
) -> Query:
    """Raises `BadAttribute`, `NotFilterable`, `NothingBetween`, and `Unprocessable` for a facet that there is not."""
    check_prices(asked.min_price, asked.max_price)
    rule = rules.of(asked.q)
    return Query(
        text=asked.q,
        locale=asked.locale or "",
        filters=Filters(
            category=(asked.category,) if asked.category else (),
            brands=_brands(asked.brand) if asked.brand else (),
            least_price=asked.min_price,
            most_price=asked.max_price,
            in_stock=asked.in_stock,
            attributes={name: _wanted(name, value, attributes) for name, value in asked.attr.items()},
            tag=asked.tag or "",
            collection=asked.collection or "",
        ),
        sort=Sort(asked.sort),
        limit=asked.limit,
        after=after,
        facets=_facets(asked.facets, attributes, price_bounds),
        synonyms=rules.synonyms,
        pinned=rule.pinned,
        buried=rule.buried,
    )


def _brands(text: str) -> list[str]:
    names = several(text, "brand")
    if not names:
        raise problems.Unprocessable("Name a brand; with nothing between commas, none is meant.", field="brand")
    return names


def several(text: str, field: str, most: int = MOST_VALUES) -> list[str]:
    r"""The values between commas; `\,` is a comma in one, `\\` a backslash. One with a space before it or behind may be
    meant with it or without. Raises `Unprocessable` for more than so many."""
    pieces = [re.sub(r"\\([,\\])", r"\1", piece) for piece in _PIECE.findall(text)]
    values = [piece for piece in pieces if piece.strip()]
    if len(values) > most:
        raise problems.Unprocessable(f"At most {most} values, and these are {len(values)}.", field=field)
    return [*dict.fromkeys(each for value in values for each in (value.strip(), value))]


_PIECE = re.compile(r"(?:[^,\\]|\\.|\\$)+")
_NUMBER = r"-?\d+(?:\.\d+)?"
_DAY = r"\d{4}-\d{2}-\d{2}"
_NUMBERS, _DAYS = (re.compile(rf"({one})?\.\.({one})?") for one in (_NUMBER, _DAY))


def _wanted(name: str, text: str, attributes: Attributes) -> Sequence[Value | date] | NumberRange | DayRange:
    if name in attributes.unfilterable:
        raise NotFilterable(name, f"{ATTRIBUTE}{name}")
    if match := _NUMBERS.fullmatch(text.strip()):
        least, most = (None if bound is None else _number(name, bound) for bound in match.groups())
        _check_bounds(name, least, most)
        return NumberRange(least, most)
    if match := _DAYS.fullmatch(text.strip()):
        first, last = (None if bound is None else _day(name, bound) for bound in match.groups())
        _check_bounds(name, first, last)
        return DayRange(first, last)
    values = [each for value in several(text, f"{ATTRIBUTE}{name}") for each in _readings(name, value)]
    if not values:
        raise BadAttribute(name)
    return values


def _check_bounds(name: str, least: T | None, most: T | None) -> None:
    if least is None and most is None:
        raise BadAttribute(name)
    if least is not None and most is not None and least > most:
        raise BadAttribute(name, "The first bound is above the second: the lower one comes first.")


def _number(name: str, text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadAttribute(name)
    return number


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadAttribute(name) from None


def _readings(name: str, text: str) -> list[Value | date]:
    """A caller's text may mean a number, a day or a yes of an attribute, as well as a text."""
    readings: list[Value | date] = [text]
    if text in {"true", "false"}:
        readings.append(text == "true")
    elif re.fullmatch(_DAY, text):
        readings.append(_day(name, text))
    elif re.fullmatch(r"-?\d{1,15}", text):
        readings.append(int(text))
    elif re.fullmatch(r"-?\d{1,15}\.\d{1,15}", text):
        readings.append(float(text))
    return readings


def _facets(text: str, attributes: Attributes, price_bounds: Sequence[int]) -> Facets:
    names = list(dict.fromkeys(name.strip() for name in several(text, "facets", MOST_NAMED + len(_KINDS))))
    for name in names:
        if name not in _KINDS and (name == ATTRIBUTE or not name.startswith(ATTRIBUTE)):
            mend = choose(name[:60], [*_KINDS, f"{ATTRIBUTE}NAME"])
            raise problems.Unprocessable(f"There is no facet {name[:60]!r}: {mend}.", field="facets")
    named = [name.removeprefix(ATTRIBUTE) for name in names if name.startswith(ATTRIBUTE)]
    if len(named) > MOST_NAMED:
        raise problems.Unprocessable(f"At most {MOST_NAMED} attributes, and these are {len(named)}.", field="facets")
    for name in named:
        if name in attributes.unfilterable:
            raise NotFilterable(name, "facets")
    return Facets(
        categories="category" in names,
        brands="brand" in names,
        availability="availability" in names,
        price_bounds=price_bounds if "price" in names else (),
        attributes=named,
        most_attributes=MOST_FOUND if "attributes" in names else 0,
        filterable=attributes.filterable,
        unfilterable=attributes.unfilterable,
    )


_KINDS = ("category", "brand", "price", "availability", "attributes", "none")
