"""Signing in, and guessing."""

import asyncio
from datetime import timedelta

import bcrypt
import pytest
from auth.conftest import PASSWORD

ELSEWHERE = "203.0.113.9"


async def failures(world, client="*"):
    return await world.db.fetchval("SELECT failures FROM guesses WHERE client = $1", client)


async def test_signing_in(world):
    made = await world.register("ada@example.com")
    answer = await world.login("ADA@example.com")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body["user"] == made["user"]
    assert answer.body["refresh_token"] != made["refresh_token"]
    assert await world.active(answer.body)
    assert await world.active(made)


async def test_a_wrong_password_and_no_account_look_the_same(world):
    await world.register("ada@example.com")
    before = await world.counts()
    wrong, unknown = await world.login("ada@example.com", "wrong"), await world.login("eve@example.com", "wrong")
    for answer in (wrong, unknown):
        answer.body.pop("request_id")
    assert wrong.status == 401
    assert wrong.body == unknown.body
    assert wrong.headers.keys() == unknown.headers.keys()
    assert await world.counts() == before


@pytest.mark.parametrize("email", ["ada@example.com", "nobody@example.com"])
async def test_guessing_is_slowed_down_alike_with_and_without_an_account(world, later, email):
    await world.register("ada@example.com")
    answers = [await world.login(email, f"guess {n}") for n in range(7)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 2
    refused = answers[-1]
    assert (refused.problem, refused.body["detail"]) == ("too-many-guesses", "Try again in 15 s.")
    assert 1 <= int(refused.headers["retry-after"]) <= 15
    assert await failures(world) == 5  # a refused try is not counted
    later(timedelta(seconds=15))
    assert (await world.login(email, "guess 8")).status == 401
    assert int((await world.login(email, "guess 9")).headers["retry-after"]) > 15


async def test_the_right_password_is_refused_too_while_blocked(world, later):
    await world.register("ada@example.com")
    for n in range(5):
        await world.login("ada@example.com", f"guess {n}")
    before = await world.counts()
    assert (await world.login("ada@example.com")).status == 429
    assert await world.counts() == before
    later(timedelta(seconds=15))
    assert (await world.login("ada@example.com")).status == 200
    assert await failures(world, "198.51.100.7") == 0


async def test_the_owner_elsewhere_is_not_locked_out(world):
    await world.register("ada@example.com")
    for n in range(6):
        await world.login("ada@example.com", f"guess {n}")
    assert (await world.login("ada@example.com", client=ELSEWHERE)).status == 200


async def test_from_many_addresses(world):
    await world.register("ada@example.com")
    assert (await world.login("ada@example.com", client=ELSEWHERE)).status == 200
    answers = [await world.login("ada@example.com", "guess", client=f"2001:db8:0:{n:x}::1") for n in range(51)]
    assert [answer.status for answer in answers] == [401] * 50 + [429]
    assert (await world.login("ada@example.com", client="192.0.2.1")).status == 429
    # Where the owner has been before, the owner still gets in.
    assert (await world.login("ada@example.com", client=ELSEWHERE)).status == 200


async def test_addresses_of_one_ipv6_network_are_one(world):
    answers = [await world.login("ada@example.com", "guess", client=f"2001:db8::{n:x}") for n in range(1, 8)]
    assert [answer.status for answer in answers] == [401] * 5 + [429] * 2


async def test_a_hundred_guesses_at_once_are_five(world):
    await world.register("ada@example.com")
    answers = await asyncio.gather(*(world.login("ada@example.com", f"guess {n}") for n in range(100)))
    assert sorted(answer.status for answer in answers) == [401] * 5 + [429] * 95


async def test_many_right_ones_at_once_are_all_right(world):
    await world.register("ada@example.com")
    answers = await asyncio.gather(*(world.login("ada@example.com") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}


async def test_the_count_outlives_the_process(world, database):
    for n in range(5):
        await world.login("ada@example.com", f"guess {n}")
    restarted = type(world)(world.db)
    assert (await restarted.login("ada@example.com")).status == 429
    await restarted.parts.stop()


async def test_a_full_queue_is_not_a_guess(world):
    await world.register("ada@example.com")
    world.auth.hashing._taken = world.auth.settings.hash_queue
    answer = await world.login("ada@example.com", "guess")
    assert (answer.status, answer.problem, answer.headers["retry-after"]) == (503, "too-busy", "1")
    assert await failures(world) is None
    assert (
        await world.rest.send(
            "POST",
            "/auth/register",
            {"email": "eve@example.com", "password": PASSWORD, "first_name": "E", "last_name": "V"},
        )
    ).status == 503
    world.auth.hashing._taken = 0


async def test_bcrypt_is_upgraded(world):
    made = await world.register("ada@example.com")
    stored = bcrypt.hashpw(b"an old passphrase", bcrypt.gensalt(4)).decode()
    await world.db.execute("UPDATE users SET password_hash = $1", stored)
    assert (await world.login("ada@example.com", "an old passphras")).status == 401
    assert (await world.login("ada@example.com", "an old passphrase")).status == 200
    assert (await world.db.fetchval("SELECT password_hash FROM users")).startswith("$argon2id$")
    assert (await world.login("ada@example.com", "an old passphrase")).status == 200
    assert await world.active(made)  # the password is the same, so the sessions live


@pytest.mark.parametrize("password", ["x" * 73, "ü" * 500, "with \0 nul", "\0"])
async def test_passwords_that_bcrypt_cannot_read(world, password):
    await world.register("ada@example.com")
    stored = bcrypt.hashpw(b"an old passphrase", bcrypt.gensalt(4)).decode()
    await world.db.execute("UPDATE users SET password_hash = $1", stored)
    answer = await world.login("ada@example.com", password)
    assert answer.status == (422 if "\0" in password else 401)


async def test_without_a_password_nobody_signs_in(world):
    await world.register("ada@example.com")
    await world.db.execute("UPDATE users SET password_hash = NULL")
    assert (await world.login("ada@example.com")).status == 401


async def test_a_disabled_account_is_told_only_to_its_owner(world):
    await world.register("ada@example.com")
    await world.db.execute("UPDATE users SET disabled_at = now()")
    before = await world.counts()
    assert (await world.login("ada@example.com", "wrong")).problem == "wrong-credentials"
    answer = await world.login("ada@example.com")
    assert (answer.status, answer.problem) == (403, "account-disabled")
    assert await world.counts() == before


async def test_a_password_changed_meanwhile_signs_nobody_in(world, monkeypatch):
    await world.register("ada@example.com")
    verify = world.auth.hashing.verify

    async def verify_slowly(password, password_hash):
        verdict = await verify(password, password_hash)
        await world.db.execute("UPDATE users SET password_changed_at = clock_timestamp()")
        return verdict

    monkeypatch.setattr(world.auth.hashing, "verify", verify_slowly)
    before = await world.counts()
    assert (await world.login("ada@example.com")).status == 401
    assert await world.counts() == before
