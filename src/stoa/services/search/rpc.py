"""Search for other services: proto/stoa/search/v1 says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from stoa.contracts.common.v1.common_pb2 import Money as MoneyMessage
from stoa.contracts.search.v1 import search_pb2 as pb
from stoa.contracts.search.v1.search_pb2_grpc import SearchServiceServicer
from stoa.kit.http.decoding import converted
from stoa.kit.money import Money
from stoa.kit.problems import Unavailable
from stoa.services.search import repository
from stoa.services.search.answers import search, suggest
from stoa.services.search.asked import SearchQuery, SuggestQuery
from stoa.services.search.document import Card
from stoa.services.search.import_rules import import_rules
from stoa.services.search.refresh import refresh_page
from stoa.services.search.rules_routes import NewRule, NewSynonyms
from stoa.services.search.service import Search

T = TypeVar("T")


class SearchServicer(SearchServiceServicer):
    """Requests in, problems or answers out."""

    def __init__(self, service: Search) -> None:
        self._search = service

    async def Search(self, request: pb.SearchRequest, context: Any) -> pb.SearchResponse:
        plain = {
            "q": request.text,
            "locale": request.locale or None,
            "category": request.category or None,
            "brand": ",".join(brand.replace(",", "\\,") for brand in request.brands) or None,
            "min_price": request.min_price_minor if request.HasField("min_price_minor") else None,
            "max_price": request.max_price_minor if request.HasField("max_price_minor") else None,
            "in_stock": request.in_stock if request.HasField("in_stock") else None,
            "sort": request.sort or "relevance",
            "limit": request.limit or 20,
            "cursor": request.cursor or None,
            "facets": "none",
        }
        found = await search(self._search, _asked(plain, SearchQuery))
        return pb.SearchResponse(
            items=[_card(item) for item in found.items],
            total=found.total,
            corrected=found.corrected or "",
            next_cursor=found.next_cursor or "",
        )

    async def Suggest(self, request: pb.SuggestRequest, context: Any) -> pb.SuggestResponse:
        plain = {"q": request.text, "locale": request.locale or None, "limit": request.limit or 5}
        found = await suggest(self._search, _asked(plain, SuggestQuery))
        return pb.SuggestResponse(
            products=[_card(card) for card in found.products],
            texts=found.texts,
            brands=found.brands,
            categories=[pb.Category(slug=one.slug, name=one.name) for one in found.categories],
        )

    async def GetFreshness(self, request: pb.GetFreshnessRequest, context: Any) -> pb.GetFreshnessResponse:
        following = self._search.following
        with suppress(Unavailable):
            await following.look()
        behind = following.behind_seconds
        return pb.GetFreshnessResponse(
            revision=following.revision,
            indexed=following.at.revision,
            generation=following.generation,
            built=following.at.generation,
            documents=following.documents,
            behind_seconds=-1.0 if behind is None else behind,
        )

    async def RefreshDocuments(self, request: pb.RefreshDocumentsRequest, context: Any) -> pb.RefreshDocumentsResponse:
        page = await refresh_page(self._search, request.cursor)
        return pb.RefreshDocumentsResponse(
            products=page.products, documents=page.documents, next_cursor=page.next_cursor
        )

    async def BuildIndexes(self, request: pb.BuildIndexesRequest, context: Any) -> pb.BuildIndexesResponse:
        return pb.BuildIndexesResponse(generation=await repository.build_anew(self._search.db))

    async def ListIndexes(self, request: pb.ListIndexesRequest, context: Any) -> pb.ListIndexesResponse:
        found = await repository.indexes(self._search.db, request.generation)
        return pb.ListIndexesResponse(
            indexes=[pb.ListIndexesResponse.Index(process=one.process, done=one.done, of=one.of) for one in found]
        )

    async def ImportRules(self, request: pb.ImportRulesRequest, context: Any) -> pb.ImportRulesResponse:
        plain = {
            "synonyms_json": [msgspec.json.decode(one) for one in request.synonyms_json],
            "rules_json": [msgspec.json.decode(one) for one in request.rules_json],
        }
        said = converted(plain, _Said)
        return pb.ImportRulesResponse(added=await import_rules(self._search, said.synonyms_json, said.rules_json))


class _Said(msgspec.Struct):
    synonyms_json: list[NewSynonyms]
    rules_json: list[NewRule]


def _asked(plain: dict[str, Any], shape: type[T]) -> T:
    return converted({name: value for name, value in plain.items() if value is not None}, shape)


def _card(card: Card) -> pb.Card:
    return pb.Card(
        id=card.id,
        slug=card.slug,
        name=card.name,
        brand=card.brand,
        price=_money(card.price),
        price_max=_money(card.price_max),
        image_url=card.image.url if card.image else "",
        image_alt=card.image.alt if card.image else "",
        skus=card.skus,
        available=card.available,
    )


def _money(money: Money | None) -> MoneyMessage | None:
    return None if money is None else MoneyMessage(amount_minor=money.amount, currency=money.currency)
