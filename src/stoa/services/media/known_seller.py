"""Whose files somebody uploads must be there: who acts for a seller knows, who may edit all can mistake an id."""

from __future__ import annotations

from stoa.contracts.auth.v1.auth_pb2 import GetSellersRequest
from stoa.kit.context import Principal
from stoa.services.media.errors import UnknownSeller
from stoa.services.media.owners import seller_of
from stoa.services.media.service import Media


async def check_seller(media: Media, owner: str, by: Principal) -> None:
    """Raises `UnknownSeller`."""
    seller_id = seller_of(owner)
    if seller_id is None or seller_id in by.sellers:
        return
    if not (await media.auth.GetSellers(GetSellersRequest(ids=[seller_id]))).sellers:
        raise UnknownSeller
