"""The port to the search index: what a service writes into one, asks of one, and is told.

An index is a copy that can be made anew. It knows no events and no database: whoever feeds it tells with every `commit`
how far it got, and reads that again after a crash. It is asked from the event loop and works beside it.

Nothing that a shopper writes makes it raise: a text without a word in it finds what the filters leave.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec

Value: TypeAlias = str | bool | int | float
"""Of an attribute: text, selects and colors are str, booleans bool, numbers int or float. Dates stand apart: `days`."""

MOST_TEXT = 500
"""Characters of a search that are read; what is behind them is not."""
MOST_WORDS = 16
"""Words of a search that are looked for, the first ones."""
MOST_SHOWN = 10_000
"""How far down a list sorted by relevance can be paged: there is no next page behind it."""


class Category(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the categories on the way from the top to where a product is. `slug` is its own, not the whole path.

    `names` and `slugs` are by locale, for those in which they are others; `old_slugs` are those that it had and no
    category has. An answer has the name in the language that was asked for, and nothing here."""

    slug: str
    name: str
    names: Mapping[str, str] = {}
    slugs: Mapping[str, str] = {}
    old_slugs: Sequence[str] = ()


class OptionTexts(msgspec.Struct, frozen=True):
    """What an option is called in a language, and its values, where that is otherwise than in the shop's own."""

    name: str = ""
    values: Mapping[str, str] = {}


class Texts(msgspec.Struct, frozen=True):
    """What a product is called in a language; `labels` are what its attributes say in it. Words find them."""

    name: str
    description: str = ""
    labels: Sequence[str] = ()
    options: Mapping[str, OptionTexts] = {}
    """By the option's own name. Values are found by words; all of it is filtered by and counted by as the option is."""


class Variant(msgspec.Struct, frozen=True, array_like=True):
    """What tells one of its variants from the others, red and XL by the names of the options, and whether that one can
    be bought."""

    options: Mapping[str, str] = {}
    available: bool = True


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A product as it is found and shown.

    `id` is its key: what has the same id is replaced. `version` rises with each change of it; see `write`.
    """

    id: str
    version: int
    slug: str
    name: str
    description: str = ""
    brand: str = ""
    brand_slug: str = ""
    other_brand_names: Sequence[str] = ()
    """That it had, or that a brand had which is the same now. They filter, as the slug does; no word finds them."""
    old_brand_slugs: Sequence[str] = ()
    """Slugs that it had. They filter until a brand that has one of them has products."""
    categories: Sequence[Sequence[Category]] = ()
    """Where it is: for each of its categories the way from the top, itself at the end."""
    tags: Sequence[str] = ()
    collections: Sequence[str] = ()
    """Slugs. They filter; no word finds them."""
    translated_collections: Mapping[str, Sequence[str]] = {}
    """By locale, the slugs that these have in it."""
    old_collections: Sequence[str] = ()
    """Slugs that these had. They filter until a collection that has one of them has products."""
    skus: Sequence[str] = ()
    barcodes: Sequence[str] = ()
    """Of its variants, as digits. As a SKU, one finds it."""
    variants: Sequence[Variant] = ()
    """Words find the values of their options."""
    price_minor: int = 0
    price_max_minor: int | None = None
    """Of its dearest variant; None where all have the same price."""
    currency: str = ""
    """Of both prices. Prices are compared as numbers: the documents of one index are all of one currency."""
    attributes: Mapping[str, Value | Sequence[Value]] = {}
    """By the attribute's own name. Several values: it has each."""
    days: Mapping[str, date] = {}
    """Of its attributes those that are dates, by their own names. No word finds them."""
    labels: Sequence[str] = ()
    """What values of its attributes are shown as, in any language: fire red for red. Words find them."""
    available: bool = True
    created_at: datetime
    popularity: float = 0.0
    """0 and more, on whatever scale: of two that fit a search as well the more popular one is first."""
    texts: Mapping[str, Texts] = {}
    """By locale, for those that differ from `name` and `description`. A locale that is not there has these two."""
    card: bytes = b""
    """What a result shows. It is kept and given back as it is."""


class Removed(msgspec.Struct, frozen=True):
    """That there is no such product any more, since this version of it."""

    id: str
    version: int


class Sort(StrEnum):
    RELEVANCE = "relevance"
    """What fits best. Without a text: the most popular."""
    NEWEST = "newest"
    PRICE = "price"
    PRICE_DESCENDING = "-price"
    NAME = "name"
    POPULARITY = "popularity"


class NumberRange(msgspec.Struct, frozen=True):
    """From `least` to `most`, both included; None is open."""

    least: float | None = None
    most: float | None = None


class DayRange(msgspec.Struct, frozen=True):
    """From `first` to `last`, both included; None is open."""

    first: date | None = None
    last: date | None = None


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a hit must be, all of it together. Within one filter any of its values will do.

    What is asked for of options, and `in_stock`, must be true of one and the same variant, as far as the attributes
    asked for are options of the product: a red M and a green L are no green M. Beyond a bound that an index says, of
    products whose variants differ in very much, or of filters of very many values, each is true of some variant.
    """

    category: Sequence[str] = ()
    """The slugs on the way from the top to a category, or its own alone, that in the query's language, too; what is
    below it counts."""
    brands: Sequence[str] = ()
    """Each a name that one has or had; where none did, such a name but for case and accents, or the slug of one."""
    least_price: int | None = None
    most_price: int | None = None
    """A product fits where one of its prices may lie between them, both included."""
    in_stock: bool | None = None
    """What can be bought, or of which nothing can; None is both."""
    attributes: Mapping[str, Sequence[Value | date] | NumberRange | DayRange] = {}
    """By their own names. Case makes no difference to a value that is a text."""
    tag: str = ""
    collection: str = ""
    """Its slug, that in the query's language, too."""
    ids: Sequence[str] | None = None
    """One of these products; None is any."""


class Synonyms(msgspec.Struct, frozen=True, kw_only=True):
    """Words, or several in a row, that stand for each other. They are compared as searches are: case, accents and
    plurals do not matter."""

    groups: Sequence[Sequence[str]] = ()
    """Each means all the others of its group."""
    one_way: Mapping[str, Sequence[str]] = {}
    """Who searches for the key finds these too, and not the other way round."""


class Facets(msgspec.Struct, frozen=True, kw_only=True):
    """Which counts are wanted; none unless it is said. The options of variants are attributes, too."""

    categories: bool = False
    brands: bool = False
    availability: bool = False
    price_bounds: Sequence[int] = ()
    """Where the price ranges meet, rising: (1000, 5000) asks for below 1000, 1000 to 4999, and 5000 and above."""
    attributes: Sequence[str] = ()
    """Their names."""
    most_attributes: int = 0
    """Besides, so many of those that most hits have: options, and what is among `filterable`."""
    filterable: AbstractSet[str] = frozenset()
    unfilterable: AbstractSet[str] = frozenset()
    """What is not among them, an option neither."""
    most_values: int = 50
    """Of one facet, the most frequent ones."""
    most_numbers: int = 20
    """Of a facet of numbers or days that has more of them, only the least and the most are told."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search. `text` is as the shopper wrote it and is no language: words in "quotes" must stand side by side, a word
    with a minus in front must not be there, and everything else is words."""

    text: str = ""
    locale: str = ""
    """One that the index was opened with; any other is its first."""
    filters: Filters = Filters()
    sort: Sort = Sort.RELEVANCE
    limit: int = 20
    after: str | None = None
    """`Found.next` of the page before, of the same search."""
    facets: Facets = Facets()
    synonyms: Synonyms = Synonyms()
    pinned: Sequence[str] = ()
    """Ids that are found by this search whatever the text, as long as the filters let them; by relevance they come
    first, in this order."""
    buried: Sequence[str] = ()
    """Ids that by relevance come after everything else."""
    exact: bool = False
    """Whether only what was written is tried: no relaxing, no other spelling."""


class Piece(msgspec.Struct, frozen=True):
    """Part of a text as it is, not escaped for anything; `marked` where the search found it."""

    text: str
    marked: bool = False


class Hit(msgspec.Struct, frozen=True):
    id: str
    card: bytes
    highlights: Mapping[str, Sequence[Piece]] = {}
    """By field, where something was found in it: `name`, whole, and where that does not have all of what was looked for
    the part of `description` about it. Joined, the pieces are the text."""


class Count(msgspec.Struct, frozen=True):
    """How many hits have a value, a day as 2027-01-31; `name` is what to call it where that is not the value itself."""

    value: Value
    count: int
    name: str = ""


class AttributeCount(msgspec.Struct, frozen=True, kw_only=True):
    """Of an attribute by its own name the values that hits have, texts that differ in case alone as one, as most of
    them spell it. `name` is what an option is called in the language that was asked for, where that is otherwise."""

    key: str
    values: Sequence[Count]
    name: str = ""
    least: Value | None = None
    """Of its numbers, or its days."""
    most: Value | None = None


class CategoryCount(msgspec.Struct, frozen=True):
    """A category with how many hits are in it or below, and those below it that have hits."""

    slug: str
    name: str
    count: int
    children: Sequence[CategoryCount] = ()


class RangeCount(msgspec.Struct, frozen=True):
    """`least` is included and `below` is not; None is open."""

    least: int | None
    below: int | None
    count: int


class FacetCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. The counts of a facet leave out its own filter, so that they say what choosing another of its
    values would give; the other filters count. The most frequent come first, equal ones by value."""

    categories: Sequence[CategoryCount] = ()
    brands: Sequence[Count] = ()
    availability: Sequence[Count] = ()
    """Of True, and of False."""
    prices: Sequence[RangeCount] = ()
    """A product with several prices counts in each range where one of them may lie."""
    attributes: Sequence[AttributeCount] = ()
    """Those that were named, as they were named, and then those that most hits have; what all hits have the same of
    comes last. Of one with several thousand values the rare ones are counted too low."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    hits: Sequence[Hit]
    total: int
    """Of all pages."""
    facets: FacetCounts = FacetCounts()
    corrected: str | None = None
    """What was searched for instead of the text, where a word of it is written otherwise in this shop."""
    relaxed: bool = False
    """Whether nothing has all of the words, so that these are what have most of them."""
    next: str | None = None
    """For `Query.after`; None on the last page. Letters, digits, `-` and `_`."""


class SuggestedProduct(msgspec.Struct, frozen=True):
    id: str
    card: bytes


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """What may be meant by the beginning of a search; of each kind at most as many as asked for."""

    products: Sequence[SuggestedProduct] = ()
    texts: Sequence[str] = ()
    """The text with its last word completed, the most frequent first."""
    categories: Sequence[Category] = ()
    brands: Sequence[str] = ()


class BadPosition(Exception):
    """For `SearchIndex.search` to raise: `Query.after` is not from this index, or of another sort."""


class BadDocument(Exception):
    """A document that no index can take, however often it is written."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"The document of {id_} cannot be indexed.")
        self.id = id_


class InUse(Exception):
    """Another process has the folder."""


class SearchIndex(Protocol):
    """One index. Everything may be called at once, from one event loop; writes go one after another."""

    @property
    def empty_because(self) -> str | None:
        """Why it has not what was written before it was opened, in a sentence: there was none, it was damaged, or it
        was of another version. Then it is empty, and to be filled. None where it goes on from `checkpoint`."""

    @property
    def checkpoint(self) -> str | None:
        """What the last `commit` was given, that of an earlier process too; None where there was none."""

    @property
    def documents(self) -> int:
        """How many can be found, as of the last commit."""

    async def search(self, query: Query) -> Found:
        """What the committed documents answer. Raises `BadPosition`, and nothing else for whatever the query says."""

    async def suggest(self, prefix: str, *, locale: str = "", limit: int = 5) -> Suggested:
        """What the text may become; nothing for an empty one."""

    async def versions(self, ids: Sequence[str]) -> Mapping[str, int]:
        """The committed version of each that can be found. For comparing the index with what it should have."""

    async def write(self, changes: Sequence[Document | Removed]) -> int:
        """Take changes; they are seen after the next `commit`, and lost without one, as they are where this or `commit`
        fails: whoever feeds it goes on from `checkpoint` then. The answer is how many were new.

        A version that is not above what the index has of the id, that of a removal too, is passed over: late and
        doubled changes are harmless in any order. Raises `BadDocument` for one that it cannot take, whatever else there
        is; those before it are taken.
        """

    async def commit(self, checkpoint: str) -> None:
        """Make all that was written durable and seen, together with `checkpoint`, whole or not at all. What is found
        from now on is that."""

    async def forget_removed(self, before: datetime) -> int:
        """Forget, with the next `commit`, which products were removed before then, and say of how many. Whatever comes
        late of them after that is taken as new."""

    async def anew(self) -> SearchIndex:
        """An empty index beside this one, to be filled while this one answers and is written to. One at a time: another
        call drops the one before, and so does a process that ends."""

    async def become(self, fresh: SearchIndex) -> None:
        """Answer from `fresh`, which is from `anew`, committed, and not used on its own afterwards; its checkpoint is
        this one's then. Every search is answered by the one or the other, whole, and so it is after a crash."""

    async def close(self) -> None:
        """Finish what runs, and let go of the files. What was not committed is lost."""


OpenIndex: TypeAlias = Callable[[Path, Sequence[str]], Awaitable[SearchIndex]]
"""What a provider gives: opens the index of one process, in a folder that this has alone, for these locales. The first
of them is that of whoever names none. Raises `InUse`."""
