"""What auth removes when no decision depends on it any more."""

from datetime import timedelta

from stoa.services.auth.jobs import clean


async def count(world, table):
    return await world.db.fetchval(f"SELECT count(*) FROM {table}")


async def test_guesses_are_forgiven_and_known_places_kept(world, later):
    await world.register("ada@example.com")
    await world.login("ada@example.com")
    await world.login("eve@example.com", "guess")
    later(timedelta(minutes=59))
    await clean(world.auth)
    assert await count(world, "guesses") == 4
    later(timedelta(minutes=2))
    await clean(world.auth)
    assert await world.db.fetch("SELECT client FROM guesses") == [("198.51.100.7",)]
    later(timedelta(days=90))
    await clean(world.auth)
    assert await count(world, "guesses") == 0


async def test_what_a_network_was_told_and_codes_that_are_over(world, later):
    account = {"password": "correct horse battery", "first_name": "A", "last_name": "L"}
    await world.register("ada@example.com")
    for _ in range(6):
        await world.rest.send("POST", "/auth/register", account | {"email": "ada@example.com"}, client="203.0.113.9")
    assert (await count(world, "network_allowances"), await count(world, "address_proofs")) == (3, 1)
    later(timedelta(minutes=59))
    await clean(world.auth)
    assert (await count(world, "network_allowances"), await count(world, "address_proofs")) == (1, 1)
    later(timedelta(minutes=2))
    await clean(world.auth)
    assert (await count(world, "network_allowances"), await count(world, "address_proofs")) == (0, 0)


async def test_sessions_and_tokens_that_are_over(world, later):
    made = await world.register()
    await world.rest.ok("POST", "/auth/refresh", {"refresh_token": made["refresh_token"]})
    later(timedelta(days=31))
    await clean(world.auth)
    assert (await count(world, "sessions"), await count(world, "refresh_tokens")) == (1, 1)
    later(timedelta(days=180))
    await clean(world.auth)
    assert (await count(world, "sessions"), await count(world, "refresh_tokens")) == (0, 0)
    assert await count(world, "users") == 1


async def test_a_registration_can_be_repeated_for_a_day(world, later):
    account = {"email": "ada@example.com", "password": "correct horse battery", "first_name": "A", "last_name": "L"}
    await world.rest.ok("POST", "/auth/register", account, status=201, key="a-key")
    later(timedelta(hours=23))
    await clean(world.auth)
    await world.rest.ok("POST", "/auth/register", account, status=201, key="a-key")
    later(timedelta(hours=2))
    await clean(world.auth)
    answer = await world.rest.send("POST", "/auth/register", account, key="a-key")
    assert answer.problem == "email-taken"
