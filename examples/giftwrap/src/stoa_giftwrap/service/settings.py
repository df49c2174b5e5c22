"""The settings of giftwrap: `STOA_GIFTWRAP_<NAME>`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    papers: tuple[str, ...] = ("plain", "stars")
    """What the shop has on the roll."""
