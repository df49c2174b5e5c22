"""What somebody may do beyond what is his: each a name, declared by the service that asks for it.

    Permission("catalog.products.edit", "Change any product")
    Permission("catalog.products.edit_own", "Add products, and change one's own", given_to=("seller",))

A name is `<service>.<things>.<act>`. It is for everything in the shop; one that ends in `_own` is for what belongs to
who holds it, as a seller's products to the seller. A role is a set of them, kept by auth, and a token carries those
of its roles. What a customer does with his own order needs none: the route says `OWNER`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

EVERYTHING = "*"
"""What the role admin holds: all permissions that there are, and those of a package that is installed tomorrow."""
ALL = frozenset({EVERYTHING})
OF_OWN = "_own"
ADMIN = "admin"
"""The one role whose permissions nobody changes."""

FIRST_ROLES = frozenset({"customer", "seller", ADMIN})
"""Those that come with a shop."""

LONGEST_NAME = 64
MOST_CHARACTERS = 4_000
"""Of all names together: a token that lists every one of them must pass through headers and metadata."""

_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*){2}")


class WrongPermission(Exception):
    """A service declares a permission that cannot be one, or asks for one that it did not declare."""


@dataclass(frozen=True)
class Permission:
    """`what` says to an admin what it allows. `given_to` are the roles that come with a shop and have it at first."""

    name: str
    what: str
    given_to: tuple[str, ...] = ()

    @property
    def own(self) -> bool:
        return self.name.endswith(OF_OWN)


class Permissions:
    """Everything that the installed services declare, by name."""

    def __init__(self, declared: Mapping[str, Iterable[Permission]]) -> None:
        """`declared` by service. Raises `WrongPermission`."""
        found: dict[str, Permission] = {}
        for service, permissions in declared.items():
            for each in permissions:
                if not _NAME.fullmatch(each.name) or len(each.name) > LONGEST_NAME:
                    raise WrongPermission(f"{each.name!r} is no name of a permission: <service>.<things>.<act>")
                if not each.name.startswith(f"{service}."):
                    raise WrongPermission(f"{service} declares {each.name}, which does not begin with its own name")
                if each.name in found:
                    raise WrongPermission(f"{service} declares {each.name} twice")
                if others := set(each.given_to) - FIRST_ROLES:
                    raise WrongPermission(
                        f"{each.name} is given to {min(others)!r}, a role that does not come with a shop"
                    )
                found[each.name] = each
        if sum(map(len, found)) > MOST_CHARACTERS:
            raise WrongPermission(f"the names of all permissions have more than {MOST_CHARACTERS} characters together")
        self.by_name: Mapping[str, Permission] = MappingProxyType(found)

    def at_first(self, role: str) -> frozenset[str]:
        """What a role that comes with a shop has before anybody changes it."""
        return ALL if role == ADMIN else frozenset(each.name for each in self.by_name.values() if role in each.given_to)

    def of_roles(self, roles: Iterable[str]) -> frozenset[str]:
        """For a token of a release that knew only roles: what they have at first."""
        return frozenset().union(*map(self.at_first, roles))


def covers(held: frozenset[str], asked: Iterable[str]) -> bool:
    """Whether who holds `held` holds each of `asked`."""
    return EVERYTHING in held or held.issuperset(asked)
