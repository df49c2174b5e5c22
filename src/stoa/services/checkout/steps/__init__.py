"""The steps from a cart to an order, in their order. One file each, do beside undo.

Nothing is visible to anybody before it is certain: stock is held first, money is held before the order
is made, it is taken after, and only then people are told.
"""

from stoa.services.checkout.steps.allocate_stock import ALLOCATE_STOCK
from stoa.services.checkout.steps.authorize_payment import AUTHORIZE_PAYMENT
from stoa.services.checkout.steps.capture_payment import CAPTURE_PAYMENT
from stoa.services.checkout.steps.clear_cart import CLEAR_CART
from stoa.services.checkout.steps.confirm_order import CONFIRM_ORDER
from stoa.services.checkout.steps.create_order import CREATE_ORDER
from stoa.services.checkout.steps.quote_total import QUOTE_TOTAL
from stoa.services.checkout.steps.reserve_stock import RESERVE_STOCK
from stoa.services.checkout.steps.step import Step
from stoa.services.checkout.steps.validate_cart import VALIDATE_CART

STEPS: tuple[Step, ...] = (
    VALIDATE_CART,
    RESERVE_STOCK,
    QUOTE_TOTAL,
    AUTHORIZE_PAYMENT,
    CREATE_ORDER,
    ALLOCATE_STOCK,
    CAPTURE_PAYMENT,
    CONFIRM_ORDER,
    CLEAR_CART,
)
