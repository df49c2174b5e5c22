"""Many at once: each has an outcome of its own, and nobody waits for what a provider takes its time for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace
from payment.conftest import House, NewHouse

from stoa.contracts.common.v1.common_pb2 import Money, Origin
from stoa.contracts.payment.v1 import payment_pb2 as pb
from stoa.contracts.payment.v1.payment_pb2 import PaymentState
from stoa.kit import context, many
from stoa.kit.ids import uuid7
from stoa.kit.many import UnderWay, results_of
from stoa.ports.payment import Said
from stoa.services.payment.capture_payment import capture_by_hand
from stoa.services.payment.refund_payment import refund_by_hand
from stoa.services.payment.rpc import PaymentServicer
from stoa.services.payment.simulator import moved
from stoa.services.payment.void_payment import void, void_by_hand


def asking(key: str | None = None, token: str = "tok_ok", *, minor: int = 1000, **more: Any) -> pb.AuthorizeRequest:
    given = {"order_id": uuid7(), "user_id": uuid7()} | more
    amount = Money(amount_minor=minor, currency="GBP")
    return pb.AuthorizeRequest(key=key or uuid7(), amount=amount, method="card", token=token, **given)


async def authorize_all(house: House, requests: Sequence[pb.AuthorizeRequest], **more: Any) -> list[Any]:
    wave = pb.AuthorizeManyRequest(requests=requests, **more)
    return results_of((await PaymentServicer(house.payments).AuthorizeMany(wave, None)).outcomes)


async def capture_all(house: House, keys: Sequence[str]) -> list[Any]:
    wave = pb.CaptureManyRequest(requests=[pb.CaptureRequest(key=key) for key in keys])
    return results_of((await PaymentServicer(house.payments).CaptureMany(wave, None)).outcomes)


async def void_all(house: House, keys: Sequence[str]) -> list[Any]:
    wave = pb.VoidManyRequest(requests=[pb.VoidPaymentRequest(key=key, reason="checkout failed") for key in keys])
    return results_of((await PaymentServicer(house.payments).VoidMany(wave, None)).outcomes)


def said(results: Sequence[Any]) -> list[str]:
    """Of each its state, or the slug of its problem."""
    return [
        PaymentState.Name(one.state).removeprefix("PAYMENT_STATE_").lower()
        if isinstance(one, pb.Payment)
        else one.type.removeprefix("/problems/")
        for one in results
    ]


def key_that(moves: bool) -> str:
    return next(key for key in iter(uuid7, None) if moved(key) is moves)


async def test_each_of_a_wave_has_an_outcome_of_its_own(hasty: House):
    paid = await hasty.authorized()
    await void(hasty.payments, voided := uuid7(), "checkout failed")
    members = {
        "ok": asking(),
        "declined": asking(token="tok_declined"),
        "no funds": asking(token="tok_insufficient_funds"),
        "no token": asking(token="4242"),
        "silent and held": asking(key_that(True), "tok_timeout"),
        "silent and not": asking(key_that(False), "tok_timeout"),
        "talkative": asking(token="tok_duplicate_webhook"),
        "fleeting": asking(token="tok_capture_refused"),
        "another amount": asking(paid.key, minor=999, order_id=paid.order_id),
        "a repeat": asking(paid.key, order_id=paid.order_id),
        "an order that has one": asking(order_id=paid.order_id),
        "voided before": asking(voided),
        "no key": asking("x" * 201),
        "no order": asking(order_id="7"),
        "nothing": asking(minor=0),
    }
    first = await authorize_all(hasty, list(members.values()))
    expected = {
        "ok": "authorized",
        "declined": "payment-declined",
        "no funds": "insufficient-funds",
        "no token": "unknown-token",
        "silent and held": "under-way",
        "silent and not": "under-way",
        "talkative": "authorized",
        "fleeting": "authorized",
        "another amount": "payment-key-reused",
        "a repeat": "authorized",
        "an order that has one": "order-has-payment",
        "voided before": "payment-voided",
        "no key": "unprocessable",
        "no order": "unprocessable",
        "nothing": "authorized",
    }
    outcomes = dict(zip(members, said(first), strict=True))
    if outcomes["a repeat"] == "under-way":  # behind the one of another amount, for longer than the others wait
        (outcomes["a repeat"],) = said(await authorize_all(hasty, [members["a repeat"]]))
    assert outcomes == expected
    for name in ("silent and held", "silent and not"):
        assert said(await authorize_all(hasty, [members[name]])) == ["unknown"]
    for name, request in members.items():
        again = "unknown" if name.startswith("silent") else expected[name]
        assert said(await authorize_all(hasty, [request])) == [again]
    taken = ["ok", "talkative", "fleeting", "a repeat", "nothing", "declined", "silent and held", "voided before"]
    keys = [members[name].key for name in taken]
    captured = ["captured", "captured", "payment-voided", "captured", "captured"]
    captured += ["payment-declined", "payment-state", "payment-voided"]
    for _ in range(2):
        assert said(await capture_all(hasty, [*keys, "nobody's"])) == [*captured, "payment-not-found"]
    undone = ["refunded", "refunded", "voided", "refunded", "captured", "declined", "voided", "voided"]
    left = [members["silent and not"].key, "nobody's"]
    for _ in range(2):
        results = said(await void_all(hasty, [*keys, *left]))
        # What was captured is given back one by one, and may take longer than the others wait.
        assert all(one in {end, "under-way"} for one, end in zip(results, [*undone, "voided", "voided"], strict=True))
    for key, end in zip(keys, undone, strict=True):
        if end != "captured":
            assert said(await void_all(hasty, [key])) == [end]
    assert await hasty.balances() == {"customer_funds": -3000, "refunded": 3000}
    told = [kind for kind, _ in await hasty.announced()]
    assert sorted(told) == ["payment.failed"] * 3 + ["payment.refunded"] * 3 + ["payment.succeeded"] * 4
    await hasty.must_be_sound()


async def test_what_the_database_refuses_of_one_it_refuses_of_that_one_alone(house: House, monkeypatch):
    """What is asked for, what the provider says of it, and that it shall be undone: each has a batch of its own."""
    wave = [asking() for _ in range(4)]
    wave[1].method = "\0"
    answered = house.line.authorize

    async def authorize(key: str, **asked: Any) -> Said:
        said = await answered(key, **asked)
        return replace(said, reference="\0") if key == wave[2].key else said

    monkeypatch.setattr(house.line, "authorize", authorize)
    assert said(await authorize_all(house, wave)) == ["authorized", "internal-error", "internal-error", "authorized"]
    states = dict(await house.db.fetch("SELECT key, state FROM payments"))
    assert states == {wave[0].key: "authorized", wave[2].key: "unknown", wave[3].key: "authorized"}
    undo = [pb.VoidPaymentRequest(key=one.key, reason="\0" if one is wave[3] else "off") for one in wave]
    answer = await PaymentServicer(house.payments).VoidMany(pb.VoidManyRequest(requests=undo), None)
    assert said(results_of(answer.outcomes)) == ["voided", "voided", "voided", "internal-error"]
    await house.must_be_sound()


async def test_a_slow_one_holds_up_nobody_and_is_asked_once(new_house: NewHouse):
    house = await new_house(provider_timeout_seconds=30.0)
    wave = [asking() for _ in range(20)]
    slow, forgotten = wave[3], wave[7]
    house.line.held = {one.key: asyncio.Event() for one in (slow, forgotten)}
    results = await authorize_all(house, wave)
    assert [wave[at] for at, one in enumerate(results) if isinstance(one, UnderWay)] == [slow, forgotten]
    assert said(results).count("authorized") == 18
    # Alone it waits to the end, and joins what is under way.
    asked_again = asyncio.create_task(authorize_all(house, [slow]))
    in_a_wave = await authorize_all(house, [slow, wave[0]])
    assert said(in_a_wave) == ["under-way", "authorized"]
    assert not asked_again.done()
    for event in house.line.held.values():
        event.set()
    assert said(await asked_again) == ["authorized"]
    # The one that nobody asked for again is recorded as well.
    await house.payments.single_flight.settled("authorize", forgotten.key)
    row = await house.row(forgotten.key)
    assert row is not None
    assert row["state"] == "authorized"
    assert house.line.asked == ["authorize"] * 20

    house.line.held = {slow.key: asyncio.Event()}
    results = await capture_all(house, [one.key for one in wave])
    assert said(results) == ["captured"] * 3 + ["under-way"] + ["captured"] * 16
    asked_again = asyncio.create_task(capture_all(house, [slow.key]))
    house.line.held[slow.key].set()
    assert said(await asked_again) == ["captured"]
    assert house.line.asked.count("capture") == 20
    assert await house.balances() == {"customer_funds": -20_000, "captured": 20_000}
    await house.must_be_sound()


async def test_a_provider_that_says_nothing_to_a_whole_wave(hasty: House):
    wave = [asking() for _ in range(20)]
    await authorize_all(hasty, wave)
    hasty.line.deaf = {"capture"}
    keys = [one.key for one in wave]
    assert said(await capture_all(hasty, keys)) == ["capture_unknown"] * 20
    rows = await hasty.db.fetch("SELECT DISTINCT state, version FROM payments")
    assert [tuple(row) for row in rows] == [("capture_unknown", 3)]
    hasty.line.deaf = set()
    assert said(await capture_all(hasty, keys)) == ["captured"] * 20
    await hasty.must_be_sound()


@pytest.mark.parametrize("same_process", [True, False])
async def test_two_waves_with_the_same_members(new_house: NewHouse, same_process: bool):
    house = await new_house()
    other = house if same_process else await new_house(db=house.db)
    wave = [asking() for _ in range(30)]
    one, two = await asyncio.gather(authorize_all(house, wave), authorize_all(other, wave[::-1]))
    for each in (one, two):
        assert set(said(each)) <= {"authorized", "unknown", "under-way"}
    assert said(await authorize_all(house, wave)) == ["authorized"] * 30
    keys = [each.key for each in wave]
    one, two = await asyncio.gather(capture_all(house, keys), capture_all(other, keys[::-1]))
    assert (said(one), said(two)) == (["captured"] * 30, ["captured"] * 30)
    assert await house.balances() == {"customer_funds": -30_000, "captured": 30_000}
    assert [kind for kind, _ in await house.announced()] == ["payment.succeeded"] * 30
    await house.must_be_sound()


async def test_a_wave_races_with_another_that_undoes_it(new_house: NewHouse):
    house = await new_house()
    other = await new_house(db=house.db)
    wave = [asking() for _ in range(30)]
    keys = [each.key for each in wave]

    async def buy() -> None:
        await authorize_all(house, wave)
        await capture_all(house, keys)

    async def give_up() -> None:
        for start in range(0, 30, 10):
            await void_all(other, keys[start : start + 10][::-1])

    await asyncio.gather(buy(), give_up())
    for key in keys:
        ends = said(await void_all(other, [key]))
        assert ends in (["voided"], ["refunded"])
    refunded = await house.db.fetchval("SELECT count(*) FROM payments WHERE state = 'refunded'")
    assert await house.balances() == (
        {"customer_funds": -1000 * refunded, "refunded": 1000 * refunded} if refunded else {}
    )
    await house.must_be_sound()


@pytest.mark.parametrize("recorded", ["while the provider is asked", "before its answer is recorded"])
async def test_a_capture_races_with_what_staff_do_by_hand(new_house: NewHouse, recorded: str):
    """Staff void, capture and refund while a wave is between its look and its answer: the provider's word counts."""
    house = await new_house()
    staff = await new_house(db=house.db)
    wave = [asking() for _ in range(9)]
    payments = [one.id for one in await authorize_all(house, wave)]
    held = asyncio.Event()
    if recorded == "while the provider is asked":
        house.line.held = {one.key: held for one in wave}
    else:
        house.line.provider = Late(house.line.provider, held)  # type: ignore[assignment]
    capturing = asyncio.create_task(capture_all(house, [one.key for one in wave]))
    while recorded != "while the provider is asked" and house.line.asked.count("capture") < 9:
        await asyncio.sleep(0)
    if recorded != "while the provider is asked":
        async with asyncio.timeout(5):
            while await house.db.fetchval("SELECT count(*) FROM simulator.payments WHERE status = 'captured'") < 9:
                await asyncio.sleep(0.01)
    await asyncio.gather(
        *(void_by_hand(staff.payments, one, "by hand") for one in payments[:3]),
        *(capture_by_hand(staff.payments, one) for one in payments[3:6]),
    )
    refund = refund_by_hand(staff.payments, payments[3], "operator:1", "by hand", None)
    assert (await refund).state == "refunded"
    held.set()
    results = said(await capturing)
    again = said(await capture_all(house, [one.key for one in wave]))
    assert [one if one != "under-way" else end for one, end in zip(results, again, strict=True)] == again
    undone = "payment-voided" if recorded == "while the provider is asked" else "refunded"
    assert again == [undone] * 3 + ["refunded"] + ["captured"] * 5
    given = 4000 if undone == "refunded" else 1000
    assert await house.balances() == {"customer_funds": -5000 - given, "captured": 5000, "refunded": given}
    assert [kind for kind, _ in await house.announced()].count("payment.succeeded") == 5 + given // 1000
    await house.must_be_sound()


class Late:
    """A provider that does what it is asked at once, and says so late."""

    def __init__(self, provider: Any, until: asyncio.Event) -> None:
        self._provider = provider
        self._until = until

    async def capture(self, key: str) -> Any:
        answer = await self._provider.capture(key)
        await self._until.wait()
        return answer


async def test_two_of_a_wave_who_ask_for_different_things_under_one_key_are_told_apart(house: House):
    key, order_id = uuid7(), uuid7()
    asked = [asking(key, order_id=order_id), asking(key, minor=999, order_id=order_id), asking(key, order_id=order_id)]
    assert said(await authorize_all(house, asked)) == ["authorized", "payment-key-reused", "authorized"]
    assert house.line.asked == ["authorize"]
    await house.must_be_sound()


async def test_each_of_a_wave_is_told_of_in_its_own_trace(house: House):
    origins = [context.fresh() for _ in range(3)]
    wave = [asking(), asking(token="tok_declined"), asking(token="tok_declined")]
    told = [Origin(traceparent=one.traceparent, request_id=one.request_id) for one in origins]
    await authorize_all(house, wave, origins=told)
    rows = await house.db.fetch(
        """
        SELECT log.traceparent FROM event_log AS log JOIN payments ON payments.id::text = log.subject
        ORDER BY array_position($1::text[], payments.key)
        """,
        [one.key for one in wave],
    )
    assert [row["traceparent"].split("-")[1] for row in rows] == [one.trace_id for one in origins[1:]]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the database, BEGIN and COMMIT as well."""
    sent: list[str] = []

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Any, sql: str, *arguments: Any, **more: Any) -> Any:
            sent.append(sql)
            return run(self, sql, *arguments, **more)

        return method

    for name in ("fetch", "execute", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))
    return sent


@pytest.mark.parametrize("members", [1, 20, 256])
async def test_a_wave_costs_the_same_however_many_they_are(
    house: House, statements: list[str], members: int, monkeypatch: pytest.MonkeyPatch
):
    # However busy the machine is: how long each waits is tested elsewhere.
    monkeypatch.setattr(many, "FIRST_SECONDS", 60.0)
    monkeypatch.setattr(many, "WAIT_SECONDS", 60.0)

    async def cost(results: Any, expected: str) -> int:
        statements.clear()
        assert said(await results) == [expected] * members
        return len(statements)

    wave = [asking() for _ in range(members)]
    keys = [one.key for one in wave]
    await house.db.execute("SELECT 1")  # connected
    # Asked, done by the bank, answered.
    assert await cost(authorize_all(house, wave), "authorized") == 3
    # Looked at, done by the bank, answered and announced in a transaction, whose BEGIN goes with its first.
    assert await cost(capture_all(house, keys), "captured") == 5
    others = [asking() for _ in range(members)]
    await authorize_all(house, others)
    assert await cost(void_all(house, [one.key for one in others]), "voided") == 3
    # A repeat is looked up: what is there, and nothing else.
    assert await cost(capture_all(house, keys), "captured") == 1
    assert await cost(authorize_all(house, wave), "captured") == 2
