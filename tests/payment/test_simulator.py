"""What is the simulator's own: `test_provider_contract.py` has what every provider keeps."""

from __future__ import annotations

from payment.conftest import House, new_payment

from stoa.ports.payment import Status
from stoa.services.payment.simulator import Simulator, moved


async def test_its_memory_outlives_it(house: House):
    new = new_payment()
    await house.line.provider.authorize(new.key, order_id=new.order_id, amount=new.amount, token="tok_ok")
    assert (await Simulator(house.db, 3.0, 300).query(new.key)).status is Status.AUTHORIZED


async def test_silence_moves_money_one_time_in_two(house: House):
    keys = [new_payment().key for _ in range(200)]
    assert 60 < sum(moved(key) for key in keys) < 140
    assert [moved(key) for key in keys] == [moved(key) for key in keys]
