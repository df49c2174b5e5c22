"""What comes off many carts: one statement for all of them, and none for what staff say of campaigns, unless that has
changed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stoa.kit import clock
from stoa.kit.db import Database
from stoa.services.campaign import repository
from stoa.services.campaign.campaign import code_of
from stoa.services.campaign.cart import Cart
from stoa.services.campaign.evaluate import Entered, Evaluation, Known, evaluate
from stoa.services.campaign.index import Index
from stoa.services.campaign.metrics import EVALUATIONS, LOADS


class CartAsked(msgspec.Struct, frozen=True):
    """A cart, and the codes as they were entered."""

    cart: Cart
    codes: Sequence[str]


class Evaluator:
    """Has what runs in memory, as of the revision that the database had when it was last asked."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._index: Index | None = None

    async def evaluate(self, asked: Sequence[CartAsked]) -> list[Evaluation]:
        """Each in its place, all as of one moment of the database."""
        if not asked:
            return []
        index = self._index or await self._load()
        codes = {code_of(code) for one in asked for code in one.codes}
        users = {one.cart.user_id for one in asked if one.cart.user_id is not None}
        while True:
            automatic = [index.candidates(one.cart) for one in asked]
            counted = {each.id for some in automatic for each in some if each.is_counted}
            looked = await repository.look(self._db, codes, counted, users)
            if looked.revision == index.revision:
                break
            index = await self._load()
        EVALUATIONS.inc(len(asked))
        now = clock.now()
        return [
            evaluate(
                one.cart,
                some,
                [Entered(code, looked.coupons.get(code_of(code))) for code in one.codes],
                Known(index.campaigns, looked.counts_for(one.cart.user_id), now),
            )
            for one, some in zip(asked, automatic, strict=True)
        ]

    async def _load(self) -> Index:
        LOADS.inc()
        self._index = await repository.load_index(self._db)
        return self._index
