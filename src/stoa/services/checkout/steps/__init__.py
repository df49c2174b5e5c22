"""The steps from a cart to an order, in their order. One file each, do beside undo.

Nothing is visible to anybody before it is certain: stock is promised first, then uses of campaigns are
counted, money is held before the order is made, it is taken after, and only then people are told.
"""

from stoa.services.checkout.steps.authorize_payment import AUTHORIZE_PAYMENT
from stoa.services.checkout.steps.capture_payment import CAPTURE_PAYMENT
from stoa.services.checkout.steps.clear_cart import CLEAR_CART
from stoa.services.checkout.steps.confirm_order import CONFIRM_ORDER
from stoa.services.checkout.steps.create_order import CREATE_ORDER
from stoa.services.checkout.steps.redeem_promotions import REDEEM_PROMOTIONS
from stoa.services.checkout.steps.reserve_stock import RESERVE_STOCK
from stoa.services.checkout.steps.step import Step

STEPS: tuple[Step, ...] = (
    RESERVE_STOCK,
    REDEEM_PROMOTIONS,
    AUTHORIZE_PAYMENT,
    CREATE_ORDER,
    CAPTURE_PAYMENT,
    CONFIRM_ORDER,
    CLEAR_CART,
)

LAST_BEFORE_PIVOT = STEPS[next(at for at, step in enumerate(STEPS) if step.pivot) - 1].name
"""What a row says of a checkout that goes well: all up to it may have acted."""
