"""Add the synonyms and rules that a shop begins with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from stoa.services.search.edit_rules import make_rule, make_synonyms
from stoa.services.search.errors import RuleThere, SynonymsThere
from stoa.services.search.repository import hold_feed
from stoa.services.search.rules_routes import NewRule, NewSynonyms
from stoa.services.search.service import Search


async def import_rules(search: Search, synonyms: Sequence[NewSynonyms], rules: Sequence[NewRule]) -> int:
    """How many were added: the same words, and a query that has a rule, are left as they are. All or nothing: raises
    `SynonymWithoutWord`, `RuleWithoutWord`, `TwoPlaces`, `TooMany` among others."""
    added = 0
    async with search.db.transaction() as tx:
        await hold_feed(tx)
        for said in synonyms:
            with suppress(SynonymsThere):
                await make_synonyms(search, tx, said.term, said.words)
                added += 1
        for rule in rules:
            with suppress(RuleThere):
                await make_rule(search, tx, rule.query, rule.rule)
                added += 1
    return added
