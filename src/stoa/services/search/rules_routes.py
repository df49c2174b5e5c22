"""Staff's API of what comes of a search: synonyms, and rules for queries."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit import ids, text
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery
from stoa.services.search import edit_rules, rules_repository
from stoa.services.search.rules import MOST_QUERY, Rule
from stoa.services.search.rules_repository import QueryRule, SynonymSet
from stoa.services.search.service import Search

EDIT = may("search.rules.edit")

Words = Annotated[str, Meta(min_length=1, max_length=MOST_QUERY, pattern=text.FILLED_LINE)]
Query = Annotated[str, Meta(min_length=1, max_length=MOST_QUERY, pattern=text.FILLED_LINE)]
Products = Annotated[list[Id], Meta(max_length=50)]
Place = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"^/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*(?!\n)$",
        description="A page of the shop: a path",
        examples=["/pages/returns"],
    ),
]

routes: Routes[Search] = Routes(
    "search",
    about={
        "synonym_id": "The id of the set of synonyms",
        "rule_id": "The rule's id",
    },
)


class NewSynonyms(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Words, or several in a row, that mean each other. With a `term` only who searches for that finds the others."""

    words: Annotated[list[Words], Meta(min_length=1, max_length=50)]
    term: Words | None = None


class NewRule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What comes of one `query`: products that come first, in this order, and products that come last, by their ids;
    a page of the shop to show instead. Case, accents and spaces make no difference to which query it is."""

    query: Query
    pinned: Products = []
    buried: Products = []
    redirect: Place | None = None

    @property
    def rule(self) -> Rule:
        return Rule([one.lower() for one in self.pinned], [one.lower() for one in self.buried], self.redirect)


class RulesQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


@routes.get("/search/synonyms", query=RulesQuery, answer=Page[SynonymSet], who=EDIT, summary="Synonyms, oldest first")
async def list_synonyms(search: Search, request: Request[None, RulesQuery]) -> Page[SynonymSet]:
    query = request.query
    after = decode_key(query.cursor, tuple[Id]) or ids.FIRST
    found = await rules_repository.synonyms_after(search.db, after, query.limit + 1)
    return page_of(found, query.limit, lambda one: (one.id,))


@routes.post("/search/synonyms", body=NewSynonyms, answer=SynonymSet, status=201, who=EDIT, summary="Add synonyms")
async def post_synonyms(search: Search, request: Request[NewSynonyms]) -> SynonymSet:
    return await edit_rules.add_synonyms(search, request.body.term, request.body.words)


@routes.get("/search/synonyms/{synonym_id:uuid}", answer=SynonymSet, who=EDIT, summary="Synonyms by their id")
async def get_synonyms(search: Search, request: Request) -> SynonymSet:
    return await edit_rules.read_synonyms(search.db, request.path["synonym_id"])


@routes.put(
    "/search/synonyms/{synonym_id:uuid}",
    body=NewSynonyms,
    answer=SynonymSet,
    who=EDIT,
    versioned=True,
    summary="Replace synonyms",
)
async def put_synonyms(search: Search, request: Request[NewSynonyms]) -> SynonymSet:
    body = request.body
    return await edit_rules.change_synonyms(search, request.path["synonym_id"], body.term, body.words, request.if_match)


@routes.delete("/search/synonyms/{synonym_id:uuid}", who=EDIT, versioned=True, summary="Remove synonyms")
async def delete_synonyms(search: Search, request: Request) -> None:
    await edit_rules.remove_synonyms(search, request.path["synonym_id"], request.if_match)


@routes.get("/search/rules", query=RulesQuery, answer=Page[QueryRule], who=EDIT, summary="Rules, by their queries")
async def list_rules(search: Search, request: Request[None, RulesQuery]) -> Page[QueryRule]:
    query = request.query
    after = decode_key(query.cursor, tuple[Annotated[str, Meta(max_length=MOST_QUERY)]]) or ""
    found = await rules_repository.rules_after(search.db, after, query.limit + 1)
    return page_of(found, query.limit, lambda one: (one.query,))


@routes.post("/search/rules", body=NewRule, answer=QueryRule, status=201, who=EDIT, summary="Add a rule for a query")
async def post_rule(search: Search, request: Request[NewRule]) -> QueryRule:
    return await edit_rules.add_rule(search, request.body.query, request.body.rule)


@routes.get("/search/rules/{rule_id:uuid}", answer=QueryRule, who=EDIT, summary="A rule by its id")
async def get_rule(search: Search, request: Request) -> QueryRule:
    return await edit_rules.read_rule(search.db, request.path["rule_id"])


@routes.put(
    "/search/rules/{rule_id:uuid}", body=NewRule, answer=QueryRule, who=EDIT, versioned=True, summary="Replace a rule"
)
async def put_rule(search: Search, request: Request[NewRule]) -> QueryRule:
    body = request.body
    return await edit_rules.change_rule(search, request.path["rule_id"], body.query, body.rule, request.if_match)


@routes.delete("/search/rules/{rule_id:uuid}", who=EDIT, versioned=True, summary="Remove a rule")
async def delete_rule(search: Search, request: Request) -> None:
    await edit_rules.remove_rule(search, request.path["rule_id"], request.if_match)
