"""The campaigns that run, in memory, so that a cart meets only those that may be for it: pure.

Each is filed once: under the SKUs and products it is for, or else its categories, its collections, its brands, the
customer groups; or else under the least subtotal it asks for. Those that want a code are found by that, and not here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from stoa.services.campaign.campaign import Campaign
from stoa.services.campaign.cart import Cart, Key

NEARLY = 3
"""So many of those that ask for more than the cart has are looked at, too: a shopper is told what is missing."""


class Index:
    """As of a `revision` of what staff say. `campaigns` are all that run, by id."""

    def __init__(self, revision: int, campaigns: Sequence[Campaign]) -> None:
        self.revision = revision
        self.campaigns = {one.id: one for one in campaigns}
        self._filed: dict[Key, list[Campaign]] = {}
        self._always: list[Campaign] = []
        self._by_subtotal: dict[str, tuple[list[int], list[Campaign]]] = {}
        dear: dict[str, list[tuple[int, str]]] = {}
        for one in campaigns:
            if one.by_coupon:
                continue
            keys = _keys(one)
            for key in keys:
                self._filed.setdefault(key, []).append(one)
            if not keys and not one.conditions.least_subtotal:
                self._always.append(one)
            elif not keys:
                for least in one.conditions.least_subtotal:
                    dear.setdefault(least.currency, []).append((least.amount, one.id))
        for currency, some in dear.items():
            some.sort()
            amounts, ids = [least for least, _ in some], [campaign_id for _, campaign_id in some]
            self._by_subtotal[currency] = (amounts, [self.campaigns[each] for each in ids])

    def candidates(self, cart: Cart) -> list[Campaign]:
        """Those that may apply of themselves, or nearly do."""
        found = {one.id: one for one in self._always}
        for key in (*cart.places, *(("group", group) for group in cart.groups)):
            found |= {one.id: one for one in self._filed.get(key, ())}
        least, some = self._by_subtotal.get(cart.currency, ([], []))
        found |= {one.id: one for one in some[: bisect_right(least, cart.subtotal) + NEARLY]}
        return list(found.values())


def _keys(campaign: Campaign) -> list[Key]:
    """Under which it is filed: those of which a cart has one where it may apply."""
    selection = campaign.selection
    if selection.skus or selection.products:
        return [("sku", each) for each in selection.skus] + [("product", each) for each in selection.products]
    for trait, named in (
        ("category", selection.categories),
        ("collection", selection.collections),
        ("brand", selection.brands),
        ("group", campaign.conditions.customer_groups),
    ):
        if named:
            return [(trait, each) for each in named]
    return []
