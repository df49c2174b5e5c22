"""The settings of search: `STOA_SEARCH_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from stoa.kit.settings import Currency, Days, Locales, Positive, Seconds
from stoa.ports.choice import Behind


@dataclass(frozen=True, kw_only=True)
class Settings:
    currency: Currency = "GBP"
    """The one currency of all prices: whoever filters by price means it."""

    index: Annotated[str, Behind("search", ("tantivy",))] = "tantivy"
    """Who finds: `tantivy` is an index in files of the process's own; others come with packages."""

    locales: Locales = ("en", "de")
    """The shop's languages, its own first: each is an index of words of its own, which takes its time and its room."""

    most_behind_seconds: Seconds = 10.0
    """From here on search answers 503 rather than what may not be true any more. As long as its database answers it is
    a second behind at most; so this is how long the shop is searched while it does not."""

    price_bounds: tuple[Positive, ...] = (1_000, 2_500, 5_000, 10_000, 25_000)
    """Where the price ranges among the facets meet, in minor units: five that most goods of a shop spread over."""

    gone_days: Days = 30
    """How long it is known that a product is gone: an index that was away for longer is built anew."""

    report_days: Days = 400
    """How long one can look up what was searched for: a season beside the same one of the year before."""

    searches_a_day: Positive = 20_000
    """How many different searches are kept of a day, about a megabyte; the rest is counted together."""
