"""What somebody may be."""

from __future__ import annotations

from typing import Literal

Role = Literal["customer", "seller", "admin"]
"""customer buys; seller edits products and stock; admin may do everything that is done for the shop."""

ROLES: frozenset[str] = frozenset({"customer", "seller", "admin"})
