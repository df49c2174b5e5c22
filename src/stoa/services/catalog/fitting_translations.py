"""What of a translation is of the product, the category or the collection, as it is, and keeps apart what that keeps
apart. Pure.

What does not fit is refused when it is said. A product may change afterwards: then what does not fit it any more is
not shown, and is there again if the product has it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from stoa.services.catalog.attributes import MOST_TEXT, AttributeType
from stoa.services.catalog.errors import NotAText, NotOfTheProduct, WordTwice
from stoa.services.catalog.images import Banner
from stoa.services.catalog.product import Product
from stoa.services.catalog.product_types import ProductType
from stoa.services.catalog.translations import OptionTexts, ProductTranslation
from stoa.services.catalog.types_errors import WrongSpecification


class Parts(NamedTuple):
    """What a translation may speak of: options with their values, SKUs, images by file or address, and specifications,
    of which texts have the most characters that they may have, and no others any."""

    options: Mapping[str, Sequence[str]]
    skus: frozenset[str]
    images: frozenset[str]
    specifications: Mapping[str, int | None]


def parts_of(product: Product, of_type: ProductType | None = None) -> Parts:
    """Of a product as it was read. Of one that is to be written its type says which of its specifications are texts,
    and of any how long they may be."""
    return Parts(
        {option.name: option.values for option in product.options},
        frozenset(product.skus),
        frozenset(image.named for image in product.images),
        _longest(product, of_type),
    )


def parts_of_banner(banner: Banner | None) -> Parts:
    """Of a category or a collection, by what it shows."""
    return Parts({}, frozenset(), frozenset([banner.url]) if banner else frozenset[str](), {})


def _longest(product: Product, of_type: ProductType | None) -> dict[str, int | None]:
    if product.product_type is None:
        return {name: MOST_TEXT if isinstance(value, str) else None for name, value in product.specifications.items()}
    if of_type is None:
        texts = {one.name: MOST_TEXT for one in product.attributes if one.type is AttributeType.TEXT}
    else:
        attributes = (used.attribute for used in of_type.attributes)
        texts = {one.name: one.max_length or MOST_TEXT for one in attributes if one.type is AttributeType.TEXT}
    return {name: texts.get(name) for name in product.specifications}


def check_fits(parts: Parts, said: ProductTranslation, before: ProductTranslation) -> None:
    """What was said `before` is not too long now. Raises `NotOfTheProduct`, `NotAText`, `WrongSpecification`,
    `WordTwice`."""
    for field, name in _strange(parts, said):
        raise NotOfTheProduct(name, field)
    for name, text in said.specifications.items():
        most = parts.specifications[name]
        if most is None:
            raise NotAText(f"specifications.{name}")
        if len(text) > most and text != before.specifications.get(name):
            raise WrongSpecification(f"A text of at most {most} characters.", f"specifications.{name}")
    for field, word in _alike(parts, said):
        raise WordTwice(word, field)


def fitting(known: Parts, said: ProductTranslation) -> ProductTranslation:
    """Without what does not fit."""
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
        specifications={name: text for name, text in said.specifications.items() if known.specifications.get(name)},
    )


def _strange(known: Parts, said: ProductTranslation) -> Iterator[tuple[str, str]]:
    """What the product does not have: the field, and what stands there."""
    for name, texts in said.options.items():
        if name not in known.options:
            yield f"options.{name}", name
        else:
            there = known.options[name]
            yield from ((f"options.{name}.values.{value}", value) for value in texts.values if value not in there)
    yield from ((f"variants.{sku}", sku) for sku in said.variants if sku not in known.skus)
    yield from ((f"images.{name}", name) for name in said.images if name not in known.images)
    yield from ((f"specifications.{name}", name) for name in said.specifications if name not in known.specifications)


def _alike(known: Parts, said: ProductTranslation) -> Iterator[tuple[str, str]]:
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
