"""Who did it: what staff and operators change is kept with its actor, before and after, for good.

    async with db.transaction() as tx:
        user = await repository.lock_user(tx, user_id)
        await repository.set_roles(tx, user_id, roles)
        await staff_acts.record(
            tx,
            act="user.roles_changed",
            subject=user_id,
            before={"roles": user.roles},
            after={"roles": roles},
        )

A row commits with the change or not at all, and a trigger refuses to change or remove it: not even the
service's own code rewrites what was done. Nothing ends here, so `before` and `after` hold what somebody
must know to judge the act (states, roles, amounts, quantities, ids) and no password, token, address or name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from stoa.kit import context
from stoa.kit.db import Db, Transaction

OPERATOR = "operator"
"""The actor at the command line: whoever holds the installation's secret."""

REDRIVEN = "event.redriven"
"""Parked events are tried again: `before` says how many were `parked` for which `recipient`."""
DISCARDED = "event.discarded"
"""A parked event was given up: `before` says its type, what it is `of`, and the `recipient` that will not have it."""
REPLAYED = "event.replayed"
"""Events that a hearer does not have are owed to it again: `after` says `from` which id of the log `to` which, and how
many."""
BEHAVIOR_REDRIVEN = "behavior.redriven"
"""What is parked of a topic was tried again: `after` says for which `recipient`, and how many events were `done`."""
BEHAVIOR_DISCARDED = "behavior.discarded"
"""What was parked of a topic was given up: `before` says for which `recipient`, and how many events."""
LET_GO = "hearer.let_go"
"""A hearer is gone, and what it was owed was given up: `before` says how many events were `owed` and `parked`."""

RECORD = """
    INSERT INTO staff_acts (actor, roles, act, subject, before, after, reason, request_id, trace_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

RECORD_ALL = """
    INSERT INTO staff_acts (actor, roles, act, subject, before, after, reason, request_id, trace_id)
    SELECT $1, $2, act, subject, before, after, reason, $3, $4
    FROM unnest($5::text[], $6::text[], $7::jsonb[], $8::jsonb[], $9::text[])
        AS new (act, subject, before, after, reason)
"""

_LIST = "SELECT id, at, actor, roles, act, subject, before, after, reason, request_id, trace_id FROM staff_acts "

# One statement for each filter, in the words of the index to walk.
LIST = _LIST + "WHERE id < $1 ORDER BY id DESC LIMIT $2"
LIST_BY = _LIST + "WHERE actor >= $1 AND (actor, id) < ($1, $2::bigint) ORDER BY actor DESC, id DESC LIMIT $3"
LIST_ON = _LIST + "WHERE subject = $1 AND ($2::text IS NULL OR actor = $2) AND id < $3 ORDER BY id DESC LIMIT $4"
_LAST = 2**63 - 1


class StaffAct(msgspec.Struct, frozen=True, kw_only=True):
    """`actor` is a user's id, with the roles of that moment, or `operator`. `request_id` and `trace_id` find the logs.

    `before` is null for what was made, `after` for what was removed.
    """

    id: int
    at: datetime
    actor: str
    roles: tuple[str, ...]
    act: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    request_id: str
    trace_id: str


async def record(
    tx: Transaction,
    *,
    act: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Keep that the caller of this request did `act` to `subject`: one statement, in the transaction that does it.

    `act` is `<kind of thing>.<what happened>`, in the past tense (`user.roles_changed`, `payment.refunded`);
    `subject` is the id of the thing, or a SKU. `before` and `after` are plain values of the same members, only those
    that the act may change; leave `before` out for what was made and `after` for what was removed. `reason` is
    what the caller gave, if the act asks for one.

    Does nothing where the caller is no staff: a customer or a seller at their own things, a service's own call, an
    event, a job. So an act that staff and customers share calls it always. Call it once, where the act is, and only
    when something changes: a repeat that changes nothing is no act.

    The actor is the principal of `context.current()`, which goes along with calls between services. A batcher's
    flush runs in a context of its own: there, run it `with context.using(...)` of the item.
    """
    now = context.current()
    if now.principal is None or not now.principal.is_staff:
        return
    await _insert(
        tx,
        actor=now.principal.user_id,
        roles=sorted(now.principal.roles),
        act=act,
        subject=subject,
        before=before,
        after=after,
        reason=reason,
    )


class Act(NamedTuple):
    """One of many that a request does; what its members are `record` says."""

    act: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    reason: str = ""


async def record_all(tx: Transaction, acts: Sequence[Act]) -> None:
    """The same as `record` for each, in one statement."""
    now = context.current()
    if not acts or now.principal is None or not now.principal.is_staff:
        return
    columns = ([each[at] for each in acts] for at in range(len(Act._fields)))
    roles = sorted(now.principal.roles)
    await tx.execute(RECORD_ALL, now.principal.user_id, roles, now.request_id, now.trace_id, *columns)


async def record_operator(
    tx: Transaction,
    *,
    act: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """The same for what only an operator's command does: in the command itself, or in an rpc that nobody else calls."""
    await _insert(tx, actor=OPERATOR, roles=[], act=act, subject=subject, before=before, after=after, reason=reason)


async def _insert(
    tx: Transaction,
    *,
    actor: str,
    roles: Sequence[str],
    act: str,
    subject: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    reason: str,
) -> None:
    now = context.current()
    await tx.execute(RECORD, actor, roles, act, subject, before, after, reason, now.request_id, now.trace_id)


async def list_acts(
    db: Db, *, subject: str | None = None, actor: str | None = None, before_id: int | None = None, limit: int
) -> list[StaffAct]:
    """The newest first: of one subject, by one actor, or all; from after the act `before_id`."""
    before = before_id or _LAST
    if subject is not None:
        rows = await db.fetch(LIST_ON, subject, actor, before, limit)
    elif actor is not None:
        rows = await db.fetch(LIST_BY, actor, before, limit)
    else:
        rows = await db.fetch(LIST, before, limit)
    return [StaffAct(**dict(row) | {"roles": tuple(row["roles"])}) for row in rows]
