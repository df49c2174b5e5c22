"""What auth does on a timer."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from stoa.kit import clock
from stoa.kit.rounds import in_rounds
from stoa.services.auth import guessing, repository
from stoa.services.auth.service import Auth

ROTATE_EVERY_SECONDS = 600.0
"""Also takes withdrawn keys away, which should not outlive their tokens by much."""
CLEAN_EVERY_SECONDS = 300.0
REGISTRATIONS_REPEATABLE = timedelta(days=1)
SESSIONS_KEPT = timedelta(days=30)
"""How long one can look up how a session ended, after it could have lasted no longer."""


async def rotate_keys(auth: Auth) -> None:
    """Make the next signing key when the newest is old enough; remove those whose tokens are dead."""
    await auth.keyring.rotate_when_due()


async def clean(auth: Auth) -> None:
    """Remove what no decision depends on any more."""
    now = clock.now()
    forgiven, unknown = now - guessing.FORGIVEN_AFTER, now - guessing.KNOWN_FOR
    await in_rounds(partial(repository.forget_guesses, auth.db, forgiven, unknown))
    await in_rounds(partial(repository.forget_allowances, auth.db, now))
    await in_rounds(partial(repository.remove_proofs, auth.db, now))
    await in_rounds(partial(repository.remove_tokens, auth.db, now))
    await in_rounds(partial(repository.remove_sessions, auth.db, now - SESSIONS_KEPT))
    await in_rounds(partial(repository.forget_registrations, auth.db, now - REGISTRATIONS_REPEATABLE))
