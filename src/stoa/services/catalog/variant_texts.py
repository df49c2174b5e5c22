"""What the rows of a file say of a product's variants in other languages, as a change of what was said. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, Protocol

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict, replace

from stoa.kit.http.types import Label
from stoa.services.catalog.bodies import PropertyName
from stoa.services.catalog.import_errors import CalledOtherwise
from stoa.services.catalog.product import Product
from stoa.services.catalog.product_items import TranslationPatch
from stoa.services.catalog.translations import OptionTexts, ProductTranslation


class OptionRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an option is called, and the value that the variant has of it."""

    name: Label | None = None
    value: Label | None = None


class VariantTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a variant is called, and its `options`, by their names in the shop's own language; null is as in that."""

    name: Label | UnsetType | None = UNSET
    options: Annotated[dict[PropertyName, OptionRow], Meta(max_length=20)] = {}


class Row(Protocol):
    """`translations` are by language."""

    sku: str
    options: dict[str, str] | UnsetType
    translations: dict[str, VariantTexts]


class RowsTranslation(TranslationPatch, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Of variants and options, unlike in a patch, only those that the file names: the others stay."""

    variant_names: Mapping[str, str | None] = {}
    option_names: Mapping[str, str | None] = {}
    option_values: Mapping[str, Mapping[str, str | None]] = {}

    def of(self, before: ProductTranslation) -> ProductTranslation:
        after = TranslationPatch.of(self, before)
        names = {name: texts.name for name, texts in after.options.items() if texts.name is not None}
        names = _over(names, self.option_names)
        values = {name: texts.values for name, texts in after.options.items()}
        values |= {name: _over(values.get(name, {}), said) for name, said in self.option_values.items()}
        return replace(
            after,
            variants=_over(after.variants, self.variant_names),
            options={name: OptionTexts(names.get(name), values.get(name, {})) for name in {**values, **names}},
        )


def _over(before: Mapping[str, str], said: Mapping[str, str | None]) -> dict[str, str]:
    # As of a patch: a cell says no more than that nothing stands there, and then a text that is empty stays so.
    kept = {key: text for key, text in before.items() if key not in said or (said[key] is None and text == "")}
    return kept | {key: text for key, text in said.items() if text is not None}


class _Gathered(NamedTuple):
    """As in `RowsTranslation`."""

    variant_names: dict[str, str | None]
    option_names: dict[str, str | None]
    option_values: dict[str, dict[str, str | None]]


def with_variants(
    translations: Mapping[str, TranslationPatch], rows: Sequence[Row], before: Product | None
) -> dict[str, TranslationPatch]:
    """With what is said in the rows of variants; a row that says nothing of an option leaves it to the others. Raises
    `CalledOtherwise`."""
    known = {variant.sku: variant.options for variant in before.variants} if before else {}
    gathered: dict[str, _Gathered] = {}
    for at, row in enumerate(rows):
        own = known.get(row.sku, {}) if row.options is UNSET else row.options
        for locale, texts in row.translations.items():
            found = gathered.setdefault(locale, _Gathered({}, {}, {}))
            field = f"variants[{at}].translations.{locale}.options"
            if texts.name is not UNSET:
                found.variant_names[row.sku] = texts.name
            for name, said in texts.options.items():
                _say(found.option_names, name, said.name, field)
                if name in own:
                    _say(found.option_values.setdefault(name, {}), own[name], said.value, field)
    return {**translations, **{locale: _with(translations.get(locale), one) for locale, one in gathered.items()}}


def _with(patch: TranslationPatch | None, gathered: _Gathered) -> RowsTranslation:
    return RowsTranslation(**asdict(patch or TranslationPatch()), **gathered._asdict())


def _say(texts: dict[str, str | None], of: str, text: str | None, field: str) -> None:
    said = texts.setdefault(of, text)
    if said is None:
        texts[of] = text
    elif text is not None and text != said:
        raise CalledOtherwise(of, [said, text], field)
