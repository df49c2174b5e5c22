"""Whose a file is, and who may do what with it. Pure."""

from __future__ import annotations

from stoa.kit.context import Principal
from stoa.services.media.errors import AvatarOfSeller, MayNotUpload, NotYourSeller, WhichSeller
from stoa.services.media.recipe import Purpose

SHOP = "shop"

EDIT = "media.files.edit"
EDIT_OWN = "media.files.edit_own"


def of_seller(seller_id: str) -> str:
    return f"seller {seller_id}"


def of_user(user_id: str) -> str:
    return f"user {user_id}"


def seller_of(owner: str) -> str | None:
    """Whose picture or document it is; None of the shop's, and of an avatar."""
    kind, _, seller_id = owner.partition(" ")
    return seller_id if kind == "seller" else None


def user_of(owner: str) -> str:
    """Whose avatar it is."""
    return owner.removeprefix("user ")


def owner_for(by: Principal, purpose: Purpose, seller_id: str | None) -> str:
    """Whose the file is that somebody uploads: his own where it is his avatar, else the seller's whom he names or, if
    he may edit all and names none, the shop's. Who may edit only his own names one for whom he acts.

    Raises `MayNotUpload`, `NotYourSeller`, `AvatarOfSeller`, or `WhichSeller` for none where there are several.
    """
    if purpose == "avatar":
        if seller_id is not None:
            raise AvatarOfSeller
        return of_user(by.user_id)
    if not by.may(EDIT) and not by.may(EDIT_OWN):
        raise MayNotUpload
    if by.may(EDIT):
        return SHOP if seller_id is None else of_seller(seller_id.lower())
    return of_seller(acting_for(by, seller_id))


def acting_for(by: Principal, seller_id: str | None) -> str:
    """The seller that is named, or the only one. Raises `NotYourSeller`, `WhichSeller`."""
    if seller_id is None:
        if len(by.sellers) > 1:
            raise WhichSeller
        seller_id = next(iter(by.sellers), "")
    if seller_id.lower() not in by.sellers:
        raise NotYourSeller
    return seller_id.lower()


def may_see(by: Principal, owner: str) -> bool:
    """Who may edit all files sees those of products, everybody his own. Avatars of others are nobody's business."""
    if owner == of_user(by.user_id):
        return True
    if owner.startswith("user "):
        return False
    if by.may(EDIT):
        return True
    return by.may(EDIT_OWN) and owner.removeprefix("seller ") in by.sellers
