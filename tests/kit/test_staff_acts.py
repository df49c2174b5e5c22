"""What staff did is kept with who did it, in the transaction that did it, and nobody rewrites it."""

import asyncpg
import pytest

from stoa.kit import context, staff_acts
from stoa.kit.context import Principal
from stoa.kit.ids import uuid7
from stoa.kit.permissions import ALL

ADMIN = Principal(uuid7(), "admin@example.com", frozenset({"admin", "customer"}), uuid7(), ALL)


async def act(db, principal=ADMIN, *, subject="A", after=7, rolled_back=False):
    with context.using(context.fresh(principal=principal, request_id="req-1")) as now:
        async with db.transaction() as tx:
            await staff_acts.record(
                tx,
                act="stock.counted",
                subject=subject,
                before={"on_hand": 5},
                after={"on_hand": after},
                reason="shelf",
            )
            if rolled_back:
                raise LookupError
    return now


async def test_an_act_of_staff_has_its_actor_and_its_trace(database):
    db = await database("inventory")
    now = await act(db)
    (kept,) = await staff_acts.list_acts(db, limit=10)
    assert (kept.actor, kept.roles, kept.act, kept.subject) == (
        ADMIN.user_id,
        ("admin", "customer"),
        "stock.counted",
        "A",
    )
    assert (kept.before, kept.after, kept.reason) == ({"on_hand": 5}, {"on_hand": 7}, "shelf")
    assert (kept.request_id, kept.trace_id) == ("req-1", now.trace_id)
    assert kept.at.tzinfo is not None


@pytest.mark.parametrize(
    ("permissions", "kept"),
    [
        (None, 0),
        (set(), 0),
        ({"inventory.stock.count_own"}, 0),
        ({"inventory.stock.count"}, 1),
        ({"inventory.stock.count_own", "order.orders.read"}, 1),
    ],
)
async def test_who_may_only_with_what_is_their_own_leaves_no_row(database, permissions, kept):
    db = await database("inventory")
    caller = permissions is not None and Principal(
        uuid7(), "ada@example.com", frozenset({"custom"}), uuid7(), frozenset(permissions)
    )
    await act(db, caller or None)
    assert len(await staff_acts.list_acts(db, limit=10)) == kept


async def test_an_act_commits_with_what_it_tells_of(database):
    db = await database("inventory")
    with pytest.raises(LookupError):
        await act(db, rolled_back=True)
    assert await staff_acts.list_acts(db, limit=10) == []


async def test_an_operator_is_nobody_with_an_account(database):
    db = await database("inventory")
    async with db.transaction() as tx:
        await staff_acts.record_operator(tx, act="event.discarded", subject="E", before={"attempts": 12}, reason="why")
    (kept,) = await staff_acts.list_acts(db, limit=10)
    assert (kept.actor, kept.roles, kept.before, kept.after, kept.reason) == (
        "operator",
        (),
        {"attempts": 12},
        None,
        "why",
    )


@pytest.mark.parametrize(
    "rewrite",
    ["UPDATE staff_acts SET actor = 'nobody'", "DELETE FROM staff_acts", "TRUNCATE staff_acts"],
)
async def test_what_was_done_stands(database, rewrite):
    db = await database("inventory")
    await act(db)
    before = await staff_acts.list_acts(db, limit=10)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await db.execute(rewrite)
    assert await staff_acts.list_acts(db, limit=10) == before


async def test_by_subject_by_actor_and_page_by_page(database):
    db = await database("inventory")
    other = Principal(uuid7(), "bea@example.com", frozenset({"admin"}), uuid7(), ALL)
    for after in range(5):
        await act(db, subject="A", after=after)
    await act(db, other, subject="B", after=9)
    assert [each.after for each in await staff_acts.list_acts(db, subject="B", limit=10)] == [{"on_hand": 9}]
    assert [each.subject for each in await staff_acts.list_acts(db, actor=other.user_id, limit=10)] == ["B"]
    first = await staff_acts.list_acts(db, subject="A", limit=2)
    rest = await staff_acts.list_acts(db, subject="A", before_id=first[-1].id, limit=10)
    assert [each.after["on_hand"] for each in first + rest] == [4, 3, 2, 1, 0]
