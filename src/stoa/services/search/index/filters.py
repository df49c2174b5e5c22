"""What a hit must be, as queries of tantivy's; each filter apart, since the counts of a facet leave out its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

import tantivy

from stoa.ports.search import DayRange, Filters, NumberRange, Value
from stoa.services.search.index.fields import (
    MOST_INTEGER,
    MOST_NUMBER,
    NOW_ANOTHER,
    Fields,
    as_stored,
    attribute_key,
    left_by_brand,
    nearly_brand,
    slug_in,
)
from stoa.services.search.index.options import option_term
from stoa.services.search.index.queries import all_of, any_of, finds, term
from stoa.services.search.index.together import Fact, groups, one_variant
from stoa.services.search.index.variants import AVAILABLE

CATEGORY, BRAND, PRICE, AVAILABILITY = "category", "brand", "price", "availability"
ATTRIBUTE = "attribute:"
"""Before an attribute's name."""


class Narrowing:
    """All filters of a search."""

    def __init__(
        self, filters: Filters, fields: Fields, index: tantivy.Index, searcher: tantivy.Searcher, locale: str
    ) -> None:
        self._schema = fields.schema
        self._apart = _clauses(filters, fields, index, searcher, locale)
        self._facts = _facts(filters, fields.schema, searcher)
        self.names = self._apart.keys()
        """Of the facets whose own filters they are."""

    def __repr__(self) -> str:
        """The same of those that leave the same."""
        return repr(self._apart)

    def all(self, but: str = "") -> list[tantivy.Query]:
        """What a hit must be, without one of the filters."""
        facts = {name: fact for name, fact in self._facts.items() if name != but}
        bought = [facts.pop(AVAILABILITY)] if AVAILABILITY in facts else []
        return [
            *(query for name, query in self._apart.items() if name != but),
            *(one_variant(self._schema, group) for group in groups([*facts.values()], bought)),
        ]


def _clauses(
    filters: Filters, fields: Fields, index: tantivy.Index, searcher: tantivy.Searcher, locale: str
) -> Mapping[str, tantivy.Query]:
    schema = fields.schema
    found: dict[str, tantivy.Query] = {}
    if filters.category:
        path = "/".join(filters.category)
        found[CATEGORY] = _of_any(schema, "within", (path, slug_in(locale, path)))
    if filters.brands:
        found[BRAND] = any_of(_of_brand(schema, searcher, brand) for brand in filters.brands)
    if filters.least_price is not None or filters.most_price is not None:
        found[PRICE] = _prices(schema, filters.least_price, filters.most_price)
    if filters.in_stock is not None:
        found[AVAILABILITY] = term(schema, "available", int(filters.in_stock))
    for name, wanted in filters.attributes.items():
        found[f"{ATTRIBUTE}{name}"] = _attribute(index, schema, name, wanted)
    if filters.tag:
        found["tag"] = term(schema, "tag", filters.tag)
    if filters.collection:
        found["collection"] = _in_collection(schema, searcher, filters.collection, locale)
    if filters.ids is not None:
        found["ids"] = _of_any(schema, "id", filters.ids)
    return found


def _facts(filters: Filters, schema: tantivy.Schema, searcher: tantivy.Searcher) -> Mapping[str, Fact]:
    """Those of the filters that may be true of one variant of a product and not of another."""
    found: dict[str, Fact] = {}
    if filters.in_stock:
        found[AVAILABILITY] = Fact([AVAILABLE], term(schema, "shared", AVAILABLE))
    for name, wanted in filters.attributes.items():
        if isinstance(wanted, (NumberRange, DayRange)):
            continue
        terms = dict.fromkeys(option_term(name, value) for value in wanted if isinstance(value, str))
        if had := [one for one in terms if searcher.doc_freq("variant", one)]:
            always = [*_specified(schema, name, wanted), *(term(schema, "shared", one) for one in had)]
            found[f"{ATTRIBUTE}{name}"] = Fact(had, any_of(always))
    return found


def _in_collection(schema: tantivy.Schema, searcher: tantivy.Searcher, slug: str, locale: str) -> tantivy.Query:
    """In the one that has the slug; where none has, in the one that had it."""
    now = _of_any(schema, "collection", (slug, slug_in(locale, slug)))
    if finds(searcher, now):
        return now
    return term(schema, "collection", slug_in(NOW_ANOTHER, slug))


def _of_brand(schema: tantivy.Schema, searcher: tantivy.Searcher, said: str) -> tantivy.Query:
    """Of the one that has or had this name; where none did, of those that did but for case and accents, or that have
    this slug; where none has, of the one that had it."""
    for meant in (said, nearly_brand(said)):
        query = term(schema, "meant_brand", meant)
        if finds(searcher, query):
            return query
    return term(schema, "meant_brand", left_by_brand(said))


def _of_any(schema: tantivy.Schema, field: str, values: Sequence[str]) -> tantivy.Query:
    return any_of(term(schema, field, value) for value in values)


def _prices(schema: tantivy.Schema, least: int | None, most: int | None) -> tantivy.Query:
    """From its lowest price to its highest a product reaches into the range."""
    both: list[tantivy.Query] = []
    for field, lower, upper in (("price_max", least, None), ("price", None, most)):
        if lower is not None or upper is not None:
            query = tantivy.Query.range_query(
                schema, field, tantivy.FieldType.Integer, _bounded(lower), _bounded(upper)
            )
            both.append(query)
    return all_of(both)


def _bounded(price: int | None) -> int | None:
    return None if price is None else min(max(price, -1), MOST_INTEGER)


def _attribute(
    index: tantivy.Index, schema: tantivy.Schema, name: str, wanted: Sequence[Value | date] | NumberRange | DayRange
) -> tantivy.Query:
    if isinstance(wanted, NumberRange):
        return _numbers(index, attribute_key(name, 0), wanted)
    if isinstance(wanted, DayRange):
        least, most = (None if day is None else day.toordinal() for day in (wanted.first, wanted.last))
        return _numbers(index, attribute_key(name, date.min), NumberRange(least, most))
    return _values(schema, name, wanted)


def _values(schema: tantivy.Schema, name: str, wanted: Sequence[Value | date]) -> tantivy.Query:
    options = [term(schema, "variant", option_term(name, value)) for value in wanted if isinstance(value, str)]
    return any_of([*_specified(schema, name, wanted), *options])


def _specified(schema: tantivy.Schema, name: str, wanted: Sequence[Value | date]) -> list[tantivy.Query]:
    texts = dict.fromkeys(option_term(name, value) for value in wanted if isinstance(value, str))
    others = ((value, as_stored(value)) for value in wanted if not isinstance(value, str))
    return [
        *(term(schema, "specified", text) for text in texts),
        *(term(schema, f"attribute.{attribute_key(name, value)}", kept) for value, kept in others if kept is not None),
    ]


def _numbers(index: tantivy.Index, key: str, wanted: NumberRange) -> tantivy.Query:
    """tantivy makes a range of numbers within JSON by its parser alone. Our own hexadecimal and two decimals go in."""
    if (wanted.least is not None and wanted.least >= MOST_NUMBER) or (
        wanted.most is not None and wanted.most <= -MOST_NUMBER
    ):
        # Where no number is kept.
        return tantivy.Query.empty_query()
    least = "*" if wanted.least is None else _decimal(wanted.least, -math.inf)
    most = "*" if wanted.most is None else _decimal(wanted.most, math.inf)
    if least == most == "*":
        return tantivy.Query.all_query()
    return index.parse_query(f"attribute.{key}:[{least} TO {most}]", ["id"])


def _decimal(bound: float, outward: float) -> str:
    """tantivy panics where one bound is whole and the other is not: a whole one is moved outward by next to nothing,
    which is half of one where it is as far out as can be."""
    if math.isnan(bound):
        return "*"
    bound = min(max(float(bound), 1 - MOST_NUMBER), MOST_NUMBER - 1)
    if bound.is_integer():
        bound = math.nextafter(bound + math.copysign(1e-9, outward), outward)
    return format(Decimal(repr(bound)), "f")
