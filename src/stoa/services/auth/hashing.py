"""Password hashes: argon2id for ours, bcrypt understood, both in a few threads with a bounded queue.

Hashing is meant to be slow, so it must neither stand in the event loop's way nor pile up: a place is
taken before the work, and when none is left the caller hears so at once.

bcrypt reads 72 bytes. A longer password is checked on its first 72, as the system that made the hash
did, and then its hash is kept: what follows cannot be proven, so it must not become the password.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import argon2
import bcrypt

from stoa.services.auth.errors import TooBusy
from stoa.services.auth.passwords import prepared
from stoa.services.auth.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

BCRYPT_BYTES = 72
MOST_MEMORY_KIB = 262_144
MOST_PASSES = 10
"""What an imported argon2id hash may cost: a login must not take the machine's memory or its minutes."""

_ARGON2ID = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory>\d{1,7}),t=(?P<passes>\d{1,3}),p=\d{1,2}"
    r"\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}"
)
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}")


def is_known(password_hash: str) -> bool:
    """Whether it is a hash that can be checked, at a cost that a login can bear."""
    if match := _ARGON2ID.fullmatch(password_hash):
        return int(match["memory"]) <= MOST_MEMORY_KIB and int(match["passes"]) <= MOST_PASSES
    return _BCRYPT.fullmatch(password_hash) is not None


@dataclass(frozen=True)
class Verdict:
    """`renewed` is a hash to store instead of the one that was right: of today's kind and cost."""

    right: bool
    renewed: str | None = None


class Hashing:
    """At most `hash_threads` at work and `hash_queue` in all."""

    def __init__(self, settings: Settings) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.argon2_passes, memory_cost=settings.argon2_memory_kib, parallelism=1
        )
        # No password is known to have this hash, and to find that out takes as long as with anybody's.
        salt, digest = (base64.b64encode(os.urandom(size)).decode().rstrip("=") for size in (16, 32))
        costs = f"m={settings.argon2_memory_kib},t={settings.argon2_passes},p=1"
        self._nobodys = f"$argon2id$v=19${costs}${salt}${digest}"
        self._threads = ThreadPoolExecutor(settings.hash_threads, thread_name_prefix="password")
        self._most = settings.hash_queue
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue for the block. Raises `TooBusy` when all are taken."""
        if self._taken >= self._most:
            raise TooBusy
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def hash(self, password: str) -> str:
        """The hash to store; call it with a place held."""
        return await self._aside(self._argon2.hash, prepared(password))

    async def verify(self, password: str, password_hash: str | None) -> Verdict:
        """Whether `password` made the hash; without one it takes as long and is wrong. Call it with a place held."""
        return await self._aside(self._verify, password, password_hash or self._nobodys)

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _aside(self, work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: work(*arguments, **named))

    def _verify(self, password: str, password_hash: str) -> Verdict:
        if password_hash.startswith("$2"):
            return self._verify_bcrypt(password, password_hash)
        try:
            self._argon2.verify(password_hash, prepared(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            # An imported hash may look right and yet not be one: then no password made it.
            return Verdict(False)
        if self._argon2.check_needs_rehash(password_hash):
            return Verdict(True, self._argon2.hash(prepared(password)))
        return Verdict(True)

    def _verify_bcrypt(self, password: str, password_hash: str) -> Verdict:
        # As it was typed: whoever made the hash did not normalize.
        typed = password.encode()
        if b"\0" in typed or not bcrypt.checkpw(typed[:BCRYPT_BYTES], password_hash.encode()):
            return Verdict(False)
        if len(typed) > BCRYPT_BYTES:
            return Verdict(True)
        return Verdict(True, self._argon2.hash(prepared(password)))
