"""Calls between services: the generated stubs on one of two channels that behave alike.

    InProcessChannel(registry)           both services share a process
    RemoteChannel(address, secret)       they do not: grpc.aio to the neighbor's RpcServer

What is promised on both, and held by one conformance suite (tests/kit/channels):

- Nothing is shared: messages are serialized and parsed both ways, a handler runs in its own task with
  an empty `contextvars.Context`, under the caller's trace, request id, principal and deadline.
- Every call has a deadline: the timeout given or 10 s, never more than the caller has left itself.
- A caller that goes away, or whose deadline passes, cancels the handler.
- A problem that a servicer raises is raised at the caller, with type, field and members. Anything else
  is logged where it happened and is a `Fault` at the caller, without detail.
- `Unavailable`: the neighbor does not answer. `DeadlineExceeded`, which is one too: not in time. After
  either of them a change may or may not have happened; repeat it by its key, or ask.
- Nothing is ever sent twice by a channel, and nothing waits for a neighbor to come up: only the caller
  knows whether a repeat is safe (`idempotency_level` in the contract says which calls are).
- A call while a database transaction is open raises `CallInsideTransaction`.
- Messages are unary and at most 4 MiB. A server that stops lets running calls finish.

`Faults` makes any of this go wrong on purpose.
"""

from stoa.kit.channels.calls import DEFAULT_DEADLINE_SECONDS, Channel, Observer
from stoa.kit.channels.faults import Faults
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.channels.remote import RemoteChannel, RpcServer
from stoa.kit.channels.replies import MAX_MESSAGE_BYTES, DeadlineExceeded

__all__ = [
    "DEFAULT_DEADLINE_SECONDS",
    "MAX_MESSAGE_BYTES",
    "Channel",
    "DeadlineExceeded",
    "Faults",
    "InProcessChannel",
    "Observer",
    "Registry",
    "RemoteChannel",
    "RpcServer",
]
