"""A user's cart is the user's alone; a guest's is whoever's who knows its id."""

import pytest

from stoa.kit import clock
from stoa.services.cart.access import may_use
from stoa.services.cart.document import Cart


@pytest.mark.parametrize(
    ("owner", "caller", "allowed"),
    [("ada", "ada", True), ("ada", "eve", False), ("ada", None, False), (None, "ada", True), (None, None, True)],
)
def test_the_table(owner, caller, allowed):
    cart = Cart(id="c", user_id=owner, version=0, round=0, updated_at=clock.now(), lines=())
    assert may_use(cart, caller) is allowed
