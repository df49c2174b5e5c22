"""Links to documents: who has one may read, until its time is over. Pure.

Each file has a key of its own, made with it: a link to one says nothing about any other, and none outlives its file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from stoa.services.media.errors import BadLink
from stoa.services.media.file_rows import File
from stoa.services.media.recipe import PREFIX


def link_to(file: File, expires: int) -> str:
    """`expires` is in seconds since 1970."""
    return f"{PREFIX}/{file.id}/content?expires={expires}&signature={_signature(file, expires)}"


def check_link(file: File, expires: int, signature: str, now: float) -> None:
    """Raises `BadLink`. A wrong one takes as long to refuse as one that was right once."""
    good = hmac.compare_digest(_signature(file, expires).encode(), signature.encode())
    if not good or now >= expires:
        raise BadLink


def _signature(file: File, expires: int) -> str:
    digest = hmac.digest(file.link_key, f"{file.id} {expires}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
