"""Registering tells who has an account, a few times; then it tells nothing, and nobody else is kept out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from auth.conftest import PASSWORD, World
from rest import Answer

PROBER, NEIGHBOUR = "203.0.113.7", "203.0.113.8"


async def attempt(world: World, email: str, client: str = PROBER, **more: Any) -> Answer:
    account = {"email": email, "password": PASSWORD, "first_name": "Eve", "last_name": "E"}
    return await world.rest.send("POST", "/auth/register", account, client=client, **more)


async def test_after_five_answers_a_network_learns_nothing(world, later):
    for number in range(7):
        await world.register(f"customer-{number}@example.com")
    answers = [await attempt(world, f"customer-{number}@example.com") for number in range(5)]
    assert [(answer.status, answer.problem) for answer in answers] == [(409, "email-taken")] * 5
    before = await world.counts()
    for email in ("customer-5@example.com", "nobody@example.com"):  # one has an account, one has none
        refused = await attempt(world, email)
        assert (refused.status, refused.problem) == (429, "too-many-registrations")
        assert int(refused.headers["retry-after"]) in range(1, 16)
    assert await world.counts() == before
    assert (await attempt(world, "neighbour@example.com", NEIGHBOUR)).status == 201
    later(timedelta(seconds=15))
    assert (await attempt(world, "customer-5@example.com")).problem == "email-taken"
    assert (await attempt(world, "customer-6@example.com")).problem == "too-many-registrations"
    later(timedelta(hours=1))
    assert (await attempt(world, "nobody@example.com")).status == 201


async def test_a_burst_learns_no_more(world):
    emails = [f"customer-{number}@example.com" for number in range(30)]
    for email in emails:
        await world.register(email)
    answers = await asyncio.gather(*(attempt(world, email) for email in emails))
    assert sorted(answer.problem for answer in answers) == ["email-taken"] * 5 + ["too-many-registrations"] * 25


async def test_who_registers_is_not_counted_and_a_repeat_is_answered(world):
    for number in range(12):
        assert (await attempt(world, f"new-{number}@example.com", key=f"k{number}")).status == 201
    for number in range(6):
        await attempt(world, f"new-{number}@example.com")
    assert (await attempt(world, "other@example.com")).status == 429
    assert (await attempt(world, "new-3@example.com", key="k3")).status == 201
