"""The fields of the index, and what a document becomes in them.

Of each locale there are, with `_<locale>` behind the name:

| field | what it has | what for |
|---|---|---|
| stems | stems of everything, in order | which documents match |
| name | stems of the name, and model numbers in it apart | what is found in the name counts most |
| whole | stems of the name as one term | what is called so and nothing else |
| label | stems of brand, categories, tags, options, attributes, labels, neighbors as one word | counts less |
| words | the words of name and label as written | completing |
| by_name | the name, in hexadecimal | sorting by it |
| shown | the texts, where it has any in this locale | highlighting |
| spelled | of each word of any product one document, with the word | other spellings |
| spelled_stem | of the same document, the word's stem | other spellings |
| sound | of the same document, how the word sounds | other spellings |
| tail | of the same document, the stem from its end | compounds |
| written | of the same document, the word with its accents | showing it |

Four kinds of documents share the fields: products, what was removed (its version, until it is forgotten), the words of
all products, and one that keeps the checkpoint. tantivy commits them together or not at all.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
import tantivy

from stoa.kit.barcodes import other_ways_to_write
from stoa.kit.folding import fold
from stoa.ports.search import Category, Document, Removed, Texts, Value
from stoa.services.search.index.bands import bands_of
from stoa.services.search.index.options import (
    BETWEEN,
    counted_options,
    option_term,
    option_words,
    own_options,
    plain,
    variant_terms,
    without_case,
)
from stoa.services.search.index.tally import Columns
from stoa.services.search.index.variants import together_of
from stoa.services.search.index.words import (
    LONGEST,
    Language,
    apart,
    behind_elision,
    compact,
    ends_of,
    joined,
    numbers_of,
    places_of,
    words_of,
)

FORMAT = 21
"""Raise it with every change of what is written here, or of `words.py`: an index of another one is filled anew."""

KINDS = PRODUCT, REMOVED, WORD, CHECKPOINT = "product", "removed", "word", "checkpoint"
CHECKPOINT_ID = "\0checkpoint"

SHORTEST_SPELLED = 3
"""Nearly every word of two letters is one letter away from another."""

MOST_INTEGER = 2**40
MOST_NUMBER = 2.0**52
"""Of an attribute: up to here a float has halves."""
_HASH_BITS = 23


class Fields:
    """The names of the fields, for the locales of one index."""

    def __init__(self, locales: Sequence[str]) -> None:
        assert locales, "an index has at least one locale"
        self.locales = tuple(locales)
        self.languages = {locale: Language(locale) for locale in self.locales}
        self.schema = self._schema()

    def known(self, locale: str) -> str:
        """The locale, or the first one where it is none of ours."""
        return locale if locale in self.languages else self.locales[0]

    def _schema(self) -> tantivy.Schema:
        builder = tantivy.SchemaBuilder()
        for name in ("id", "kind"):
            builder.add_text_field(name, stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("checkpoint", stored=True, tokenizer_name="raw", index_option="basic")
        for name in (
            *("code", "within", "meant_brand", "tag", "collection", "specified", "variant", "shared"),
            *("worth_band", "standing_band"),
        ):
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
        builder.add_unsigned_field("united", indexed=True)
        for name in ("brand", "category"):
            builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
        builder.add_json_field("attribute", fast=True, tokenizer_name="raw", index_option="basic")
        builder.add_json_field("option", fast=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("has", fast=True, tokenizer_name="raw", index_option="basic")
        for name in (
            *("version", "removed_at", "tie", "price", "price_max", "available"),
            *("by_newest", "by_price", "by_popularity"),
        ):
            builder.add_integer_field(name, indexed=True, fast=True)
        for name in ("worth", "standing"):
            builder.add_float_field(name, fast=True)
        for name in ("card", "columns", "shown"):
            builder.add_bytes_field(name, stored=True)
        for locale in self.locales:
            builder.add_text_field(of("stems", locale), tokenizer_name="whitespace", index_option="position")
            builder.add_text_field(of("name", locale), tokenizer_name="whitespace", index_option="position")
            for name in ("label", "words"):
                builder.add_text_field(of(name, locale), tokenizer_name="whitespace", index_option="basic")
            builder.add_text_field(of("whole", locale), tokenizer_name="raw", index_option="basic")
            builder.add_text_field(of("by_name", locale), fast=True, tokenizer_name="raw", index_option="basic")
            builder.add_text_field(of("spelled", locale), stored=True, tokenizer_name="raw", index_option="basic")
            builder.add_text_field(of("spelled_stem", locale), tokenizer_name="raw", index_option="basic")
            builder.add_text_field(of("sound", locale), tokenizer_name="raw", index_option="basic")
            builder.add_text_field(of("tail", locale), tokenizer_name="raw", index_option="basic")
            builder.add_bytes_field(of("written", locale), stored=True)
            builder.add_bytes_field(of("shown", locale), stored=True)
        return builder.build()

    def product(self, document: Document) -> Made:
        into = tantivy.Document()
        into.add_text("id", document.id)
        into.add_text("kind", PRODUCT)
        into.add_integer("version", document.version)
        into.add_bytes("card", document.card)
        for code in dict.fromkeys(_codes(document)):
            into.add_text("code", code)
        names = _names(document)
        counted = _counted_of(document)
        whole = numbers(document)
        self._add_facets(into, document, names, counted)
        for name, value in whole.items():
            into.add_integer(name, value)
        into.add_bytes("columns", msgspec.msgpack.encode(_columns(names, counted, whole)))
        standing = standing_of(document)
        worth = standing + 0.08 / max(1, len(words_of(document.name)))
        for name, factor in (("standing", standing), ("worth", worth)):
            into.add_float(name, _weight(factor))
            for band in bands_of(factor):
                into.add_text(f"{name}_band", band)
        into.add_bytes("shown", _shown(Texts(document.name, document.description)))
        words = {
            locale: self._add_texts(into, locale, document, list(_labels(document, locale))) for locale in self.locales
        }
        return Made(into, words, names)

    def word(self, locale: str, word: str, written: str) -> tantivy.Document:
        into = tantivy.Document()
        into.add_text("kind", WORD)
        into.add_text(of("spelled", locale), word)
        language = self.languages[locale]
        stem = language.stem(word)
        into.add_text(of("spelled_stem", locale), stem)
        if sound := language.sound(word):
            into.add_text(of("sound", locale), sound)
        if language.has_compounds:
            into.add_text(of("tail", locale), stem[::-1])
        if written != word:
            into.add_bytes(of("written", locale), written.encode())
        return into

    def removed(self, removed: Removed, at: datetime) -> tantivy.Document:
        into = tantivy.Document()
        into.add_text("id", removed.id)
        into.add_text("kind", REMOVED)
        into.add_integer("version", removed.version)
        into.add_integer("removed_at", microseconds(at))
        return into

    def checkpoint(self, checkpoint: str) -> tantivy.Document:
        into = tantivy.Document()
        into.add_text("id", CHECKPOINT_ID)
        into.add_text("kind", CHECKPOINT)
        into.add_text("checkpoint", checkpoint)
        return into

    def _add_facets(
        self,
        into: tantivy.Document,
        document: Document,
        names: Sequence[tuple[str, str]],
        counted: Counted,
    ) -> None:
        translated = document.translated_collections.items()
        together = together_of(document)
        filtered = {
            "tag": document.tags,
            "collection": (
                *document.collections,
                *(slug_in(locale, slug) for locale, slugs in translated for slug in slugs),
                *(slug_in(NOW_ANOTHER, slug) for slug in document.old_collections),
            ),
            "meant_brand": _meant_brand(document),
            "within": (slugs for way in _ways(document) for slugs in _slugs(way)),
            "has": counted.has,
            "specified": (option_term(name, text) for name, text in _specified_texts(document)),
            "variant": variant_terms(document),
            "shared": together.shared,
        }
        for field, values in filtered.items():
            for value in dict.fromkeys(values):
                into.add_text(field, value)
        for number in together.united:
            into.add_unsigned("united", number)
        for field, name in names:
            into.add_text(field, name)
        if counted.attributes:
            into.add_json("attribute", counted.attributes)
        if counted.options:
            into.add_json("option", counted.options)

    def _add_texts(
        self, into: tantivy.Document, locale: str, document: Document, labels: Sequence[str]
    ) -> Mapping[str, str]:
        """The words that somebody may misspell, and how they are written."""
        language = self.languages[locale]
        translated = document.texts.get(locale)
        texts = translated or Texts(document.name, document.description)
        words = words_of(texts.name)
        elided = behind_elision(texts.name)
        runs = apart(words)
        ends, numbers = (ends_of(words), numbers_of(words)) if runs else ([], [])
        labeled = [word for label in labels for word in (*words_of(label), *behind_elision(label))]
        described = [*words_of(texts.description), *behind_elision(texts.description)]
        for fields, part in (
            (("name", "stems"), words),
            (("name", "stems"), [*elided, *ends]),
            (("name", "stems"), runs),
            (("label", "stems"), labeled),
            (("label", "stems"), apart(labeled)),
            (("label", "stems"), joined(words)),
            (("stems",), described),
        ):
            # Each its own value, so that no phrase goes from the one into the other.
            stems = " ".join(map(language.stem, part))
            for field in fields if part else ():
                into.add_text(of(field, locale), stems)
        into.add_text(of("whole", locale), whole_key(map(language.stem, words)))
        into.add_text(of("words", locale), " ".join({*words, *elided, *ends, *numbers, *labeled}))
        into.add_text(of("by_name", locale), name_key(texts.name, document.id))
        if translated:
            into.add_bytes(of("shown", locale), _shown(texts))
        spelled = (*words, *elided, *runs, *labeled, *described)
        known = {word: word for word in spelled if len(word) >= SHORTEST_SPELLED and word.isalpha()}
        for text in (texts.name, *labels, texts.description):
            if not text.isascii():
                places = (place for place in places_of(text) if place.word in known)
                known.update((place.word, text[place.start : place.end].lower()[:LONGEST]) for place in places)
        return known


class Made(NamedTuple):
    """What a product becomes, and what the index is to know of it beside: by locale the words that it has, and how it
    writes them."""

    document: tantivy.Document
    words: Mapping[str, Mapping[str, str]]
    names: Sequence[tuple[str, str]]
    """Of its brand and its categories: field and value."""


class Counted(NamedTuple):
    """What of a product is counted, by the keys of columns; `has` are the names that stand behind these, each once."""

    attributes: Mapping[str, Sequence[Value]]
    options: Mapping[str, Sequence[str]]
    has: Sequence[str]


def kept_of(document: tantivy.Document, *fields: str) -> bytes:
    """Of a product what is in the first of these fields that it has; it has the last."""
    for field in fields:
        # Not "if stored": what is kept may be of no bytes, as the card of a document that was written without one.
        if (stored := document.get_first(field)) is not None:
            return bytes(stored)
    raise AssertionError(f"every product has {fields[-1]}")


def columns_of(document: tantivy.Document) -> Columns:
    """What of it is counted."""
    return _COLUMNS.decode(kept_of(document, "columns"))


_COLUMNS = msgspec.msgpack.Decoder(dict[str, list[str | int | float]])


class Shown(msgspec.Struct, frozen=True, array_like=True):
    """The texts of a document as they were, for highlighting."""

    name: str
    description: str


_SHOWN = msgspec.msgpack.Decoder(Shown)


def shown_of(document: tantivy.Document, locale: str) -> Shown:
    """In the locale, where it has texts in it."""
    return _SHOWN.decode(kept_of(document, of("shown", locale), "shown"))


def _codes(document: Document) -> Iterable[str]:
    yield from filter(None, map(compact, document.skus))
    for barcode in document.barcodes:
        yield barcode
        yield from map(compact, other_ways_to_write(barcode))


def _shown(texts: Texts) -> bytes:
    return msgspec.msgpack.encode(Shown(texts.name, texts.description))


def of(field: str, locale: str) -> str:
    """The field's name for a locale."""
    return f"{field}_{locale.replace('-', '_')}"


def path_of(way: Sequence[Category]) -> str:
    return "/".join(category.slug for category in way)


def category_key(way: Sequence[Category]) -> str:
    """How a category is counted: by what it is called, too, since a name is nowhere else."""
    category = way[-1]
    others = (part for pair in sorted(category.names.items()) for part in pair)
    return BETWEEN.join((path_of(way), *(part.replace(BETWEEN, " ") for part in (category.name, *others))))


def _slugs(way: Sequence[Category]) -> Iterable[str]:
    """By which what is in a category, or below it, is asked for."""
    category = way[-1]
    own = path_of(way), category.slug, *category.old_slugs
    return *own, *(slug_in(locale, slug) for locale, slug in category.slugs.items())


def _meant_brand(document: Document) -> Iterable[str]:
    """By what its brand is asked for."""
    names = [*filter(None, (document.brand, *document.other_brand_names))]
    yield from names
    yield from map(nearly_brand, filter(None, (*names, document.brand_slug)))
    yield from map(left_by_brand, document.old_brand_slugs)


def nearly_brand(said: str) -> str:
    """A slug, or a name without case and accents: apart from names, since one that is written so may be another's."""
    return f"{BETWEEN}{fold(said)}"


def left_by_brand(slug: str) -> str:
    """A slug that a brand had: apart from those that one has."""
    return f"{BETWEEN}{BETWEEN}{slug}"


@lru_cache(maxsize=10_000)
def path_and_name(key: str, locale: str) -> tuple[str, str]:
    path, name, *others = key.split(BETWEEN)
    names = dict(zip(others[::2], others[1::2], strict=True))
    return path, names.get(locale, name)


def whole_key(stems: Iterable[str]) -> str:
    """What is called by these and nothing else."""
    return " ".join(stems)


NOW_ANOTHER = ""
"""Instead of a locale: the slug is no longer this one's."""


def slug_in(locale: str, slug: str) -> str:
    """A slug that is found in a locale only."""
    return f"{locale}{BETWEEN}{slug}"


def attribute_key(name: str, value: Value | date) -> str:
    """Where values of this kind stand under an attribute's name: in columns of their own, since one that has numbers
    and texts cannot be counted."""
    kinds = {bool: "b", str: "s", date: "d"}
    kind = next((kind for type_, kind in kinds.items() if isinstance(value, type_)), "n")
    return kind + name.encode("utf-8", "replace").hex()


def as_stored(value: Value | date) -> Value | None:
    """None for a number that is none, or too large to be told apart from its neighbors; of a day its number."""
    if isinstance(value, date):
        return value.toordinal()
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        return value
    return value if math.isfinite(value) and abs(value) < MOST_NUMBER else None


def several(given: Value | Sequence[Value]) -> Iterable[Value]:
    return (given,) if isinstance(given, (str, bool, int, float)) else given


def _ways(document: Document) -> list[Sequence[Category]]:
    """From the top to each of its categories, and to each that is above one."""
    return [way[: deep + 1] for way in document.categories for deep in range(len(way))]


def _names(document: Document) -> list[tuple[str, str]]:
    """Of its brand and its categories: field and value."""
    named = dict.fromkeys(category_key(way) for way in _ways(document))
    brand = [("brand", document.brand)] if document.brand else []
    return [*brand, *(("category", each) for each in named)]


def _columns(names: Sequence[tuple[str, str]], counted: Counted, whole: Mapping[str, int]) -> Columns:
    columns: dict[str, list[Value]] = {name: [whole[name]] for name in ("price", "price_max", "available")}
    for field, name in names:
        columns.setdefault(field, []).append(name)
    columns["has"] = list(counted.has)
    columns |= {f"attribute.{key}": list(values) for key, values in counted.attributes.items()}
    return columns | {f"option.{key}": list(values) for key, values in counted.options.items()}


def _counted_of(document: Document) -> Counted:
    own = {name: None for name, _ in own_options(document)}
    others = (name for name in (*document.attributes, *document.days) if name not in own)
    has = [*map(has_option, own), *map(has_attribute, others)]
    return Counted(_attributes(document), counted_options(document), has)


def has_attribute(name: str) -> str:
    return f"a{plain(name)}"


def has_option(name: str) -> str:
    return f"o{plain(name)}"


def _attributes(document: Document) -> dict[str, list[Value]]:
    columns: dict[str, dict[Value, Value]] = {}
    for name, given in document.attributes.items():
        for value in several(given):
            kept = None if isinstance(value, str) else as_stored(value)
            if kept is not None:
                columns.setdefault(attribute_key(name, value), {}).setdefault(kept, kept)
    for name, text in _specified_texts(document):
        columns.setdefault(attribute_key(name, text), {}).setdefault(without_case(text), text)
    for name, day in document.days.items():
        columns[attribute_key(name, day)] = {day.toordinal(): day.toordinal()}
    return {key: list(values.values()) for key, values in columns.items()}


def _specified_texts(document: Document) -> Iterable[tuple[str, str]]:
    """Name and value of each of its attributes that is a text, but for what an option says already, which is about the
    variants that have it, and counted once."""
    told = {(name, without_case(value)) for name, value in own_options(document)}
    for name, given in document.attributes.items():
        for value in several(given):
            if isinstance(value, str) and (name, without_case(value)) not in told:
                yield name, value


def _labels(document: Document, locale: str) -> Iterable[str]:
    if document.brand:
        yield document.brand
    yield from dict.fromkeys(each.names.get(locale, each.name) for way in document.categories for each in way)
    yield from document.tags
    yield from dict.fromkeys(option_words(document))
    yield from document.labels
    if locale in document.texts:
        yield from document.texts[locale].labels
    for given in document.attributes.values():
        yield from (value for value in several(given) if isinstance(value, str))


def numbers(document: Document) -> dict[str, int]:
    """What is filtered by, and what sorts: a sort's value with some bits of the id behind it, so that hardly any two
    are equal and a page can go on behind the last one."""
    tie = tie_of(document.id)
    price = _bounded(document.price_minor)
    dearest = document.price_minor if document.price_max_minor is None else document.price_max_minor
    milliseconds = min(max(0, microseconds(document.created_at) // 1000), 2**42 - 1)
    popularity = min(max(0.0, document.popularity), 1e30) if math.isfinite(document.popularity) else 0.0
    return {
        "tie": tie,
        "price": price,
        "price_max": max(price, _bounded(dearest)),
        "available": int(document.available),
        "by_newest": _with_tie(milliseconds, tie, 21),
        "by_price": _with_tie(price, tie, _HASH_BITS),
        # Of two floats that are not negative the larger one has the larger bits.
        "by_popularity": _with_tie(int.from_bytes(_float_bits(popularity), "big"), tie, _HASH_BITS),
    }


def tie_of(id_: str) -> int:
    """A number of 63 bits by which what is otherwise equal is sorted: always the same for an id."""
    return int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=8).digest(), "big") >> 1


def _with_tie(value: int, tie: int, bits: int) -> int:
    return value << bits | tie >> 63 - bits


def _bounded(price: int) -> int:
    return min(max(0, price), MOST_INTEGER - 1)


def _float_bits(value: float) -> bytes:
    return struct.pack(">f", value)


def microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1_000_000)


def standing_of(document: Document) -> float:
    """What makes one of two that fit as well come first: it is popular, and can be had. From 1 to 1.3.

    The last part, of the id, is far below anything meant: with it hardly any two scores are equal, and a page can go on
    behind the last one.
    """
    popularity = math.log1p(max(0.0, document.popularity)) if math.isfinite(document.popularity) else 0.0
    return 1 + 0.2 * popularity / (popularity + 5) + 0.1 * document.available + 0.004 * tie_of(document.id) / 2**63


def _weight(factor: float) -> float:
    """What to store for a score to be multiplied with this: tantivy takes log2(2 + what is stored)."""
    return float(2**factor - 2)


def name_key(name: str, id_: str) -> str:
    """Sorts as the name does, then as the id. Hexadecimal, so that a position in a list is no text of a merchant's."""
    return f"{fold(name)[:60]}\0{id_}".encode("utf-8", "replace").hex()
