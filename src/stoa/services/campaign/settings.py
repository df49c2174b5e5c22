"""The settings of campaign: `STOA_CAMPAIGN_<NAME>`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from stoa.kit.settings import Positive

Characters = Annotated[int, Meta(ge=8, le=24)]


@dataclass(frozen=True, kw_only=True)
class Settings:
    most_running: Positive = 1_000
    """Campaigns that run at one time: each process has all of them in memory, a kilobyte or two each."""

    code_characters: Characters = 10
    """Drawn by lot for each code that is generated, of 32: ten of them nobody finds by trying."""
