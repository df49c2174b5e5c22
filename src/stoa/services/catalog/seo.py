"""How a page of the shop stands in a search engine's answer."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from stoa.kit.http.types import Label, ShortText


class Seo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a search engine shows of a page: where it is empty, the name and the beginning of the description do."""

    title: Label = ""
    description: ShortText = ""


NO_SEO = Seo()


def seo_of(kept: Mapping[str, str] | None) -> Seo:
    """What a row keeps, null for nothing."""
    return NO_SEO if kept is None else Seo(**kept)


def kept_seo(seo: Seo) -> Seo | None:
    """And back."""
    return None if seo == NO_SEO else seo
