"""What has ended is kept as long as its answer is promised, and is small after that."""

from __future__ import annotations

import importlib.resources
from datetime import timedelta

import msgspec
import pytest
from checkout.conftest import House, Shopper
from volume import ROWS, fill, read_by

from stoa.kit import clock
from stoa.kit.http.types import Address
from stoa.kit.ids import first_uuid7
from stoa.kit.money import Money
from stoa.kit.rounds import ONE_ROUND
from stoa.services.checkout import purchase, repository
from stoa.services.checkout.errors import AnswerGone
from stoa.services.checkout.jobs import cut_ended
from stoa.services.checkout.pricing import Item, Quote
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.states import State

NOWHERE = Address(name="-", line1="-", city="-", country="AQ")


@pytest.fixture
def later(monkeypatch):
    """`later(7)`: as if so many days had passed for whoever asks the clock."""
    now = clock.now
    return lambda days: monkeypatch.setattr(clock, "now", lambda: now() + timedelta(days=days, minutes=1))


async def test_an_order_keeps_its_key_and_loses_its_snapshot(house: House, shopper: Shopper, later):
    placed = await house.buy(shopper.user, key="k")
    before = await house.row(placed.checkout_id)
    later(Settings().keep_days - 1)
    await cut_ended(house.db, Settings().keep_days)
    assert await house.row(placed.checkout_id) == before
    assert (await house.buy(shopper.user, key="k")).answer == placed.answer

    later(Settings().keep_days)
    await cut_ended(house.db, Settings().keep_days)
    after = await house.row(placed.checkout_id)
    assert (after.state, after.key, after.purchase.order_id) == (State.COMPLETED, "k", placed.order_id)
    assert (after.purchase.items, after.purchase.quote) == (None, None)
    with pytest.raises(AnswerGone) as refusal:
        await house.buy(shopper.user, key="k")
    assert (refusal.value.status, refusal.value.type) == (409, "/problems/answer-lost")
    assert refusal.value.members == {"order": placed.order_id}
    assert await house.db.fetchval("SELECT count(*) FROM checkouts") == 1


@pytest.mark.parametrize("token", ["tok_ok", "tok_declined"])
async def test_nothing_of_who_bought_is_left(house: House, shopper: Shopper, later, token):
    placed = await house.buy(shopper.user, token=token)
    personal = ("ada@example.com", "Lovelace", "St James's Square", "SW1Y 4JH", token)

    async def told():
        row = await house.db.fetchval(
            "SELECT to_jsonb(checkouts)::text FROM checkouts WHERE id = $1", placed.checkout_id
        )
        return {each for each in personal if each in row}

    assert {"ada@example.com", "Lovelace", "St James's Square", "SW1Y 4JH"} <= await told()
    later(Settings().keep_days)
    await cut_ended(house.db, Settings().keep_days)
    assert await told() == set()
    left = (await house.row(placed.checkout_id)).purchase
    assert left.shipping_address == left.billing_address == NOWHERE
    assert (left.order_id, left.user_id) == (placed.order_id, shopper.user.id)


class OlderPurchase(msgspec.Struct, kw_only=True):
    """As the version that has 0002 reads every row, and each that follows."""

    checkout_id: str
    order_id: str
    user_id: str | None
    email: str
    cart_id: str | None
    shipping_method: str
    shipping_address: Address
    billing_address: Address
    payment_method: str
    token: str
    expected_total: Money | None
    traceparent: str
    items: list[Item] | None = None
    quote: Quote | None = None


MIGRATION = importlib.resources.files("stoa.services.checkout") / "migrations" / "0004_cut_readably.sql"
ALL_OF_IT = "'{email,shipping_address,billing_address,token,items,quote}'"


@pytest.mark.parametrize("cut_before", ["", "'{items,quote}'", ALL_OF_IT])
async def test_what_was_cut_is_read_by_older_code_and_says_nobodys_name(
    house: House, shopper: Shopper, later, cut_before
):
    """Now; by the version that cut only the snapshot; and by the one that took members out."""
    placed = await house.buy(shopper.user)
    if cut_before:
        await house.db.execute(
            f"UPDATE checkouts SET cut_at = now(), answer_body = '', data = data - {cut_before}::text[]"
        )
        await house.db.execute(MIGRATION.read_text())
    else:
        later(Settings().keep_days)
        await cut_ended(house.db, Settings().keep_days)
    data = await house.db.fetchval("SELECT data FROM checkouts")
    for version in (OlderPurchase, purchase.Purchase):
        read = msgspec.convert(data, version)
        assert (read.order_id, read.email, read.token, read.items, read.quote) == (placed.order_id, "", "", None, None)
        assert read.shipping_address == read.billing_address == NOWHERE
    assert "Lovelace" not in str(data)


async def test_a_migration_leaves_what_is_whole(house: House, shopper: Shopper):
    await house.buy(shopper.user)
    before = await house.db.fetchval("SELECT data FROM checkouts")
    await house.db.execute(MIGRATION.read_text())
    assert await house.db.fetchval("SELECT data FROM checkouts") == before


async def test_a_refusal_gives_its_key_back(house: House, shopper: Shopper, later):
    refused = await house.buy(shopper.user, key="k", token="tok_declined")
    assert refused.answer is not None and refused.answer.status == 402
    later(Settings().keep_days)
    await cut_ended(house.db, Settings().keep_days)
    row = await house.row(refused.checkout_id)
    assert (row.state, row.key, row.purchase.items) == (State.FAILED, None, None)
    assert (await house.buy(shopper.user, key="k", token="tok_declined")).checkout_id != refused.checkout_id


async def test_what_is_under_way_is_left_alone(house: House, shopper: Shopper, later):
    placed = await house.buy(shopper.user)
    await house.db.execute("UPDATE checkouts SET state = 'running', lease_until = now() + interval '1 day'")
    later(Settings().keep_days)
    await cut_ended(house.db, Settings().keep_days)
    assert (await house.row(placed.checkout_id)).purchase.items is not None


async def test_a_round_reads_a_bounded_part_of_many(house: House):
    columns = (
        "id, scope, key, body_hash, order_id, state, step, data, lease_owner, lease_until, answer_status, answer_body"
    )
    values = """
        md5(n::text)::uuid, 's', n::text, '', md5(n::text)::uuid, 'completed', 'clear_cart', '{}', '', now(), 201, 'x'
    """
    # Of a third of these the planner would rather read all.
    await fill(house.db, "checkouts", columns, values, rows=3 * ROWS)
    soon = clock.now() + timedelta(days=1)
    # The oldest of all, and then where the most of them are too young.
    everything = await read_by(
        house.db, repository.CUT, "ffffffff-ffff-7fff-bfff-ffffffffffff", soon, ONE_ROUND, purchase.CUT
    )
    assert everything.rows < ROWS / 20
    long_ago = first_uuid7(clock.now() - timedelta(days=400))
    nothing = await read_by(house.db, repository.CUT, long_ago, soon, ONE_ROUND, purchase.CUT)
    assert nothing.rows < ROWS / 20
