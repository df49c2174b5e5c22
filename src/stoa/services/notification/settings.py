"""The settings of notification, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    shop_name: str = "Stoa"
    """Who signs the mails."""
