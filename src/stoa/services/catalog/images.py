"""The images of products: at an address elsewhere, or a file of the shop's own, of which media says how it is shown.

Pure, but for asking which files there are. A product may name a file before its pictures are made: until media tells of
them (`handlers`) only those who edit the product see that it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec.structs import replace

from stoa.contracts.media.v1 import media_pb2
from stoa.kit.http.types import Label, MediaUrl
from stoa.kit.pictures import FileReady, Picture, picture_in
from stoa.services.catalog.errors import ImageWithoutAddress, UnknownFile

if TYPE_CHECKING:
    from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceAsyncStub

Files = Mapping[str, media_pb2.File]
"""By id."""

MOST_FILES = 1000
"""Of one call."""


class Image(msgspec.Struct, frozen=True):
    """`url` is good for whoever wants one address; null while the pictures of its file are made. `picture` has the
    sizes of a file; of an image elsewhere nothing is known."""

    url: str | None
    alt: str = ""
    file_id: str | None = None
    picture: Picture | None = None

    @property
    def named(self) -> str:
        """By which a variant or a translation speaks of it."""
        return self.file_id or self.url or ""


class KeptImage(Image, frozen=True):
    """As a product keeps it. `alt_of_file` says that it has no text of its own: then it shows the file's, and follows
    that."""

    alt_of_file: bool = False

    @property
    def shown(self) -> Image:
        return Image(self.url, self.alt, self.file_id, self.picture)


class Banner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a category or a collection shows on its page: at an address elsewhere, or of a file of the shop's own that
    products show."""

    url: MediaUrl
    alt: Label = ""


def banner_of(kept: Mapping[str, str] | None) -> Banner | None:
    """What a row keeps, null for none."""
    return None if kept is None else Banner(**kept)


class Showing(Protocol):
    """A product, as far as its images go."""

    @property
    def seller_id(self) -> str | None: ...
    @property
    def images(self) -> Sequence[KeptImage]: ...


class SentImage(Protocol):
    """`alt` is empty for what the file says."""

    url: str | None
    alt: str
    file_id: str | None


def images_of(sent: Sequence[SentImage], before: Showing, files: Files) -> list[KeptImage]:
    """The images of a product, whose files may be its seller's, the shop's where it has none, and what it showed
    `before`.

    Raises `ImageWithoutAddress`, or `UnknownFile` for what is not there, not theirs or no picture for products.
    """
    owner = f"seller {before.seller_id}" if before.seller_id else "shop"
    kept = {image.file_id: image for image in before.images if image.file_id is not None}
    return [_image(at, one, kept, owner, files) for at, one in enumerate(sent)]


def _image(at: int, sent: SentImage, kept: Mapping[str, KeptImage], owner: str, files: Files) -> KeptImage:
    if sent.file_id is None:
        if sent.url is None:
            raise ImageWithoutAddress(f"images[{at}].file_id")
        return KeptImage(sent.url, sent.alt)
    file_id = sent.file_id.lower()
    file, known = files.get(file_id), kept.get(file_id)
    picture = None if file is None else picture_in(file)
    if known is not None and (picture is None or picture.revision <= _revision(known)):
        return _saying(known, sent.alt, known.alt if known.alt_of_file else file.alt if file else "")
    if file is None or file.purpose != "product" or (known is None and file.owner != owner):
        raise UnknownFile(f"images[{at}].file_id")
    if file.state == "rejected":
        raise UnknownFile(f"images[{at}].file_id", file_id=file_id)
    return _saying(_shown(known or KeptImage(None, file_id=file_id), picture), sent.alt, file.alt)


def _saying(image: KeptImage, sent: str, of_file: str) -> KeptImage:
    """What was sent, if that is more than what was shown of the file, or nothing."""
    if sent and not (image.alt_of_file and sent == image.alt):
        return replace(image, alt=sent, alt_of_file=False)
    return replace(image, alt=of_file, alt_of_file=True)


def with_file(images: Iterable[KeptImage], file: FileReady) -> list[KeptImage]:
    """With what is told of a file, where that is newer."""
    return [
        _told(image, file) if image.file_id == file.file_id and file.picture.revision > _revision(image) else image
        for image in images
    ]


def _told(image: KeptImage, file: FileReady) -> KeptImage:
    alt = file.alt if image.alt_of_file and file.alt is not None else image.alt
    return replace(_shown(image, file.picture), alt=alt)


def revisions(images: Iterable[Image]) -> dict[str, int]:
    """The files that are named, with the revision that is shown."""
    return {image.file_id: _revision(image) for image in images if image.file_id is not None}


def to_be_seen(images: Iterable[KeptImage]) -> list[KeptImage]:
    """Without those whose pictures are still made."""
    return [image for image in images if image.url is not None]


def _shown(image: KeptImage, picture: Picture | None) -> KeptImage:
    return replace(image, url=picture.url if picture else None, picture=picture)


def _revision(image: Image) -> int:
    return image.picture.revision if image.picture else 0


async def files_of(media: MediaServiceAsyncStub, file_ids: Iterable[str]) -> dict[str, media_pb2.File]:
    """Those of the ids that there are, in as few calls as they take. Never with a transaction open."""
    ids = sorted({each.lower() for each in file_ids})
    found: dict[str, media_pb2.File] = {}
    for start in range(0, len(ids), MOST_FILES):
        answer = await media.GetFiles(media_pb2.GetFilesRequest(ids=ids[start : start + MOST_FILES]))
        found |= {file.id: file for file in answer.files}
    return found
