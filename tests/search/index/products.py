"""Documents for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from stoa.ports.search import Document, Found, Piece

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def product(id_: str, name: str = "Thing", version: int = 1, **fields: Any) -> Document:
    fields = {"slug": id_, "created_at": LONG_AGO, "card": id_.encode()} | fields
    return Document(id=id_, version=version, name=name, **fields)


def ids(found: Found) -> list[str]:
    return [hit.id for hit in found.hits]


def marked(pieces: tuple[Piece, ...]) -> str:
    """`red [candle]`"""
    return "".join(f"[{piece.text}]" if piece.marked else piece.text for piece in pieces)
