"""The facts that auth announces. The subject is the user's id, where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.events import Fact

_PERSONAL = ("email", "first_name", "last_name", "phone")


class UserRegistered(Fact, event="user.registered", personal=_PERSONAL, first=True, frozen=True, kw_only=True):
    """Somebody has an account: registered or imported. The first version of a user."""

    user_id: str
    email: str
    first_name: str
    last_name: str
    phone: str


class AddressProofAsked(Fact, event="user.proof_asked", personal=("email", "code"), frozen=True, kw_only=True):
    """Somebody registers with an address that they shall prove to be theirs. The subject is of nobody yet, and new.

    `code` is what proves it; None where the address has an account, which its owner is told instead.
    """

    email: str
    code: str | None


class UserChanged(Fact, event="user.changed", frozen=True, kw_only=True):
    """Staff, or `stoa user`, changed what somebody may: the whole state as it is now. `enabled` is whether they may
    sign in."""

    user_id: str
    roles: Sequence[str]
    enabled: bool
    sellers_apart: bool = True
    """Whether somebody sells is not to be learned from this: see `SellerChanged`."""


class UserDisabled(Fact, event="user.disabled", frozen=True, kw_only=True):
    """Staff keep somebody from signing in. Whether they may again `user.changed` says."""

    user_id: str


class UserDeleted(Fact, event="user.deleted", personal=("email",), frozen=True, kw_only=True):
    """The account is gone for good, and so is what is personal wherever this is heard. `email` is for who knows the
    person by nothing else."""

    user_id: str
    email: str


class SellerChanged(Fact, event="seller.changed", frozen=True, kw_only=True):
    """How a seller stands: blocked by staff or not, and whether it sells. The subject is the seller's id."""

    seller_id: str
    selling: bool
    blocked: bool
