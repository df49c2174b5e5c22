"""What variants are told apart by, as an index counts it and asks for it. Pure.

Whoever enters products writes Navy here and navy there: that is one value, which somebody asks for in either spelling.
What is asked for has no case; what is counted is as it is written, in a product one spelling of each value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from stoa.ports.search import Document, OptionTexts

BETWEEN = "\x1f"
"""In what is counted between what a thing is, and each locale and what it is called in that."""


def option_key(name: str) -> str:
    """Where the values of an option stand."""
    return plain(name).encode().hex()


def plain(text: str) -> str:
    """Without what stands between, and without half of a pair of surrogates, which is no text to tantivy."""
    return text.replace(BETWEEN, " ").encode("utf-8", "replace").decode()


def counted_options(document: Document) -> dict[str, list[str]]:
    """By the keys of its options, under their names in each language, what is counted of their values: by what these
    are called in other languages, too, since that is nowhere else."""
    found: dict[str, dict[str, str]] = {}
    for name, value in own_options(document):
        said = [
            (locale, texts.name or name, texts.values.get(value, value))
            for locale, texts in _said(document, name)
            if texts.name or value in texts.values
        ]
        key = BETWEEN.join(plain(part) for part in (value, *(part for one in said for part in one)))
        found.setdefault(option_key(name), {}).setdefault(without_case(value), key)
        for _, called, written in said:
            if called != name:
                found.setdefault(option_key(called), {}).setdefault(without_case(written), plain(written))
    return {key: list(values.values()) for key, values in found.items()}


def own_options(document: Document) -> list[tuple[str, str]]:
    """Name and value of each, in the shop's own language."""
    return list(dict.fromkeys(pair for variant in document.variants for pair in variant.options.items()))


def option_words(document: Document) -> Iterator[str]:
    """By what its options are found: their values, in any language."""
    for name, value in own_options(document):
        yield value
        yield from (texts.values[value] for _, texts in _said(document, name) if value in texts.values)


def _said(document: Document, name: str) -> Iterable[tuple[str, OptionTexts]]:
    for locale, texts in sorted(document.texts.items()):
        if name in texts.options:
            yield locale, texts.options[name]


class Said(NamedTuple):
    """A value that was counted; `called` and `written` are what its option and itself are called in a language."""

    value: str
    called: str
    written: str


def said_in(locale: str, key: str) -> Said:
    """What is not said in it is empty."""
    value, *others = key.split(BETWEEN)
    for at in range(0, len(others), 3):
        if others[at] == locale:
            return Said(value, others[at + 1], others[at + 2])
    return Said(value, "", "")


def variant_terms(document: Document) -> list[str]:
    """Of each of its variants each of its options, under what it is called in any language."""
    return list(
        dict.fromkeys(term for name, value in own_options(document) for term in spellings(document, name, value))
    )


def spellings(document: Document, name: str, value: str) -> list[str]:
    """An option of a variant under what it is called in each language: somebody who asks for one uses one of them."""
    said = ((texts.name or name, texts.values.get(value, value)) for _, texts in _said(document, name))
    return list(dict.fromkeys((option_term(name, value), *(option_term(*one) for one in said))))


def option_term(name: str, value: str) -> str:
    return f"{plain(name)}{BETWEEN}{plain(without_case(value))}"


@lru_cache(maxsize=10_000)
def without_case(value: str) -> str:
    """What the spellings of a value have in common."""
    return unicodedata.normalize("NFC", value.casefold())
