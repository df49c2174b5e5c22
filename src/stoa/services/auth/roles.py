"""How a role is named, and how many an account may have."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

CUSTOMER = "customer"
"""What everybody is who registers."""
SELLER = "seller"
"""What everybody is who acts for a seller."""

RoleName = Annotated[str, Meta(max_length=50, pattern=r"^[a-z][a-z0-9_-]*(?!\n)$", examples=["support"])]
MOST_ROLES = 16
"""Of one account."""

RoleNames = Annotated[list[RoleName], Meta(min_length=1, max_length=MOST_ROLES)]
