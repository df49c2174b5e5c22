"""An index seen from outside, while its process may be writing: for `stoa doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tantivy

from stoa.services.search.index.fields import CHECKPOINT, PRODUCT, Fields
from stoa.services.search.index.folder import usable
from stoa.services.search.index.queries import count_of, term

LOOKS = 3
"""Whoever writes takes files away: what is not there at one look is elsewhere at the next."""


class Unusable(Exception):
    """Why nobody can be answered out of it."""


class Seen(NamedTuple):
    """`checkpoint` is what whoever fed it says of how far it is."""

    documents: int
    bytes: int
    checkpoint: str


def see(path: Path, locales: Sequence[str]) -> Seen:
    """Raises `Unusable`."""
    why = ""
    for _ in range(LOOKS):
        folder, why = usable(path, locales)
        if folder is None:
            continue
        try:
            return _seen(folder, Fields(locales))
        except (OSError, ValueError) as error:
            why = f"The index was damaged: {error}."
    raise Unusable(why)


def _seen(folder: Path, fields: Fields) -> Seen:
    searcher = tantivy.Index(fields.schema, str(folder)).searcher()
    kept = searcher.search(term(fields.schema, "kind", CHECKPOINT), 1).hits
    checkpoint = str(searcher.doc(kept[0][1]).get_first("checkpoint")) if kept else ""
    documents = count_of(searcher, term(fields.schema, "kind", PRODUCT))
    return Seen(documents, sum(each.stat().st_size for each in folder.iterdir()), checkpoint)
