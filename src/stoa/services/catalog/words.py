"""Names as the shop writes them in addresses and on shelves."""

from __future__ import annotations

import re
import unicodedata

LONGEST_SLUG = 180
LONGEST_SKU = 64


def slug_of(name: str) -> str:
    """`Enamel mug` as `enamel-mug`; empty for a name without a letter or digit of ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return "-".join(re.findall(r"[a-z0-9]+", plain))[:LONGEST_SLUG].strip("-")


def sku_of(text: str) -> str:
    """What somebody else calls a SKU as one of ours: what may not stand in one becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.strip()).strip("-._")[:LONGEST_SKU]
