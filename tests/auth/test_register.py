"""Opening an account."""

import asyncio

import pytest

ACCOUNT = {
    "email": "Ada@Example.com",
    "password": "correct horse battery",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "phone": "+44 20 7946 0000",
}


async def test_an_account_and_a_session(world):
    answer = await world.rest.send("POST", "/auth/register", ACCOUNT)
    assert answer.status == 201
    assert answer.headers["cache-control"] == "no-store"
    user = answer.body["user"]
    assert user | {"id": "", "created_at": ""} == {
        "id": "",
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "phone": "+44 20 7946 0000",
        "roles": ["customer"],
        "created_at": "",
    }
    assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 900)
    assert await world.rest.ok("GET", "/auth/me", token=answer.body["access_token"]) == user
    assert await world.active(answer.body)


async def test_it_is_announced_with_the_row(world):
    made = await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201)
    rows = await world.db.fetch(
        "SELECT type, subject, aggregate_version, log.data || personal.data AS data"
        " FROM event_log AS log JOIN event_personal AS personal USING (id)"
    )
    assert [dict(row) for row in rows] == [
        {
            "type": "user.registered",
            "subject": made["user"]["id"],
            "aggregate_version": 1,
            "data": {
                "user_id": made["user"]["id"],
                "email": "ada@example.com",
                "first_name": "Ada",
                "last_name": "Lovelace",
                "phone": "+44 20 7946 0000",
            },
        }
    ]
    assert await world.db.fetchval("SELECT count(*) FROM outbox") == 2  # user and notification


async def test_nothing_secret_is_stored_or_shown(world):
    made = await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201, key="a-key")
    assert set(made["user"]) == {"id", "email", "first_name", "last_name", "phone", "roles", "created_at"}
    for table in ("users", "sessions", "refresh_tokens", "event_log", "idempotency_keys"):
        text = await world.db.fetchval(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} AS t")
        for secret in (ACCOUNT["password"], made["refresh_token"], made["access_token"]):
            assert secret not in text
            assert secret.encode().hex() not in text


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", " ada@example.com", "ａda@example.com"])
async def test_an_address_has_one_account(world, email):
    await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201)
    before = await world.counts()
    answer = await world.rest.send("POST", "/users/register", ACCOUNT | {"email": email.strip()})
    assert (answer.status, answer.problem, answer.body["field"]) == (409, "email-taken", "email")
    assert await world.counts() == before


async def test_many_at_once_make_one_account(world):
    answers = await asyncio.gather(*(world.rest.send("POST", "/auth/register", ACCOUNT) for _ in range(10)))
    # Five are told that the address has an account; the rest learn nothing, and its owner gets one mail.
    assert sorted(answer.status for answer in answers) == [201] + [403] * 4 + [409] * 5
    assert await world.counts() == {"users": 1, "sessions": 1, "refresh_tokens": 1, "event_log": 2}


async def test_a_repeat_under_its_key_is_a_sign_in(world):
    made = await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201, key="a-key")
    again = await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201, key="a-key")
    assert again["user"] == made["user"]
    assert again["refresh_token"] != made["refresh_token"]
    assert await world.active(made)
    assert await world.active(again)
    counts = await world.counts()
    assert (counts["users"], counts["event_log"]) == (1, 1)


async def test_repeats_at_once_under_one_key(world):
    answers = await asyncio.gather(*(world.rest.send("POST", "/auth/register", ACCOUNT, key="a-key") for _ in range(5)))
    assert [answer.status for answer in answers] == [201] * 5
    assert len({answer.body["user"]["id"] for answer in answers}) == 1


@pytest.mark.parametrize("change", [{"first_name": "Eve"}, {"password": "another one!"}])
async def test_another_request_under_the_key(world, change):
    await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201, key="a-key")
    before = await world.counts()
    answer = await world.rest.send("POST", "/auth/register", ACCOUNT | change, key="a-key")
    assert (answer.status, answer.problem, answer.body["field"]) == (422, "idempotency-key-reused", "Idempotency-Key")
    assert await world.counts() == before


async def test_a_key_counts_for_one_e_mail_address_wherever_it_is_sent_from(world):
    ada = await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201, key="1")
    eve = await world.rest.ok("POST", "/auth/register", ACCOUNT | {"email": "eve@example.com"}, status=201, key="1")
    again = await world.rest.ok("POST", "/auth/register", ACCOUNT, status=201, key="1", client="203.0.113.9")
    assert again["user"] == ada["user"]
    assert eve["user"]["id"] != ada["user"]["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"email": "a\u200bda@example.com"}, "email"),
        ({"email": "a" * 300 + "@example.com"}, "email"),
        ({"email": None}, "email"),
        ({"email": {"$gt": ""}}, "email"),
        ({"password": "1234567"}, "password"),
        ({"password": "x" * 257}, "password"),
        ({"password": "password1"}, "password"),
        ({"password": "ada@example.com"}, "password"),
        ({"password": "with a \0 in it"}, "password"),
        ({"password": 12345678}, "password"),
        ({"first_name": ""}, "first_name"),
        ({"first_name": "   "}, "first_name"),
        ({"last_name": "x" * 201}, "last_name"),
        ({"phone": "'; DROP TABLE users"}, "phone"),
        ({"roles": ["admin"]}, "roles"),
        ({"id": "00000000-0000-0000-0000-000000000000"}, "id"),
        ({"created_at": "2020-01-01T00:00:00Z"}, "created_at"),
    ],
)
async def test_what_is_refused(world, change, field):
    before = await world.counts()
    answer = await world.rest.send("POST", "/auth/register", ACCOUNT | change)
    assert (answer.status, answer.body["field"]) == (422, field)
    assert await world.counts() == before


async def test_hostile_text_is_text(world):
    name = "Robert'); DROP TABLE users;-- <script>alert(1)</script> ${7*7}"
    made = await world.rest.ok("POST", "/auth/register", ACCOUNT | {"first_name": name}, status=201)
    assert made["user"]["first_name"] == name


async def test_a_password_of_any_script_and_256_characters(world):
    password = "ü🦊я!" * 64
    await world.rest.ok("POST", "/auth/register", ACCOUNT | {"password": password}, status=201)
    assert (await world.login("ada@example.com", password)).status == 200
    assert (await world.login("ada@example.com", password[:-1] + "🐻")).status == 401
