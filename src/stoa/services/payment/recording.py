"""Writing down what we ask and what the provider answers: one commit for all payments of a moment.

Each flush is set-based. One payment that is refused fails alone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from stoa.kit.batcher import origin_of
from stoa.kit.db import Database
from stoa.kit.outbox import Announcement, Outbox
from stoa.services.payment import answers, ledger, repository, states
from stoa.services.payment.answers import ProviderAnswer
from stoa.services.payment.errors import OrderHasPayment, PaymentKept, WrongState
from stoa.services.payment.repository import NewPayment
from stoa.services.payment.states import Payment


class VoidAsked(msgspec.Struct, frozen=True):
    """That whatever happened under the key shall be undone, and why."""

    key: str
    reason: str


async def record_additions(
    db: Database, provider: str, new: Sequence[NewPayment]
) -> list[tuple[Payment, bool] | Exception]:
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


async def record_void_asks(db: Database, provider: str, asked: Sequence[VoidAsked]) -> list[Payment | Exception]:
    """Before the provider is asked: each on its way back, a tombstone with `provider` where nothing was there."""
    reasons = {one.key: one.reason for one in reversed(asked)}
    voided = await repository.ask_voids(db, reasons, provider)
    return [voided.get(one.key) or PaymentKept() for one in asked]


async def record_answers(db: Database, outbox: Outbox, said: Sequence[ProviderAnswer]) -> list[Payment | Exception]:
    """What the provider said of each: the payments, their ledger entries and the facts.

    Nearly always a payment is still what it was when the provider was asked. Then that is all one statement, and a
    transaction only where something is announced. What somebody has changed meanwhile is locked and looked at again.
    """
    results: list[Payment | Exception | None] = [*await _record_as_asked(db, outbox, said)]
    left = [answer for answer, result in zip(said, results, strict=True) if result is None]
    again = iter(await _record_locked(db, outbox, left) if left else ())
    return [result or next(again) for result in results]


class _Change(msgspec.Struct, frozen=True):
    answer: ProviderAnswer
    before: Payment
    after: Payment

    @property
    def entries(self) -> list[ledger.Entry]:
        moved = states.movement(self.before, self.after)
        return ledger.entries(moved, self.after.id, self.after.amount) if moved else []

    @property
    def announcements(self) -> list[Announcement]:
        fact, trace = answers.fact(self.after), origin_of(self.answer).traceparent
        return [Announcement(self.after.id, self.after.version, fact, trace)] if fact else []


async def _record_as_asked(db: Database, outbox: Outbox, said: Sequence[ProviderAnswer]) -> list[Payment | None]:
    """The payment after each; None where it is no longer what it was when the provider was asked, or nothing is new."""
    changes: dict[str, _Change] = {}
    for answer in said:
        try:
            after = answers.applied(answer, answer.asked)
        except WrongState:
            continue
        if after is not answer.asked:
            changes.setdefault(after.id, _Change(answer, answer.asked, after))
    saved = await _save(db, outbox, list(changes.values())) if changes else ()
    written = {id(changes[payment_id].answer): changes[payment_id].after for payment_id in saved}
    return [written.get(id(answer)) for answer in said]


async def _save(db: Database, outbox: Outbox, changes: Sequence[_Change]) -> Collection[str]:
    rows = [(change.before, change.after) for change in changes]
    entries = [entry for change in changes for entry in change.entries]
    if not any(change.announcements for change in changes):
        return await repository.save_payments(db, rows, entries)
    async with db.transaction() as tx:
        saved = await repository.save_payments(tx, rows, entries)
        told = [one for change in changes if change.after.id in saved for one in change.announcements]
        await outbox.announce_all(tx, told)
    return saved


async def _record_locked(db: Database, outbox: Outbox, said: Sequence[ProviderAnswer]) -> list[Payment | Exception]:
    results: list[Payment | Exception] = []
    changes: list[_Change] = []
    async with db.transaction() as tx:
        before = await repository.lock_payments(tx, [answer.asked.key for answer in said])
        now = dict(before)
        for answer in said:
            key = answer.asked.key
            try:
                after = answers.applied(answer, now[key])
            except WrongState as refusal:
                results.append(refusal)
                continue
            if after is not now[key]:
                changes.append(_Change(answer, now[key], after))
                now[key] = after
            results.append(after)
        if changes:
            rows = [(before[key], after) for key, after in now.items() if after is not before[key]]
            await repository.save_payments(tx, rows, [entry for change in changes for entry in change.entries])
            await outbox.announce_all(tx, [one for change in changes for one in change.announcements])
    return results
