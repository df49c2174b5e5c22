"""The failures that media expects."""

from __future__ import annotations

import os

from stoa.kit import problems


class NotTaken(problems.Problem):
    """Send a picture as JPEG, PNG, WebP, AVIF or GIF, or a document as PDF: by its bytes, whatever it is called."""

    status = 415
    code = problems.BadRequest.code
    title = "This kind of file is not taken"
    slug = "file-not-taken"

    def __init__(self, detail: str = "It is no picture as JPEG, PNG, WebP, AVIF or GIF, and no PDF.") -> None:
        super().__init__(f"{detail} The file is the body itself, and no form.", field="body")


class WrongKind(problems.Unprocessable):
    title = "The file is not of this use"
    slug = "file-of-wrong-kind"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="body")


class EmptyFile(problems.Unprocessable):
    title = "The file is empty"
    slug = "file-empty"

    def __init__(self) -> None:
        super().__init__("Nothing came.", field="body")


class DamagedFile(problems.Unprocessable):
    title = "The file is damaged"
    slug = "file-damaged"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, field="body")


class TooManyPixels(problems.Unprocessable):
    """`most` pixels in all, and `most_side` of either side, are taken."""

    title = "The picture has too many pixels"
    slug = "too-many-pixels"

    def __init__(self, width: int, height: int, *, most: int, most_side: int) -> None:
        super().__init__(f"It says that it has {width} × {height}.", field="body", most=most, most_side=most_side)


class TooManyFrames(problems.Unprocessable):
    title = "The picture moves for too long"
    slug = "too-many-frames"

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} frames are taken, of which the first is shown.", field="body", most=most)


class PdfThatActs(problems.Unprocessable):
    title = "The document does something when it is opened"
    slug = "pdf-that-acts"

    def __init__(self, what: str) -> None:
        super().__init__(f"It has {what}: send it without.", field="body")


class MayNotUpload(problems.Forbidden):
    """Products' pictures and documents are uploaded by who edits products; anybody who is signed in uploads his own
    avatar."""

    title = "Not a file that the caller may upload"
    slug = "may-not-upload"

    def __init__(self) -> None:
        super().__init__(
            "This is for who may media.files.edit or, for a seller, media.files.edit_own.", field="purpose"
        )


class NotYourSeller(problems.Forbidden):
    title = "The caller does not act for this seller"
    slug = "not-your-seller"

    def __init__(self) -> None:
        super().__init__("Name a seller that you act for.", field="seller_id")


class UnknownSeller(problems.Unprocessable):
    title = "There is no such seller"
    slug = "unknown-seller"

    def __init__(self) -> None:
        super().__init__("No seller has this id.", field="seller_id")


class AvatarOfSeller(problems.Unprocessable):
    title = "An avatar is nobody's but the caller's"
    slug = "avatar-of-seller"

    def __init__(self) -> None:
        super().__init__("Leave the seller out.", field="seller_id")


class WhichSeller(problems.Unprocessable):
    title = "The caller acts for several sellers"
    slug = "which-seller"

    def __init__(self) -> None:
        super().__init__("Say for which of them.", field="seller_id")


class QuotaFull(problems.Conflict):
    """`files` and `bytes` are how much there is, `most_files` and `most_bytes` how much there may be."""

    title = "There are as many files as there may be"
    slug = "media-quota-full"

    def __init__(self, *, files: int, size: int, most_files: int, most_bytes: int) -> None:
        super().__init__(
            "Remove some that are not used any more.",
            files=files,
            bytes=size,
            most_files=most_files,
            most_bytes=most_bytes,
        )


class TooManyUploads(problems.TooManyRequests):
    title = "Too many uploads"
    slug = "too-many-uploads"

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} files in an hour: come again later.", retry_after_seconds=600, most=most)


class NoSuchFile(problems.NotFound):
    """There is none, it has ended, or it is somebody else's: they look the same from outside."""

    title = "There is no such file"
    slug = "no-such-file"

    def __init__(self) -> None:
        super().__init__("There is no file of this id.", field="file_id")


class NoSuchPicture(problems.NotFound):
    title = "There is no such picture"
    slug = "no-such-picture"

    def __init__(self) -> None:
        super().__init__("Ask for one of those that the file is shown with.")


class ShownByPictures(problems.NotFound):
    """Links are for documents."""

    title = "There is no link to a picture"
    slug = "no-link-to-a-picture"

    def __init__(self) -> None:
        super().__init__("A link is to a document; a picture is shown to everybody by `picture`.", field="file_id")


class FileInUse(problems.Conflict):
    title = "The file is in use"
    slug = "file-in-use"

    def __init__(self) -> None:
        super().__init__("Take it out of what shows it first.", field="file_id")


class NothingToPoint(problems.Conflict):
    title = "Nothing of this file is cut"
    slug = "nothing-to-point"

    def __init__(self) -> None:
        super().__init__(
            "Only a product's picture that was not rejected has a focal point to be moved.", field="focal_x"
        )


class ThereAgain(problems.Conflict):
    title = "The same content is there as another file"
    slug = "file-there-again"

    def __init__(self) -> None:
        super().__init__("It was uploaded again meanwhile: name that file instead.", field="file_id")


class BadLink(problems.Forbidden):
    title = "The link is not good"
    slug = "bad-link"

    def __init__(self) -> None:
        super().__init__("It is not one of ours, or its time is over: ask for another.", field="signature")


class StorageUnavailable(problems.Unavailable):
    """Nothing of the file was kept: send it again."""

    title = "Files cannot be kept or read now"
    slug = "media-storage-unavailable"

    def __init__(self, detail: str = "Where files are kept does not answer.") -> None:
        super().__init__(detail)


def unwritable(error: OSError) -> StorageUnavailable:
    return StorageUnavailable(f"The file cannot be written: {os.strerror(error.errno or 0)}.")
