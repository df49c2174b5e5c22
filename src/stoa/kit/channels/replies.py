"""How a call ended, as a value that is the same on both transports, and as the problem it stands for."""

from __future__ import annotations

from typing import NamedTuple

import grpc
import grpc.aio
import msgspec

from stoa.kit import problems
from stoa.kit.channels.metadata import PROBLEM, Pairs

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Of a request or an answer. What is larger belongs on pages."""

MAX_METADATA_BYTES = 1024 * 1024
"""Of all headers: gRPC's own 8 KiB would lose a problem that names each line of a large cart."""

MAX_PROBLEM_BYTES = MAX_METADATA_BYTES // 4
"""Of a problem document; a larger one travels without its members."""

_PROBLEM_CORE = ("type", "title", "status", "detail", "field")


class DeadlineExceeded(problems.Unavailable):
    """No answer in time, so the outcome is unknown: ask by key, or repeat the call with the same key."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    title = "No answer in time"
    slug = "deadline-exceeded"


class Reply(NamedTuple):
    """The end of a call: an answer where the code is OK, else the reason."""

    code: grpc.StatusCode
    body: bytes = b""
    details: str = ""
    initial_metadata: Pairs = ()
    trailing_metadata: Pairs = ()


def refusal(problem: problems.Problem, trailing_metadata: Pairs = ()) -> Reply:
    """The reply that carries a problem to the caller."""
    document = problem.encode()
    if len(document) > MAX_PROBLEM_BYTES:
        document = msgspec.json.encode({name: problem.document().get(name) for name in _PROBLEM_CORE})
    return Reply(problem.code, details=problem.type, trailing_metadata=(*trailing_metadata, (PROBLEM, document)))


def failure(method: str, reply: Reply) -> problems.Problem:
    """The problem that a reply which is not OK stands for, caused by the RPC error it came as.

    Without a document it was the channel that failed and not the servicer. Only a dead neighbor and
    a deadline are the caller's business then; a wrong secret, an unknown method or a message over the
    limit is a fault of ours, and must not reach a user as "sign in first" or "too large".
    """
    document = dict(reply.trailing_metadata).get(PROBLEM)
    if reply.code is grpc.StatusCode.DEADLINE_EXCEEDED:
        problem: problems.Problem = DeadlineExceeded(f"{method} did not answer in time.")
    elif isinstance(document, bytes):
        problem = problems.decode(document)
    elif reply.code is grpc.StatusCode.UNAVAILABLE:
        problem = problems.Unavailable(f"{method} does not answer.")
    else:
        problem = problems.Fault("A call between services failed.")
    problem.__cause__ = grpc.aio.AioRpcError(
        reply.code,
        grpc.aio.Metadata(*reply.initial_metadata),
        grpc.aio.Metadata(*reply.trailing_metadata),
        details=reply.details,
        debug_error_string=f"{method}: {reply.code.name} {reply.details}",
    )
    return problem
