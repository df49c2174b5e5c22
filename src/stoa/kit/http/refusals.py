"""What the HTTP layer itself refuses, before a handler runs."""

from __future__ import annotations

from stoa.kit import problems


class MalformedBody(problems.BadRequest):
    title = "The body is not well-formed JSON"
    slug = "malformed-body"


class BadHeader(problems.BadRequest):
    title = "A header is not acceptable"
    slug = "bad-header"


class KeyRequired(problems.BadRequest):
    title = "An idempotency key is required"
    slug = "idempotency-key-required"


class UnsupportedMediaType(problems.Problem):
    """Send JSON, as `Content-Type: application/json`."""

    status = 415
    code = problems.BadRequest.code
    title = "The content type is not supported"
    slug = "unsupported-media-type"


class MethodNotAllowed(problems.Problem):
    """`allow` has the methods that are."""

    status = 405
    code = problems.BadRequest.code
    title = "The method is not allowed here"
    slug = "method-not-allowed"


class NoSuchPath(problems.NotFound):
    title = "There is nothing at this path"
    slug = "no-such-path"


class NoSuchId(NoSuchPath):
    """`field` names the part of the path that is no id."""

    title = "There is nothing of this id"
    slug = "no-such-id"

    def __init__(self, field: str) -> None:
        super().__init__("Nothing has it: an id is a UUID, as 01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f is.", field=field)


class BodyTooLarge(problems.TooLarge):
    slug = "body-too-large"


class BodyTooSlow(problems.Problem):
    """Send the same request again."""

    status = 408
    code = problems.BadRequest.code
    title = "The body did not come in time"
    slug = "body-too-slow"


class MalformedRequest(problems.BadRequest):
    title = "The request is not well-formed HTTP"
    slug = "malformed-request"


class VersionNotSupported(problems.Problem):
    """Send it as HTTP/1.1."""

    status = 505
    code = problems.BadRequest.code
    title = "This version of HTTP is not spoken here"
    slug = "version-not-supported"


class HeadersTooLarge(problems.Problem):
    """Send fewer or shorter ones."""

    status = 431
    code = problems.BadRequest.code
    title = "The headers are too large"
    slug = "headers-too-large"


class TargetTooLong(problems.Problem):
    """Ask for less at once."""

    status = 414
    code = problems.BadRequest.code
    title = "Path and query are too long"
    slug = "target-too-long"


class HeadersTooSlow(problems.Problem):
    """Send the same request again."""

    status = 408
    code = problems.BadRequest.code
    title = "The headers did not come in time"
    slug = "headers-too-slow"


class TooManyConnections(problems.Unavailable):
    title = "There are too many connections"
    slug = "too-many-connections"


class Stopping(problems.Unavailable):
    title = "The process is stopping"
    slug = "stopping"
