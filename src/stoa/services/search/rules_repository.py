"""The SQL of synonyms and rules. Each change counts in `feed`, by which every process learns of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import asyncpg
import msgspec

from stoa.kit.db import Db, Transaction, affected, later
from stoa.ports.search import Synonyms
from stoa.services.search.rules import Rule, Rules


class SynonymSet(msgspec.Struct, frozen=True):
    """Without a `term` each of the `words` means the others; else who searches for it finds these, too."""

    id: str
    term: str | None
    words: Sequence[str]
    version: int
    updated_at: datetime


class QueryRule(msgspec.Struct, frozen=True):
    """`query` is as searches are compared: without accents, in small letters. `not_found` are those of its products
    that no search finds now: not for sale, not yet, or none at all."""

    id: str
    query: str
    pinned: Sequence[str]
    buried: Sequence[str]
    redirect: str | None
    not_found: Sequence[str]
    version: int
    updated_at: datetime


COUNT_CHANGE = "UPDATE feed SET rules_revision = rules_revision + 1"


async def count_change(tx: Transaction) -> None:
    """Have all processes read them after the commit, with the feed held."""
    await later(tx, COUNT_CHANGE)


_SYNONYMS = "SELECT id, term, words, version, updated_at FROM synonyms "
_RULE = """
    id, query, pinned, buried, redirect, version, updated_at,
    ARRAY(
        SELECT named FROM unnest(pinned || buried) WITH ORDINALITY AS told (named, place)
        WHERE NOT EXISTS (SELECT FROM documents WHERE product_id = named AND document IS NOT NULL)
        ORDER BY place
    ) AS not_found
"""
_RULES = f"SELECT {_RULE} FROM rules "  # noqa: S608 - a constant of ours

ALL_SYNONYMS = _SYNONYMS + "ORDER BY id"
ALL_RULES = "SELECT query, pinned, buried, redirect FROM rules ORDER BY id"


async def all_synonyms(db: Db) -> list[SynonymSet]:
    return [SynonymSet(**row) for row in await db.fetch(ALL_SYNONYMS)]


async def read_rules(db: Db) -> Rules:
    """All of them."""
    sets = await all_synonyms(db)
    one_way: dict[str, list[str]] = {}
    for one in sets:
        if one.term is not None:
            one_way.setdefault(one.term, []).extend(one.words)
    rules = await db.fetch(ALL_RULES)
    return Rules(
        Synonyms(groups=[one.words for one in sets if one.term is None], one_way=one_way),
        {row["query"]: Rule(row["pinned"], row["buried"], row["redirect"]) for row in rules},
    )


SYNONYMS_AFTER = _SYNONYMS + "WHERE id > $1 ORDER BY id LIMIT $2"


async def synonyms_after(db: Db, after: str, limit: int) -> list[SynonymSet]:
    return [SynonymSet(**row) for row in await db.fetch(SYNONYMS_AFTER, after, limit)]


READ_SYNONYMS = _SYNONYMS + "WHERE id = $1"


async def read_synonyms(db: Db, synonym_id: str) -> SynonymSet | None:
    row = await db.fetchrow(READ_SYNONYMS, synonym_id)
    return None if row is None else SynonymSet(**row)


ADD_SYNONYMS = """
    INSERT INTO synonyms (id, term, words) VALUES ($1, $2, $3) RETURNING id, term, words, version, updated_at
"""


async def add_synonyms(tx: Transaction, synonym_id: str, term: str | None, words: Sequence[str]) -> SynonymSet:
    return _set(await tx.fetchrow(ADD_SYNONYMS, synonym_id, term, list(words)))


CHANGE_SYNONYMS = """
    UPDATE synonyms SET term = $2, words = $3, version = version + 1, updated_at = now() WHERE id = $1
    RETURNING id, term, words, version, updated_at
"""


async def change_synonyms(tx: Transaction, synonym_id: str, term: str | None, words: Sequence[str]) -> SynonymSet:
    return _set(await tx.fetchrow(CHANGE_SYNONYMS, synonym_id, term, list(words)))


REMOVE_SYNONYMS = "DELETE FROM synonyms WHERE id = $1"


async def remove_synonyms(tx: Transaction, synonym_id: str) -> bool:
    return affected(await tx.execute(REMOVE_SYNONYMS, synonym_id)) == 1


RULES_AFTER = _RULES + "WHERE query > $1 ORDER BY query LIMIT $2"


async def rules_after(db: Db, after: str, limit: int) -> list[QueryRule]:
    return [_rule(row) for row in await db.fetch(RULES_AFTER, after, limit)]


READ_RULE = _RULES + "WHERE id = $1"


async def read_rule(db: Db, rule_id: str) -> QueryRule | None:
    row = await db.fetchrow(READ_RULE, rule_id)
    return None if row is None else _rule(row)


COUNT_RULES = "SELECT count(*) FROM rules"


async def count_rules(db: Db) -> int:
    count: int = await db.fetchval(COUNT_RULES)
    return count


TAKEN = "SELECT EXISTS (SELECT FROM rules WHERE query = $1 AND id <> $2)"


async def is_taken(tx: Transaction, query: str, rule_id: str) -> bool:
    """Whether another rule is about the query."""
    taken: bool = await tx.fetchval(TAKEN, query, rule_id)
    return taken


ADD_RULE = f"""
    INSERT INTO rules (id, query, pinned, buried, redirect) VALUES ($1, $2, $3, $4, $5)
    RETURNING {_RULE}
"""  # noqa: S608 - a constant of ours
CHANGE_RULE = f"""
    UPDATE rules SET query = $2, pinned = $3, buried = $4, redirect = $5, version = version + 1, updated_at = now()
    WHERE id = $1
    RETURNING {_RULE}
"""  # noqa: S608 - a constant of ours


async def add_rule(tx: Transaction, rule_id: str, query: str, rule: Rule) -> QueryRule:
    return await _write_rule(tx, ADD_RULE, rule_id, query, rule)


async def change_rule(tx: Transaction, rule_id: str, query: str, rule: Rule) -> QueryRule:
    return await _write_rule(tx, CHANGE_RULE, rule_id, query, rule)


REMOVE_RULE = "DELETE FROM rules WHERE id = $1"


async def remove_rule(tx: Transaction, rule_id: str) -> bool:
    return affected(await tx.execute(REMOVE_RULE, rule_id)) == 1


async def _write_rule(tx: Transaction, sql: str, rule_id: str, query: str, rule: Rule) -> QueryRule:
    return _rule(await tx.fetchrow(sql, rule_id, query, list(rule.pinned), list(rule.buried), rule.redirect))


def _set(row: asyncpg.Record | None) -> SynonymSet:
    assert row is not None
    return SynonymSet(**row)


def _rule(row: asyncpg.Record | None) -> QueryRule:
    assert row is not None
    return QueryRule(**row)
