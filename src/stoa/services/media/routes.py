"""Media's public API: take a file in, say how it is shown, and hand out its pictures."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stoa.kit import problems
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import PUBLIC, SIGNED_IN, UNKEPT, Answer, FileOf, Raw, Request, Routes, Streamed, may
from stoa.kit.http.streaming import BodyStream
from stoa.kit.http.types import Id, Label, Page, PageQuery
from stoa.kit.pictures import Picture
from stoa.ports.media import Absent
from stoa.services.media import repository
from stoa.services.media.content import Kind
from stoa.services.media.edit_file import describe_file, end_file, file_for, retry_pictures
from stoa.services.media.errors import (
    BadLink,
    MayNotUpload,
    NoSuchFile,
    NoSuchPicture,
    NotTaken,
    QuotaFull,
    ShownByPictures,
    ThereAgain,
)
from stoa.services.media.file_rows import File, State
from stoa.services.media.known_seller import check_seller
from stoa.services.media.links import check_link, link_to
from stoa.services.media.metrics import UPLOADS
from stoa.services.media.owners import EDIT, owner_for, seller_of
from stoa.services.media.recipe import FocalPoint, Purpose, is_picture, original_key, picture_key
from stoa.services.media.service import Media
from stoa.services.media.upload import New, upload

routes: Routes[Media] = Routes(
    "media",
    about={
        "file_id": "The file's id",
        "picture": "The picture's name, as the file's `picture` has it",
    },
)

Share = Annotated[float, Meta(ge=0, le=1)]
KINDS = {"avif": "image/avif", "webp": "image/webp"}
FOR_EVER = "public, max-age=31536000, immutable"
_HARMLESS = {"content-security-policy": "sandbox; default-src 'none'", "x-content-type-options": "nosniff"}
"""Whatever a browser takes it for, it does nothing."""


class UploadQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """purpose: a product's picture, the caller's own avatar, or a document, which only a link opens
    alt: the text for who cannot see the picture
    focal_x: what matters most in it, 0 at the left edge to 1 at the right; squares are cut around that
    focal_y: the same, 0 at the upper edge to 1 at the lower
    seller_id: whose it is, for who acts for several sellers
    """

    purpose: Purpose
    alt: Label = ""
    focal_x: Share = 0.5
    focal_y: Share = 0.5
    seller_id: Id | None = None


class FileChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays; a text that is null is none, and a focal point is moved as a whole."""

    alt: Label | UnsetType | None = UNSET
    focal_x: Share | UnsetType = UNSET
    focal_y: Share | UnsetType = UNSET


class ListQuery(PageQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """purpose: `avatar`: the caller's own; else what there is of the shop, or of the seller
    seller_id: of this seller, for who acts for several
    """

    purpose: Purpose
    seller_id: Id | None = None


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """`size` is in bytes. `state` is `uploaded` until its pictures are made, then `ready`, or `rejected` for a
    `reason`. `picture` is how it is shown: null until it is ready, and of a document always. `in_use`: it is named."""

    id: str
    purpose: Purpose
    seller_id: str | None
    kind: Kind
    size: int
    alt: str
    state: State
    reason: str | None
    picture: Picture | None
    in_use: bool
    version: int
    created_at: datetime


class LinkView(msgspec.Struct, frozen=True):
    """Good for everybody who has it, and until `expires_at`."""

    url: str
    expires_at: datetime


class LinkQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Both as the link has them.

    expires: until when it is good, in seconds since 1970
    signature: what makes it good
    """

    expires: Annotated[int, Meta(ge=0, le=2**40)]
    # One that was cut off or wrapped on its way is a bad link, as any other.
    signature: Annotated[str, Meta(max_length=100)]


@routes.post(
    "/media",
    body=BodyStream,
    query=UploadQuery,
    answer=FileView,
    status=201,
    others={200: FileView},
    raises=(NotTaken, MayNotUpload, QuotaFull),
    who=SIGNED_IN,
    idempotent=UNKEPT,
    summary="Take a file in; 200 if it is there already",
)
async def post_file(media: Media, request: Request[BodyStream, UploadQuery]) -> Answer:
    """The body is the file: JPEG, PNG, WebP, AVIF or GIF, of which the first frame counts, or PDF for a document. Its
    bytes say what it is. Its pictures are made later, in some seconds; a product may name it at once. The same content
    of the same owner for the same use is one file, so a repeat changes nothing."""
    query = request.query
    owner = owner_for(request.caller, query.purpose, query.seller_id)
    await check_seller(media, owner, request.caller)
    focal = FocalPoint(query.focal_x, query.focal_y)
    file, new = await upload(media, New(query.purpose, owner, request.user_id, query.alt, focal), request.body)
    UPLOADS.labels(query.purpose).inc()
    return Answer(201 if new else 200, _view(file))


@routes.get("/media", query=ListQuery, answer=Page[FileView], who=SIGNED_IN, raises=(MayNotUpload,), summary="Files")
async def list_files(media: Media, request: Request[None, ListQuery]) -> Page[FileView]:
    """The newest first: whoever picks a picture for a product sees what there is."""
    query = request.query
    owner = owner_for(request.caller, query.purpose, query.seller_id)
    before = decode_key(query.cursor, tuple[Id])
    found = await repository.files_of(media.db, owner, query.purpose, before, query.limit + 1)
    return page_of([_view(file) for file in found], query.limit, lambda view: (view.id,))


@routes.get("/media/{file_id:uuid}", answer=FileView, who=SIGNED_IN, summary="A file, as it stands")
async def get_file(media: Media, request: Request) -> FileView:
    return _view(await file_for(media, request.path["file_id"], request.caller))


@routes.patch(
    "/media/{file_id:uuid}",
    body=FileChange,
    answer=FileView,
    who=SIGNED_IN,
    versioned=True,
    summary="Say what a picture shows, and what matters most in it",
)
async def patch_file(media: Media, request: Request[FileChange]) -> FileView:
    """With another focal point its squares are made anew, at other addresses; products that show it follow."""
    sent = request.body
    if (sent.focal_x is UNSET) != (sent.focal_y is UNSET):
        raise problems.Unprocessable("A focal point has both.", field="focal_x" if sent.focal_x is UNSET else "focal_y")
    focal = None if sent.focal_x is UNSET or sent.focal_y is UNSET else FocalPoint(sent.focal_x, sent.focal_y)
    alt = None if sent.alt is UNSET else sent.alt or ""
    file_id, by = request.path["file_id"], request.caller
    return _view(await describe_file(media, file_id, by, request.if_match, alt=alt, focal=focal))


@routes.delete("/media/{file_id:uuid}", who=SIGNED_IN, versioned=True, summary="End a file that nothing shows any more")
async def delete_file(media: Media, request: Request) -> None:
    """Its links are no good from then on."""
    await end_file(media, request.path["file_id"], request.caller, request.if_match)


@routes.post(
    "/media/{file_id:uuid}/pictures",
    answer=FileView,
    raises=(ThereAgain,),
    who=may(EDIT),
    idempotent=UNKEPT,
    summary="Have pictures that could not be made tried again",
)
async def post_pictures(media: Media, request: Request) -> FileView:
    """Of a file that was rejected, or whose focal point has moved and whose squares have not: as when the machine was
    to blame. It is `uploaded` then, and what becomes of it is seen some seconds later. Of any other nothing changes."""
    return _view(await retry_pictures(media, request.path["file_id"], request.caller))


@routes.post(
    "/media/{file_id:uuid}/link",
    answer=LinkView,
    status=201,
    who=SIGNED_IN,
    idempotent=UNKEPT,
    summary="A link by which anybody may read a document, for some minutes",
)
async def post_link(media: Media, request: Request) -> LinkView:
    file = await file_for(media, request.path["file_id"], request.caller)
    if file.purpose != "document":
        raise ShownByPictures
    expires = math.ceil(time.time()) + media.settings.link_seconds
    return LinkView(link_to(file, expires), datetime.fromtimestamp(expires, UTC))


@routes.get(
    "/media/{file_id:uuid}/content",
    query=LinkQuery,
    answer=FileOf(("application/pdf",)),
    raises=(BadLink,),
    who=PUBLIC,
    summary="A document, for who has a link to it",
)
async def get_content(media: Media, request: Request[None, LinkQuery]) -> Streamed:
    """To be saved: no browser opens it in the shop's name."""
    file = await repository.find_file(media.db, request.path["file_id"])
    if file is None or file.purpose != "document":
        raise BadLink
    check_link(file, request.query.expires, request.query.signature, time.time())
    try:
        opened = await media.open(original_key(file.id))
    except Absent:
        raise NoSuchFile from None
    headers = {
        **_HARMLESS,
        "content-disposition": f'attachment; filename="{file.id}.pdf"',
        "cache-control": "private, no-store",
    }
    return Streamed(opened.pieces, "application/pdf", opened.size, headers=headers)


@routes.get(
    "/media/{file_id:uuid}/{picture}",
    answer=FileOf(tuple(KINDS.values())),
    others={304: None},
    who=PUBLIC,
    summary="A picture, by an address that never shows anything else",
)
async def get_picture(media: Media, request: Request) -> Raw:
    file_id, name = request.path["file_id"].lower(), request.path["picture"]
    if not is_picture(name) or not await repository.is_shown(media.db, file_id):
        raise NoSuchPicture
    try:
        opened = await media.open(picture_key(file_id, name))
    except Absent:
        raise NoSuchPicture from None
    body = b"".join([piece async for piece in opened.pieces])
    headers = {
        **_HARMLESS,
        "cache-control": FOR_EVER,
        "etag": f'"{name}"',
        # Pages of other sites may show it, as an advertisement does.
        "cross-origin-resource-policy": "cross-origin",
    }
    return Raw(body, KINDS[name.rpartition(".")[2]], headers=headers)


def _view(file: File) -> FileView:
    return FileView(
        id=file.id,
        purpose=file.purpose,
        seller_id=seller_of(file.owner),
        kind=file.kind,
        size=file.size,
        alt=file.alt,
        state=file.state,
        reason=file.reason,
        picture=file.picture,
        in_use=file.in_use,
        version=file.version,
        created_at=file.created_at,
    )
