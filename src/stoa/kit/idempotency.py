"""Idempotency keys: one effect and one answer per key, whatever the network does.

The key is claimed in the service's own database before the work. A repeat waits for the answer of the
first and then gets the very same one; a repeat with another request under the same key is refused.

What a crash leaves, and what a repeat then gets:

    claimed, nothing applied        the claim is taken over and the work done
    applied, answer not stored      409 answer-lost: the effect is there, read the resource
    answered                        the stored answer

`applied` is set in the transaction that has the effect, on condition that the claim is still ours. So
taking over a claim from an owner that is only slow is safe too: one of the two commits, the other rolls
back. A service whose effects are not in a transaction of the request's own task (a batcher's, another
service's) declares its route as `OWN` and keys the effect itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import asyncpg
import msgspec

from stoa.kit import problems
from stoa.kit.by_index import plan_by_index
from stoa.kit.db import Database, Transaction, affected, before_commit
from stoa.kit.rounds import in_rounds

WAIT_SECONDS = 10.0
"""How long a repeat waits for the first's answer: longer than a slow checkout, shorter than a client's patience."""
LEASE = timedelta(seconds=60)
"""A claim older than this may be taken over although its process lives: twice the longest that a request may run."""
KEPT = timedelta(hours=48)
"""How long an answer can be had again: the field promises a day, a weekend's retries want two."""
FIRST_PAUSE_SECONDS = 0.01
LONGEST_PAUSE_SECONDS = 0.25

log = logging.getLogger(__name__)


class RequestInProgress(problems.Conflict):
    title = "The same request is being worked on"
    slug = "request-in-progress"


class KeyReused(problems.Unprocessable):
    title = "The idempotency key was used for another request"
    slug = "idempotency-key-reused"


class AnswerLost(problems.Conflict):
    title = "The request took effect, but its answer was lost"
    slug = "answer-lost"


class ClaimLost(problems.Unavailable):
    """Somebody else took the claim over while we were slow: what we did is rolled back."""

    title = "The request was taken over by its repeat"
    slug = "claim-lost"


class Answer(msgspec.Struct, frozen=True):
    """An encoded answer, as it is sent and as it is stored."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = {}


Work = Callable[[], Awaitable[Answer]]

CLAIM = """
    INSERT INTO idempotency_keys (scope, key, body_hash, claim, session) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (scope, key) DO NOTHING
"""

FIND = """
    SELECT body_hash, claim, applied, status, headers, body,
           answered_at IS NOT NULL
               OR claimed_at < now() - $3::interval
               OR NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = session) AS deserted
    FROM idempotency_keys WHERE scope = $1 AND key = $2
"""

TAKE_OVER = """
    UPDATE idempotency_keys SET claim = $4, session = $5, claimed_at = now()
    WHERE scope = $1 AND key = $2 AND claim = $3 AND NOT applied AND status IS NULL
"""

MARK_APPLIED = """
    UPDATE idempotency_keys SET applied = true
    WHERE scope = $1 AND key = $2 AND claim = $3
"""

ANSWER = """
    UPDATE idempotency_keys SET status = $4, headers = $5, body = $6, answered_at = now()
    WHERE scope = $1 AND key = $2 AND claim = $3
"""

RELEASE = """
    DELETE FROM idempotency_keys
    WHERE scope = $1 AND key = $2 AND claim = $3 AND NOT applied AND status IS NULL
"""

GIVE_UP = """
    UPDATE idempotency_keys SET answered_at = now()
    WHERE scope = $1 AND key = $2 AND claim = $3 AND applied AND status IS NULL
"""

PRUNE = """
    DELETE FROM idempotency_keys WHERE (scope, key) IN (
        SELECT scope, key FROM idempotency_keys
        WHERE claimed_at < now() - $1::interval ORDER BY claimed_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
"""


class _Claim:
    """One attempt's hold on a key. `answered` is what other requests of this process wait for."""

    def __init__(self, db: Database, scope: str, key: str, body_hash: bytes) -> None:
        self.db = db
        self.scope = scope
        self.key = key
        self.body_hash = body_hash
        self.id = str(uuid.uuid4())
        self.answered: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

    async def take(self) -> bool:
        done = await self.db.execute(CLAIM, self.scope, self.key, self.body_hash, self.id, self.db.session)
        return affected(done) == 1

    async def take_over(self, from_claim: str) -> bool:
        done = await self.db.execute(TAKE_OVER, self.scope, self.key, from_claim, self.id, self.db.session)
        return affected(done) == 1

    async def mark_applied(self, tx: Transaction) -> None:
        if affected(await tx.execute(MARK_APPLIED, self.scope, self.key, self.id)) == 0:
            raise ClaimLost("Send the request again with the same key to get its answer.")

    async def store(self, answer: Answer) -> None:
        await self.db.execute(ANSWER, self.scope, self.key, self.id, answer.status, dict(answer.headers), answer.body)

    async def let_go(self) -> None:
        """Without an answer: free for a repeat if nothing was applied, otherwise known to be lost."""
        await self.db.execute(RELEASE, self.scope, self.key, self.id)
        await self.db.execute(GIVE_UP, self.scope, self.key, self.id)


class IdempotencyKeys:
    """The keys of one service, in its database."""

    def __init__(self, db: Database, wait_seconds: float = WAIT_SECONDS) -> None:
        self._db = db
        self._wait_seconds = wait_seconds
        self._here: dict[tuple[str, str], _Claim] = {}

    async def once(self, scope: str, key: str, body_hash: bytes, work: Work) -> Answer:
        """The answer of `work`, done at most once for this scope and key.

        `scope` says whose key it is and for which route; `body_hash` stands for everything else in the
        request. `work` answers failures too; what is 429, or 500 and above, is not stored, and the key is free again
        unless something was applied. Raises `KeyReused`, `RequestInProgress` or `AnswerLost`.
        """
        give_up = time.monotonic() + self._wait_seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            first = self._here.get((scope, key))
            if first is None:
                # Nothing awaits between the look and the note: of many repeats here one asks the database.
                claim = self._here[scope, key] = _Claim(self._db, scope, key, body_hash)
                try:
                    answer = await self._claimed(claim, work)
                    if answer is not None:
                        claim.answered.set_result(answer)
                        return answer
                finally:
                    del self._here[scope, key]
                    if not claim.answered.done():
                        claim.answered.set_result(None)
            elif first.body_hash != body_hash:
                raise _key_reused()
            left = give_up - time.monotonic()
            if left <= 0:
                raise RequestInProgress("The first request with this key has not been answered yet: ask again later.")
            if first is None:
                # The first is in another process.
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
                continue
            await asyncio.wait([first.answered], timeout=left)
            if first.answered.done() and (answer := first.answered.result()) is not None and _final(answer):
                return _replayed(answer)

    async def prune(self) -> None:
        """Forget the keys that are older than we promise to keep them."""
        await in_rounds(self._forget)

    async def _forget(self, most: int) -> int:
        async with self._db.transaction() as tx:
            await plan_by_index(tx)
            return affected(await tx.execute(PRUNE, KEPT, most))

    async def _claimed(self, claim: _Claim, work: Work) -> Answer | None:
        """The answer, from work or from the store; None while another process works on it."""
        if await claim.take():
            return await self._do(claim, work)
        row = await self._db.fetchrow(FIND, claim.scope, claim.key, LEASE)
        if row is None:
            # Let go of between the two statements.
            return None
        if row["body_hash"] != claim.body_hash:
            raise _key_reused()
        if row["status"] is not None:
            return _replayed(Answer(row["status"], row["body"], row["headers"]))
        if row["deserted"] and row["applied"]:
            raise AnswerLost("The request was carried out. Read what it made or changed instead of sending it again.")
        if row["deserted"] and await claim.take_over(row["claim"]):
            return await self._do(claim, work)
        return None

    async def _do(self, claim: _Claim, work: Work) -> Answer:
        answer: Answer | None = None
        try:
            with before_commit(self._db, claim.mark_applied):
                answer = await work()
        finally:
            # Shielded: a request that is canceled must not leave its key claimed.
            await asyncio.shield(self._settle(claim, answer))
        return answer

    async def _settle(self, claim: _Claim, answer: Answer | None) -> None:
        try:
            if answer is not None and _final(answer):
                await claim.store(answer)
            else:
                await claim.let_go()
        except (problems.Unavailable, asyncpg.PostgresError):
            # The effect stands whatever becomes of the note: the caller gets the answer, a repeat `answer-lost`.
            log.exception("the answer to an idempotent request could not be stored")


def _final(answer: Answer) -> bool:
    """Whether a repeat gets this too. What says "later" or is our fault is no answer to the request."""
    return answer.status < 500 and answer.status != 429


def _replayed(answer: Answer) -> Answer:
    return Answer(answer.status, answer.body, {**answer.headers, "Idempotent-Replay": "true"})


def _key_reused() -> KeyReused:
    return KeyReused("This key came with another request before: use a new one.", field="Idempotency-Key")
