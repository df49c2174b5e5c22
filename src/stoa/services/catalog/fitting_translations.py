"""What of a product's translation is of the product as it is, and keeps apart what that keeps apart. Pure.

What does not fit is refused when it is said. A product may change afterwards: then what does not fit it any more is
not shown, and is there again if the product has it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from stoa.services.catalog.errors import NotOfTheProduct, WordTwice
from stoa.services.catalog.product import Product
from stoa.services.catalog.translations import OptionTexts, ProductTranslation


def check_fits(product: Product, said: ProductTranslation) -> None:
    """Raises `NotOfTheProduct`, `WordTwice`."""
    known = _parts(product)
    for field, name in _strange(known, said):
        raise NotOfTheProduct(name, field)
    for field, word in _alike(known, said):
        raise WordTwice(word, field)


def fitting(product: Product, said: ProductTranslation) -> ProductTranslation:
    """Without what does not fit."""
    known = _parts(product)
    names = _apart(list(known.options), {name: one.name for name, one in said.options.items() if one.name})
    options = {}
    for name, texts in said.options.items():
        if name in known.options:
            options[name] = OptionTexts(names.get(name), _apart(known.options[name], texts.values))
    return replace(
        said,
        options={name: texts for name, texts in options.items() if texts.name or texts.values},
        variants={sku: text for sku, text in said.variants.items() if sku in known.skus},
        images={name: text for name, text in said.images.items() if name in known.images},
    )


class _Parts(NamedTuple):
    """What a translation may speak of: options with their values, SKUs, and images by file or address."""

    options: Mapping[str, Sequence[str]]
    skus: frozenset[str]
    images: frozenset[str]


def _parts(product: Product) -> _Parts:
    return _Parts(
        {option.name: option.values for option in product.options},
        frozenset(product.skus),
        frozenset(image.file_id or image.url or "" for image in product.images),
    )


def _strange(known: _Parts, said: ProductTranslation) -> Iterator[tuple[str, str]]:
    """What the product does not have: the field, and what stands there."""
    for name, texts in said.options.items():
        if name not in known.options:
            yield f"options.{name}", name
        else:
            there = known.options[name]
            yield from ((f"options.{name}.values.{value}", value) for value in texts.values if value not in there)
    yield from ((f"variants.{sku}", sku) for sku in said.variants if sku not in known.skus)
    yield from ((f"images.{name}", name) for name in said.images if name not in known.images)


def _alike(known: _Parts, said: ProductTranslation) -> Iterator[tuple[str, str]]:
    """Words that say nothing, or what another says: the field, and the word."""
    names = {name: texts.name for name, texts in said.options.items() if texts.name is not None}
    yield from ((f"options.{name}.name", word) for name, word in _clashing(list(known.options), names).items())
    for name, texts in said.options.items():
        clashing = _clashing(known.options[name], texts.values)
        yield from ((f"options.{name}.values.{value}", word) for value, word in clashing.items())


def _apart(things: Sequence[str], words: Mapping[str, str]) -> dict[str, str]:
    """The words for things that leave all of them apart. One that is taken away may leave another alike."""
    left = {thing: word for thing, word in words.items() if thing in things}
    while clashing := _clashing(things, left):
        left = {thing: word for thing, word in left.items() if thing not in clashing}
    return left


def _clashing(things: Sequence[str], words: Mapping[str, str]) -> dict[str, str]:
    """The words for things, as far as they are empty or another thing is called so, too."""
    many = Counter(words.get(thing, thing) for thing in things)
    return {thing: word for thing, word in words.items() if not word or many[word] > 1}
