"""What a brand is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from stoa.kit.http.types import LongText, MediaUrl, Name, Slug
from stoa.services.catalog.seo import NO_SEO, Seo


class BrandBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without a `slug` a new brand gets one from its name, and another keeps its own."""

    name: Name
    slug: Slug | None = None
    description: LongText = ""
    logo_url: MediaUrl | Literal[""] = ""
    seo: Seo = NO_SEO


class Merging(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`into` is the slug or id of the brand that stays."""

    into: Slug


class Brand(msgspec.Struct, frozen=True, kw_only=True):
    """A brand as it is shown; `version` counts its changes."""

    id: str
    slug: str
    name: str
    description: str
    logo_url: str
    seo: Seo
    version: int
    created_at: datetime
    updated_at: datetime


TOLD: Sequence[str] = ("name", "slug", "description", "logo_url", "seo")
"""The members that somebody says."""
