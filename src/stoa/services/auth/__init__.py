"""Accounts: who may sign in, as what, and the sessions and keys that prove it afterwards.

Owns users with their password hashes and roles, what the roles allow (`role_permissions`), sellers with who acts for
them, customer groups with who is in them, sessions with their refresh tokens, the count of wrong passwords (`guesses`),
how often a network was told that an address is taken (`network_allowances`) with the codes that prove an address
(`address_proofs`), and the keys that sign access tokens.
Invariants:

- An e-mail address has one spelling (`stoa.kit.emails`) and at most one account.
- Nothing here can be turned back into a password or a refresh token; private keys stay in this database.
- A refresh token works once; using it again ends its session, as do a new password (for all others),
  other roles and disabling. What has ended never lives again.
- Nobody gives or takes what they do not hold, and no act of an admin leaves the shop without one.
- Who has the role seller acts for a seller; how a seller stands is announced with whatever changes it.
- Of a deleted account nothing personal is left here, and its end is announced in the transaction that removes it.
- A user is announced as registered in the transaction that adds the row.
- A key is published before it signs and until its last token is dead.
"""

from __future__ import annotations

import asyncio
from functools import partial

from stoa.contracts.auth.v1.auth_pb2_grpc import add_AuthServiceServicer_to_server
from stoa.kit.service import Job, Parts, Resources
from stoa.services.auth.hashing import Hashing
from stoa.services.auth.introduce_permissions import introduce_permissions
from stoa.services.auth.jobs import CLEAN_EVERY_SECONDS, ROTATE_EVERY_SECONDS, clean, rotate_keys
from stoa.services.auth.keyed_locks import KeyedLocks
from stoa.services.auth.keyring import Keyring
from stoa.services.auth.routes import routes
from stoa.services.auth.rpc import AuthServicer
from stoa.services.auth.sellers import catch_up
from stoa.services.auth.service import Auth
from stoa.services.auth.settings import Settings
from stoa.services.auth.tell_of_disabled import tell_of_disabled


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    auth = Auth(
        db=resources.db,
        outbox=resources.outbox,
        verifier=resources.verifier,
        settings=settings,
        hashing=Hashing(settings),
        keyring=Keyring(resources.db, settings),
        locks=KeyedLocks(),
        permissions=resources.permissions,
    )

    async def start() -> None:
        await introduce_permissions(auth)
        await catch_up(auth)
        await auth.keyring.ready()
        await tell_of_disabled(auth)

    return Parts(
        routes=routes.bind(auth),
        servicers=[partial(add_AuthServiceServicer_to_server, AuthServicer(auth))],
        jobs=[
            Job("rotate_keys", partial(rotate_keys, auth), every_seconds=ROTATE_EVERY_SECONDS),
            Job("clean", partial(clean, auth), every_seconds=CLEAN_EVERY_SECONDS),
        ],
        start=start,
        stop=partial(asyncio.to_thread, auth.hashing.close),
    )
