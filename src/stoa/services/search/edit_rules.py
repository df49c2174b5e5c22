"""Staff say what comes of a search: words that mean each other, and for a query what comes first, last, or instead.

Each act holds the feed's row, so they go one after the other, and every process reads all of them anew when it sees
that the row counts one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stoa.kit import staff_acts
from stoa.kit.db import Db, Transaction, after_commit
from stoa.kit.http.preconditions import IfMatch
from stoa.kit.ids import uuid7
from stoa.services.search import rules_repository as repository
from stoa.services.search.errors import (
    NoSuchRule,
    NoSuchSynonym,
    RuleOfNothing,
    RuleThere,
    RuleWithoutWord,
    SaidTwice,
    SynonymOfNothing,
    SynonymsThere,
    SynonymWithoutWord,
    TooMany,
    TwoPlaces,
)
from stoa.services.search.repository import hold_feed
from stoa.services.search.rules import Rule, compared, says_something
from stoa.services.search.rules_repository import QueryRule, SynonymSet
from stoa.services.search.service import Search

MOST_SYNONYMS = 1_000
MOST_RULES = 5_000
"""A rule has some hundred bytes, in each process."""


async def add_synonyms(search: Search, term: str | None, words: Sequence[str]) -> SynonymSet:
    """Raises `SynonymWithoutWord`, `SaidTwice`, `SynonymOfNothing`, `SynonymsThere`, `TooMany`."""
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        return await make_synonyms(search, tx, term, words)


async def make_synonyms(search: Search, tx: Transaction, term: str | None, words: Sequence[str]) -> SynonymSet:
    """The same with the feed held."""
    _check_words(term, words)
    there = await repository.all_synonyms(tx)
    _check_new(there, term, words)
    if len(there) >= MOST_SYNONYMS:
        raise TooMany(MOST_SYNONYMS)
    added = await repository.add_synonyms(tx, uuid7(), term, words)
    await _tell(search, tx)
    await staff_acts.record(tx, act="synonyms.added", subject=added.id, after=_words(added))
    return added


async def change_synonyms(
    search: Search, synonym_id: str, term: str | None, words: Sequence[str], if_match: IfMatch
) -> SynonymSet:
    """What is as it was, is no change. Raises `SynonymWithoutWord`, `SaidTwice`,
    `SynonymOfNothing`, `NoSuchSynonym`, `SynonymsThere`."""
    _check_words(term, words)
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        before = await read_synonyms(tx, synonym_id)
        if_match.check(before.version)
        if (before.term, list(before.words)) == (term, list(words)):
            return before
        others = [one for one in await repository.all_synonyms(tx) if one.id != before.id]
        _check_new(others, term, words)
        after = await repository.change_synonyms(tx, synonym_id, term, words)
        await _tell(search, tx)
        await staff_acts.record(
            tx, act="synonyms.changed", subject=after.id, before=_words(before), after=_words(after)
        )
        return after


async def remove_synonyms(search: Search, synonym_id: str, if_match: IfMatch) -> None:
    """Raises `NoSuchSynonym`."""
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        before = await read_synonyms(tx, synonym_id)
        if_match.check(before.version)
        await repository.remove_synonyms(tx, synonym_id)
        await _tell(search, tx)
        await staff_acts.record(tx, act="synonyms.removed", subject=before.id, before=_words(before))


async def add_rule(search: Search, query: str, rule: Rule) -> QueryRule:
    """Raises `RuleWithoutWord`, `TwoPlaces`, `RuleOfNothing`, `RuleThere`, `TooMany`."""
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        return await make_rule(search, tx, query, rule)


async def make_rule(search: Search, tx: Transaction, query: str, rule: Rule) -> QueryRule:
    """The same with the feed held."""
    _check_query(query)
    _check_places(rule)
    rule_id = uuid7()
    if await repository.is_taken(tx, compared(query), rule_id):
        raise RuleThere(compared(query))
    if await repository.count_rules(tx) >= MOST_RULES:
        raise TooMany(MOST_RULES)
    added = await repository.add_rule(tx, rule_id, compared(query), rule)
    await _tell(search, tx)
    await staff_acts.record(tx, act="rule.added", subject=added.id, after=_rule(added))
    return added


async def change_rule(search: Search, rule_id: str, query: str, rule: Rule, if_match: IfMatch) -> QueryRule:
    """What is as it was, is no change. Raises `RuleWithoutWord`, `TwoPlaces`, `RuleOfNothing`,
    `NoSuchRule`, `RuleThere`."""
    _check_query(query)
    _check_places(rule)
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        before = await read_rule(tx, rule_id)
        if_match.check(before.version)
        if (before.query, Rule(before.pinned, before.buried, before.redirect)) == (compared(query), rule):
            return before
        if await repository.is_taken(tx, compared(query), rule_id):
            raise RuleThere(compared(query))
        after = await repository.change_rule(tx, rule_id, compared(query), rule)
        await _tell(search, tx)
        await staff_acts.record(tx, act="rule.changed", subject=after.id, before=_rule(before), after=_rule(after))
        return after


async def remove_rule(search: Search, rule_id: str, if_match: IfMatch) -> None:
    """Raises `NoSuchRule`."""
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        before = await read_rule(tx, rule_id)
        if_match.check(before.version)
        await repository.remove_rule(tx, rule_id)
        await _tell(search, tx)
        await staff_acts.record(tx, act="rule.removed", subject=before.id, before=_rule(before))


async def read_synonyms(db: Db, synonym_id: str) -> SynonymSet:
    """Raises `NoSuchSynonym`."""
    found = await repository.read_synonyms(db, synonym_id)
    if found is None:
        raise NoSuchSynonym
    return found


async def read_rule(db: Db, rule_id: str) -> QueryRule:
    """Raises `NoSuchRule`."""
    found = await repository.read_rule(db, rule_id)
    if found is None:
        raise NoSuchRule
    return found


async def _tell(search: Search, tx: Transaction) -> None:
    """Every process reads them anew: this one at once."""
    await repository.count_change(tx)
    after_commit(search.following.worker.wake)


def _check_words(term: str | None, words: Sequence[str]) -> None:
    texts = {f"words[{at}]": word for at, word in enumerate(words)}
    seen: set[str] = set()
    for field, text in (texts if term is None else {"term": term, **texts}).items():
        if not says_something(text):
            raise SynonymWithoutWord(field)
        if compared(text) in seen:
            raise SaidTwice(field)
        seen.add(compared(text))
    if term is None and len(words) < 2:
        raise SynonymOfNothing


def _check_new(there: Sequence[SynonymSet], term: str | None, words: Sequence[str]) -> None:
    """With the feed held, so that nobody adds the same meanwhile."""
    for one in there:
        if _meant(one.term, one.words) == _meant(term, words):
            raise SynonymsThere(one.id)


def _meant(term: str | None, words: Sequence[str]) -> tuple[str | None, frozenset[str]]:
    """By which two sets are the same: in whatever order, and as searches are compared."""
    return None if term is None else compared(term), frozenset(map(compared, words))


def _check_query(query: str) -> None:
    if not says_something(query):
        raise RuleWithoutWord


def _check_places(rule: Rule) -> None:
    if not (rule.pinned or rule.buried or rule.redirect):
        raise RuleOfNothing
    for field, ids in (("pinned", rule.pinned), ("buried", [*rule.buried, *rule.pinned])):
        if len({*ids}) < len(ids):
            raise TwoPlaces(field)


def _words(one: SynonymSet) -> dict[str, Any]:
    return {"term": one.term, "words": list(one.words)}


def _rule(one: QueryRule) -> dict[str, Any]:
    return {"query": one.query, "pinned": list(one.pinned), "buried": list(one.buried), "redirect": one.redirect}
