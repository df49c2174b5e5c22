"""argon2id for ours, bcrypt understood, and a queue with an end."""

import asyncio
import statistics
import time

import argon2
import bcrypt
import pytest

from stoa.services.auth.errors import TooBusy
from stoa.services.auth.hashing import Hashing, Verdict, is_known
from stoa.services.auth.settings import Settings


@pytest.fixture
def hashing():
    made = Hashing(Settings(argon2_memory_kib=64, argon2_passes=1, hash_queue=3))
    yield made
    made.close()


async def test_a_hash_of_ours(hashing):
    stored = await hashing.hash("correct horse")
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hashing.verify("correct horse", stored) == Verdict(True)
    assert await hashing.verify("correct horsf", stored) == Verdict(False)
    assert await hashing.verify("correct horse\0", stored) == Verdict(False)


async def test_a_hash_of_other_cost_is_renewed(hashing):
    dearer = argon2.PasswordHasher(time_cost=2, memory_cost=128, parallelism=1).hash("correct horse")
    verdict = await hashing.verify("correct horse", dearer)
    assert verdict.renewed is not None
    assert await hashing.verify("correct horse", verdict.renewed) == Verdict(True)


async def test_bcrypt_is_accepted_and_renewed(hashing):
    stored = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    verdict = await hashing.verify("correct horse", stored)
    assert verdict.right
    assert verdict.renewed is not None
    assert verdict.renewed.startswith("$argon2id$")
    assert await hashing.verify("wrong", stored) == Verdict(False)
    assert await hashing.verify("correct horse\0", stored) == Verdict(False)


async def test_bcrypt_and_more_than_72_bytes(hashing):
    long = "ä" * 40  # 80 bytes: bcrypt itself would raise
    stored = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    assert await hashing.verify(long, stored) == Verdict(True)  # kept: the tail is not proven
    assert await hashing.verify("ä" * 35 + "b" + "ä" * 4, stored) == Verdict(False)


async def test_nobodys_password_takes_as_long(hashing):
    costly = Hashing(Settings())
    stored = await costly.hash("correct horse")

    async def seconds(password_hash):
        started = time.perf_counter()
        assert await costly.verify("wrong", password_hash) == Verdict(False)
        return time.perf_counter() - started

    known, unknown = [], []
    for _ in range(15):
        known.append(await seconds(stored))
        unknown.append(await seconds(None))
    costly.close()
    # The same work by construction; this would show a branch that skips it, not a millisecond.
    assert 0.5 < statistics.median(unknown) / statistics.median(known) < 2.0


async def test_the_queue_has_an_end(hashing):
    async def one():
        with hashing.place():
            return await hashing.hash("correct horse")

    done = await asyncio.gather(*(one() for _ in range(5)), return_exceptions=True)
    assert [type(each) for each in done] == [str, str, str, TooBusy, TooBusy]
    assert done[3].document()["retry_after_seconds"] == 1
    assert isinstance(await one(), str)  # the places are free again


@pytest.mark.parametrize(
    ("password_hash", "known"),
    [
        ("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2E$" + "A" * 43, True),
        ("$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHRzb21lc2E$" + "A" * 43, False),
        ("$argon2id$v=19$m=64,t=999,p=1$c29tZXNhbHRzb21lc2E$" + "A" * 43, False),
        ("$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2E$" + "A" * 43, False),
        ("$2b$12$" + "a" * 53, True),
        ("$2b$31$" + "a" * 53, False),
        ("$2b$12$" + "a" * 53 + "\n", False),
        ("5f4dcc3b5aa765d61d8327deb882cf99", False),
        ("password", False),
    ],
)
def test_which_hashes_are_taken_over(password_hash, known):
    assert is_known(password_hash) is known
