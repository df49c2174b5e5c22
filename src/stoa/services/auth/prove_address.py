"""Have whoever registers prove by mail that the address is theirs: for a network that was told of too many others.

Here, and in how long it takes, an address that has an account is like one that has none. Its owner reads in the mail
which it is: a code to register with, or that there is an account.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from stoa.kit import clock
from stoa.kit.db import Transaction
from stoa.kit.ids import uuid7
from stoa.services.auth import guessing, repository
from stoa.services.auth.errors import ProveAddress, TooManyMails
from stoa.services.auth.events import AddressProofAsked
from stoa.services.auth.service import Auth

GOOD_FOR = timedelta(hours=1)
"""As long as a mail may take and somebody be busy. Nobody can have more than one mail an hour sent to an address."""


async def ask(auth: Auth, email: str, client: str) -> ProveAddress | TooManyMails:
    """Have the mail sent, if none was in the last hour; the refusal that says so, or that from this network too many
    are asked for."""
    code, now, network = secrets.token_hex(6), clock.now(), guessing.network_of(client)
    async with auth.locks.holding(f"registering from {network}".encode()), auth.db.transaction() as tx:
        full_at = await repository.hold_allowance(tx, network, guessing.MAILED.name, now)
        # Before anything is known of the address: who has no more mails learns nothing of others'.
        if wait := guessing.MAILED.seconds_to_wait(full_at, now):
            return TooManyMails(wait)
        if not await repository.add_proof(tx, guessing.account_key(email), _hash_of(code), now, now + GOOD_FOR):
            return ProveAddress()
        await repository.set_allowance(tx, network, guessing.MAILED.name, guessing.MAILED.used(full_at, now))
        has_account = await repository.find_user_by_email(tx, email) is not None
        fact = AddressProofAsked(email=email, code=None if has_account else code)
        await auth.outbox.announce(tx, subject=uuid7(), version=1, fact=fact)
    return ProveAddress()


async def is_good(auth: Auth, email: str, code: str) -> bool:
    """Whether this is the code that was sent, and may still be used."""
    return await repository.has_proof(auth.db, guessing.account_key(email), _hash_of(code), clock.now())


async def use(tx: Transaction, email: str, code: str) -> bool:
    """The same, and it is used up."""
    return await repository.take_proof(tx, guessing.account_key(email), _hash_of(code), clock.now())


def _hash_of(code: str) -> bytes:
    """People type it: capitals and spaces do not count."""
    return hashlib.sha256("".join(code.split()).lower().encode()).digest()
