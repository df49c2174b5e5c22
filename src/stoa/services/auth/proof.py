"""Proof of a password, at the pace that guessing allows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.services.auth import guessing, repository
from stoa.services.auth.errors import TooManyGuesses
from stoa.services.auth.hashing import Verdict
from stoa.services.auth.service import Auth


@asynccontextmanager
async def proof(
    auth: Auth, *, email: str, client: str, password: str, password_hash: str | None
) -> AsyncIterator[Verdict]:
    """Whether `password` is the account's; `password_hash` is None where there is no account.

    The try has been counted when the block runs, and the account's turn is held until it ends: where the
    verdict is right, the block takes it back with `proven` in the transaction that makes use of it.
    Raises `TooManyGuesses`, or `TooBusy` without having counted.
    """
    async with auth.locks.holding(guessing.account_key(email)):
        with auth.hashing.place():
            await _count(auth, email, client)
            verdict = await auth.hashing.verify(password, password_hash)
        yield verdict


async def proven(tx: Transaction, email: str, client: str) -> None:
    """The password was right: the try is taken back."""
    account, now = guessing.account_key(email), clock.now()
    tallies = await repository.hold_tallies(tx, account, guessing.network_of(client))
    await repository.write_tallies(tx, account, [guessing.proven(tally, now) for tally in tallies])


async def _count(auth: Auth, email: str, client: str) -> None:
    account, now = guessing.account_key(email), clock.now()
    async with auth.db.transaction() as tx:
        network, everywhere = await repository.hold_tallies(tx, account, guessing.network_of(client))
        wait = guessing.seconds_to_wait(network, everywhere, now)
        if wait > 0:
            raise TooManyGuesses(wait)
        await repository.write_tallies(tx, account, [guessing.counted(tally, now) for tally in (network, everywhere)])
