"""Say what an attribute of products is called in another language of the shop.

Each change is a version of the attribute and an event, and no product's: what they show follows.
"""

from __future__ import annotations

from stoa.kit import staff_acts
from stoa.kit.db import Transaction
from stoa.kit.http.preconditions import IfMatch
from stoa.services.catalog import attribute_texts_repository as repository
from stoa.services.catalog.attribute_texts import AttributeTexts, check_fits, fitting
from stoa.services.catalog.attributes import Attribute
from stoa.services.catalog.define_types import held_attribute
from stoa.services.catalog.errors import NoSuchTranslation
from stoa.services.catalog.events import AttributeUpdated
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.translations import check_translatable


async def translate_attribute(
    catalog: Catalog, name: str, locale: str, said: AttributeTexts, if_match: IfMatch
) -> AttributeTexts:
    """All that it says in this language; a repeat changes nothing. Raises `UnknownLocale`, `OwnLanguage`,
    `NoSuchAttribute`, `WrongAttribute`."""
    check_translatable(locale, catalog.settings.locales)
    async with catalog.db.transaction() as tx:
        attribute = await held_attribute(tx, name)
        if_match.check(attribute.version)
        check_fits(attribute, said)
        before = (await repository.texts_in(tx, locale, [name])).get(name)
        if before is None or fitting(attribute, before) != said:
            await repository.write_texts(tx, attribute.id, locale, said)
            await _tell(tx, catalog, attribute)
            told = {"locale": locale, "label": said.label}
            await staff_acts.record(tx, act="attribute.translated", subject=name, after=told)
    return said


async def remove_attribute_translation(catalog: Catalog, name: str, locale: str, if_match: IfMatch) -> None:
    """From now on it is called as in the shop's own language. Raises `NoSuchAttribute`, `NoSuchTranslation`."""
    async with catalog.db.transaction() as tx:
        attribute = await held_attribute(tx, name)
        if_match.check(attribute.version)
        if not await repository.remove_texts(tx, attribute.id, locale):
            raise NoSuchTranslation
        await _tell(tx, catalog, attribute)
        await staff_acts.record(tx, act="attribute.translation_removed", subject=name, before={"locale": locale})


async def _tell(tx: Transaction, catalog: Catalog, attribute: Attribute) -> None:
    version = await repository.one_on(tx, attribute.id)
    said = AttributeUpdated(attribute_id=attribute.id, name=attribute.name, changed=["translations"])
    await catalog.outbox.announce(tx, subject=str(attribute.id), version=version, fact=said)
