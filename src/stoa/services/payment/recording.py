"""Writing down what we ask and what the provider answers: one commit for all payments of a moment.

Each flush is set-based. One payment that is refused fails alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from stoa.kit.batcher import origin_of
from stoa.kit.db import Database
from stoa.kit.outbox import Announcement, Outbox
from stoa.ports.payment import Said
from stoa.services.payment import answers, ledger, repository, states
from stoa.services.payment.errors import NoSuchPayment, OrderHasPayment, WrongState
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.states import Payment


async def record_asks(db: Database, provider: str, new: Sequence[NewPayment]) -> list[tuple[Payment, bool] | Exception]:
    """Before `provider` is asked: each as UNKNOWN, with True; or what is there under its key, with False."""
    added = await repository.add_payments(db, new, provider)
    missing = [one.key for one in new if one.key not in added]
    there = await repository.payments_by_key(db, missing) if missing else {}
    results: list[tuple[Payment, bool] | Exception] = []
    first = set(added)
    for one in new:
        payment = added.get(one.key) or there.get(one.key)
        results.append(OrderHasPayment() if payment is None else (payment, one.key in first))
        first.discard(one.key)
    return results


async def record_capture_asks(db: Database, keys: Sequence[str]) -> list[Payment | Exception | None]:
    """Before the provider is asked: each as CAPTURE_UNKNOWN, None where it is not AUTHORIZED or shall be voided."""
    asked = await repository.ask_captures(db, keys)
    return [asked.pop(key, None) for key in keys]


async def record_answers(db: Database, outbox: Outbox, said: Sequence[tuple[str, Said]]) -> list[Payment | Exception]:
    """What the provider said of each key: the payments, their ledger entries and the facts, in one transaction."""
    results: list[Payment | Exception] = []
    entries: list[ledger.Entry] = []
    announcements: list[Announcement] = []
    async with db.transaction() as tx:
        before = await repository.lock_payments(tx, [key for key, _ in said])
        now = dict(before)
        for each in said:
            key, words = each
            try:
                results.append(after := _heard(now, key, words))
            except (NoSuchPayment, WrongState) as refusal:
                results.append(refusal)
                continue
            if after is now[key]:
                continue
            if (moved := states.movement(now[key], after)) is not None:
                entries += ledger.entries(moved, after.id, after.amount)
            if (fact := answers.fact(after)) is not None:
                announcements.append(Announcement(after.id, after.version, fact, origin_of(each).traceparent))
            now[key] = after
        if changed := [payment for key, payment in now.items() if payment is not before[key]]:
            await repository.save_payments(tx, changed)
            await repository.add_ledger_entries(tx, entries)
            await outbox.announce_all(tx, announcements)
    return results


def _heard(payments: dict[str, Payment], key: str, said: Said) -> Payment:
    if key not in payments:
        raise NoSuchPayment
    return answers.heard(payments[key], said)
