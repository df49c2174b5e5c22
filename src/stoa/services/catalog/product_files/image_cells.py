"""Images in a cell: where each is, and behind a space what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stoa.services.catalog.product import is_id
from stoa.services.catalog.product_files import cells

FILE = "file:"
"""Before the id of an image that is a file of the shop's own."""


def read(cell: str) -> list[dict[str, str]]:
    """An address, which has no space, or the file of an id."""
    return [_image(part) for part in cells.split(cell)]


def written(images: Iterable[Mapping[str, str]]) -> str:
    return cells.joined(_placed(image) for image in images)


def named(image: Mapping[str, str]) -> str:
    """By which a translation speaks of it."""
    return image.get("file_id") or image["url"]


def read_one(cell: str) -> str | None:
    """The name of an image that stands alone in a cell, without its text."""
    return cell.strip().removeprefix(FILE) or None


def written_one(name: str | None) -> str:
    return "" if name is None else f"{FILE}{name}" if is_id(name) else name


def _image(part: str) -> dict[str, str]:
    place, _, alt = part.partition(" ")
    return (
        {"file_id": place.removeprefix(FILE)} | {"alt": alt} if place.startswith(FILE) else {"url": place, "alt": alt}
    )


def _placed(image: Mapping[str, str]) -> str:
    place = f"{FILE}{image['file_id']}" if "file_id" in image else image["url"]
    return f"{place} {image['alt']}" if image["alt"] else place
