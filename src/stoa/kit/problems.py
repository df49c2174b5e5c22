"""One error format everywhere: RFC 9457 problem+json over HTTP, the same document in gRPC's trailers.

    Problem
    ├── BadRequest 400          the request cannot be read
    ├── Unauthorized 401        who are you
    ├── PaymentRequired 402     the payment was refused
    ├── Forbidden 403           you may not
    ├── NotFound 404            there is no such thing, or it is not yours
    ├── Conflict 409            not in the state that this is in
    ├── PreconditionFailed 412  not as the caller expects it to be
    ├── TooLarge 413            the body is over the limit
    ├── Unprocessable 422       read, and refused: a field says which
    ├── TooManyRequests 429     later
    ├── Fault 500               our own fault
    └── Unavailable 503         something that we need does not answer; the same request may work later

A service subclasses the nearest of these and names the failure as a sentence: `OutOfStock`. The class
fixes `type`, `title` and `status`; the instance says what happened. A problem that comes from another
service arrives as the class of its status, with the `type` it had: compare `problem.type`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import grpc
import msgspec

TYPE_BASE = "/problems/"
CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An expected failure. `field` names the input at fault; `members` are extension members."""

    status: ClassVar[int] = 500
    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    title: str = "Internal error"
    slug: str = "internal-error"

    def __init__(self, detail: str, *, field: str | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.members = members

    @property
    def type(self) -> str:
        return TYPE_BASE + self.slug

    def document(self) -> dict[str, Any]:
        """The members of the problem document, in the order a person reads them."""
        document: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.field is not None:
            document["field"] = self.field
        return document | self.members

    def encode(self, request_id: str | None = None) -> bytes:
        """With the id of the request that it refuses, unless it says one: several requests may share a problem."""
        document = self.document()
        if request_id is not None:
            document.setdefault("request_id", request_id)
        return msgspec.json.encode(document)


class BadRequest(Problem):
    """Mend the request: as it is it gets the same answer again."""

    status = 400
    code = grpc.StatusCode.INVALID_ARGUMENT
    title = "The request cannot be read"
    slug = "bad-request"


class Unauthorized(Problem):
    """Sign in, or get a new access token by the refresh token, and send the request again."""

    status = 401
    code = grpc.StatusCode.UNAUTHENTICATED
    title = "Sign in first"
    slug = "unauthorized"


class PaymentRequired(Problem):
    """Ask for another means of payment, and order under a new `Idempotency-Key`."""

    status = 402
    code = grpc.StatusCode.FAILED_PRECONDITION
    title = "The payment was refused"
    slug = "payment-refused"


class Forbidden(Problem):
    """Sign in as somebody who may: to send it again does not help."""

    status = 403
    code = grpc.StatusCode.PERMISSION_DENIED
    title = "Not allowed"
    slug = "forbidden"


class NotFound(Problem):
    """Look it up again: it is gone, is somebody else's, or never was."""

    status = 404
    code = grpc.StatusCode.NOT_FOUND
    title = "Not found"
    slug = "not-found"


class Conflict(Problem):
    """Read what there is by now, and decide again."""

    status = 409
    code = grpc.StatusCode.FAILED_PRECONDITION
    title = "Not possible in this state"
    slug = "conflict"


class PreconditionFailed(Problem):
    """Read what there is by now, and decide again."""

    status = 412
    code = grpc.StatusCode.FAILED_PRECONDITION
    title = "Not as expected"
    slug = "precondition-failed"


class TooLarge(Problem):
    """Send less at once."""

    status = 413
    code = grpc.StatusCode.INVALID_ARGUMENT
    title = "The request is too large"
    slug = "too-large"


class Unprocessable(Problem):
    """Mend the input that `field` names: as it is it gets the same answer again."""

    status = 422
    code = grpc.StatusCode.INVALID_ARGUMENT
    title = "A value is not acceptable"
    slug = "unprocessable"


class TooManyRequests(Problem):
    """Wait as many seconds as `Retry-After` says."""

    status = 429
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    title = "Too many requests"
    slug = "too-many-requests"


class Fault(Problem):
    """The fault is the shop's: tell who runs it the `request_id`."""


class Unavailable(Problem):
    """Send the same request again, with the same `Idempotency-Key`, after as many seconds as `Retry-After` says."""

    status = 503
    code = grpc.StatusCode.UNAVAILABLE
    title = "Temporarily unavailable"
    slug = "unavailable"


OF_STATUSES: tuple[type[Problem], ...] = (
    BadRequest,
    Unauthorized,
    PaymentRequired,
    Forbidden,
    NotFound,
    Conflict,
    PreconditionFailed,
    TooLarge,
    Unprocessable,
    TooManyRequests,
    Fault,
    Unavailable,
)
"""The docstring of each says what to do about one of its kind: the page of the type has it (`problem_types`)."""

_BY_STATUS = {kind.status: kind for kind in OF_STATUSES}


def first_line(error: BaseException) -> str:
    """What an exception says, as it may be kept and shown: PostgreSQL's next lines are the values that it refused."""
    return next((line for line in map(str.strip, str(error).splitlines()) if line), type(error).__name__)


def with_type(error: BaseException) -> str:
    """The same behind the type, which says more than many a message: `KeyError: 'sku'`."""
    name, said = type(error).__name__, first_line(error)
    return name if said == name else f"{name}: {said}"


def decode(document: bytes) -> Problem:
    """The problem another service sent, as the class of its status with its own type and title."""
    members: dict[str, Any] = msgspec.json.decode(document)
    kind = _BY_STATUS.get(members.pop("status"), Fault)
    slug = str(members.pop("type")).removeprefix(TYPE_BASE)
    title = members.pop("title")
    problem = kind(members.pop("detail"), field=members.pop("field", None), **members)
    problem.slug = slug
    problem.title = title
    return problem
