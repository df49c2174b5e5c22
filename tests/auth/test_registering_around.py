"""Registering tells who has an account, ten times an hour at most; and whoever asks around keeps nobody out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from auth.conftest import PASSWORD, World

from stoa.testing import Answer

PROBER, NEIGHBOR = "203.0.113.7", "203.0.113.8"
PROVE = (403, "prove-address")


async def attempt(world: World, email: str, client: str = PROBER, key: str | None = None, **more: Any) -> Answer:
    account = {"email": email, "password": PASSWORD, "first_name": "Eve", "last_name": "E"} | more
    return await world.rest.send("POST", "/auth/register", account, client=client, key=key)


async def customers(world: World, count: int) -> list[str]:
    emails = [f"customer-{number}@example.com" for number in range(count)]
    for email in emails:
        await world.register(email)
    return emails


async def burn(world: World) -> list[str]:
    """Customers, after somebody has asked around for as many as the network is told of."""
    emails = await customers(world, 8)
    for email in emails[:5]:
        assert (await attempt(world, email)).problem == "email-taken"
    return emails


async def mails(world: World) -> list[dict[str, Any]]:
    """What notification was told to write, the newest last."""
    rows = await world.db.fetch(
        """SELECT personal.data FROM event_log JOIN event_personal AS personal USING (id)
           WHERE type = 'user.proof_asked' ORDER BY id"""
    )
    return [row["data"] for row in rows]


async def code_for(world: World, email: str) -> str:
    (code,) = [mail["code"] for mail in await mails(world) if mail["email"] == email]
    return str(code)


async def test_after_five_answers_a_network_learns_nothing(world: World) -> None:
    emails = await burn(world)
    before = await world.counts()
    answers = [await attempt(world, email) for email in (emails[5], "nobody@example.com")]
    for answer in answers:
        answer.body.pop("request_id")
    assert [(answer.status, answer.problem, answer.body["field"]) for answer in answers] == [(*PROVE, "code")] * 2
    assert answers[0].body == answers[1].body
    assert answers[0].headers.keys() == answers[1].headers.keys()
    # Their owners read which it is: one has an account, one gets a code.
    taken, free = await mails(world)
    assert taken == {"email": emails[5], "code": None}
    assert (free["email"], len(free["code"])) == ("nobody@example.com", 12)
    assert await world.counts() == before | {"event_log": before["event_log"] + 2}
    assert (await attempt(world, "neighbor@example.com", NEIGHBOR)).status == 201


async def test_ten_in_an_hour_and_five_an_hour_after(world: World, later) -> None:
    """Whoever asks all the time is told no oftener than who asks now and then."""
    emails = await customers(world, 24)
    told = []
    for _ in range(2):
        for _minute in range(0, 60, 3):
            answer = await attempt(world, emails[sum(told)])
            told.append(answer.problem == "email-taken")
            later(timedelta(minutes=3))
    assert (sum(told[:20]), sum(told[20:])) == (9, 5)
    later(timedelta(hours=1))
    for email in emails[15:20]:
        assert (await attempt(world, email)).problem == "email-taken"
    assert (await attempt(world, emails[20])).problem == "prove-address"


async def test_a_burst_learns_no_more(world: World) -> None:
    emails = await customers(world, 30)
    answers = await asyncio.gather(*(attempt(world, email) for email in emails))
    assert sorted(answer.problem for answer in answers) == ["email-taken"] * 5 + ["prove-address"] * 25
    # Nor does one that was made: none is, where others are not told.
    mixed = [*(f"new-{number}@example.com" for number in range(10)), *emails]
    answers = await asyncio.gather(*(attempt(world, email) for email in mixed))
    assert {answer.problem for answer in answers} == {"prove-address", "too-many-mails"}


async def test_newcomers_of_that_network_register_while_somebody_asks_around(world: World) -> None:
    emails = await burn(world)

    async def newcomer(number: int) -> None:
        email = f"newcomer-{number}@example.com"
        assert (await attempt(world, email)).problem == "prove-address"
        await attempt(world, emails[number % 8])
        made = await attempt(world, email, code=f" {(await code_for(world, email)).upper()} ", key=f"k{number}")
        assert (made.status, made.body["user"]["email"]) == (201, email)
        assert (await attempt(world, email, code=await code_for(world, email), key=f"k{number}")).status == 201

    await asyncio.gather(*(newcomer(number) for number in range(10)))


async def test_a_code_is_of_one_address_and_good_once_and_for_an_hour(world: World, later) -> None:
    await burn(world)
    await attempt(world, "ada@example.com")
    code = await code_for(world, "ada@example.com")
    before = await world.counts()
    for email, tried in (("eve@example.com", code), ("ada@example.com", "0" * 12), ("customer-6@example.com", code)):
        refused = await attempt(world, email, code=tried)
        assert (refused.status, refused.problem, refused.body["field"]) == (422, "wrong-code", "code")
    assert await world.counts() == before
    assert (await attempt(world, "ada@example.com", code=code, client=NEIGHBOR)).status == 201
    assert (await attempt(world, "ada@example.com", code=code)).problem == "wrong-code"
    await attempt(world, "late@example.com")
    later(timedelta(minutes=61))
    late = await code_for(world, "late@example.com")
    assert (await attempt(world, "late@example.com", code=late)).problem == "wrong-code"


async def test_two_with_one_code_make_one_account(world: World) -> None:
    await burn(world)
    await attempt(world, "ada@example.com")
    code = await code_for(world, "ada@example.com")
    answers = await asyncio.gather(*(attempt(world, "ada@example.com", code=code) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 422, 422, 422, 422]
    await attempt(world, "bob@example.com")
    code = await code_for(world, "bob@example.com")
    answers = await asyncio.gather(*(attempt(world, "bob@example.com", code=code, key="k") for _ in range(5)))
    assert [answer.status for answer in answers] == [201] * 5
    assert len({answer.body["user"]["id"] for answer in answers}) == 1


async def test_a_network_has_thirty_mails_sent_at_once_and_one_more_a_minute(world: World, later) -> None:
    emails = await burn(world)
    answers = await asyncio.gather(*(attempt(world, f"victim-{number}@example.com") for number in range(40)))
    assert sorted(answer.problem for answer in answers) == ["prove-address"] * 30 + ["too-many-mails"] * 10
    assert len(await mails(world)) == 30
    # The same for who has an account, who was mailed already, and who is nobody.
    for email in (emails[6], "victim-0@example.com", "nobody@example.com"):
        refused = await attempt(world, email)
        assert (refused.status, refused.problem, refused.headers["retry-after"]) == (429, "too-many-mails", "60")
    mailed = (await mails(world))[0]
    assert (await attempt(world, mailed["email"], code=mailed["code"])).status == 201
    assert (await attempt(world, "new@example.com", NEIGHBOR)).status == 201
    later(timedelta(minutes=1))
    assert (await attempt(world, "nobody@example.com")).problem == "prove-address"
    assert (await attempt(world, "nobody-else@example.com")).problem == "too-many-mails"


async def test_an_address_gets_one_mail_an_hour(world: World, later) -> None:
    emails = await burn(world)
    for _ in range(3):
        await attempt(world, "ada@example.com")
        await attempt(world, emails[5])
    assert len(await mails(world)) == 2
    later(timedelta(minutes=12))  # by now the network may be told of one more
    await attempt(world, emails[6])
    later(timedelta(minutes=49))
    await burn_again(world, emails)
    await attempt(world, "ada@example.com")
    assert [mail["email"] for mail in await mails(world)].count("ada@example.com") == 2


async def burn_again(world: World, emails: list[str]) -> None:
    while (await attempt(world, emails[0])).problem == "email-taken":
        pass


async def test_who_registers_is_not_counted_and_a_repeat_is_answered(world: World) -> None:
    for number in range(12):
        assert (await attempt(world, f"new-{number}@example.com", key=f"k{number}")).status == 201
    for number in range(6):
        await attempt(world, f"new-{number}@example.com")
    assert (await attempt(world, "other@example.com")).problem == "prove-address"
    assert (await attempt(world, "new-3@example.com", key="k3")).status == 201


async def test_a_clock_that_was_ahead_keeps_nobody_out(world: World) -> None:
    await world.register("ada@example.com")
    await world.db.execute("INSERT INTO network_allowances VALUES ($1, 'told', now() + interval '3 days')", PROBER)
    assert (await attempt(world, "new@example.com")).status == 201
    assert (await attempt(world, "ada@example.com")).problem == "email-taken"
