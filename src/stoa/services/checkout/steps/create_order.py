"""Create the order: pending, seen by its buyer, told to nobody yet."""

from __future__ import annotations

from stoa.contracts.order.v1.order_pb2 import AbandonOrderRequest, CreateOrderRequest, OrderItem
from stoa.services.checkout.messages import address_message, encoded, money_message
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step


async def do(neighbors: Neighbors, purchase: Purchase) -> Purchase:
    quote, shipping_address, billing_address = purchase.quote, purchase.shipping_address, purchase.billing_address
    assert quote is not None
    assert shipping_address is not None
    assert billing_address is not None
    said = {item.sku: item for item in purchase.items or ()}
    request = CreateOrderRequest(
        checkout_id=purchase.checkout_id,
        order_id=purchase.order_id,
        user_id=purchase.user_id or "",
        email=purchase.email,
        items=[
            OrderItem(
                product_id=line.product_id,
                sku=line.sku,
                name=line.name,
                unit_price=money_message(line.unit_price),
                quantity=line.quantity,
                tax=money_message(line.tax),
                said_json=encoded(said[line.sku].said),
                metadata=said[line.sku].metadata,
            )
            for line in quote.lines
        ],
        subtotal=money_message(quote.subtotal),
        discount=money_message(quote.discount),
        shipping=money_message(quote.shipping),
        tax=money_message(quote.tax),
        total=money_message(quote.total),
        shipping_method=purchase.shipping_method,
        shipping_address=address_message(shipping_address),
        billing_address=address_message(billing_address),
        payment_id=purchase.payment_id,
        reservation_key=purchase.checkout_id,
        custom_fields_json=encoded(purchase.custom_fields),
        metadata=purchase.metadata,
    )
    await neighbors.order.CreateOrder(request, timeout=neighbors.timeout_seconds)
    return purchase


async def undo(neighbors: Neighbors, purchase: Purchase) -> None:
    """In silence, as it was made; refuses a CreateOrder that is still on its way."""
    request = AbandonOrderRequest(checkout_id=purchase.checkout_id, reason="checkout failed")
    await neighbors.order.AbandonOrder(request, timeout=neighbors.timeout_seconds)


CREATE_ORDER = Step("create_order", do, undo)
