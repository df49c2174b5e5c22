"""Create the order: pending, seen by its buyer, told to nobody yet."""

from __future__ import annotations

from collections.abc import Sequence

from stoa.contracts.order.v1.order_pb2 import (
    AbandonManyRequest,
    AbandonOrderRequest,
    CreateManyRequest,
    CreateOrderRequest,
    DeliveryEstimate,
    OrderItem,
    OrderTax,
)
from stoa.kit.many import results_of
from stoa.services.checkout.messages import address_message, encoded, money_message, origins
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.steps.step import Step, unchanged


async def do(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    wave = CreateManyRequest(requests=[_request(one) for one in purchases], origins=origins(purchases))
    answer = await neighbors.order.CreateMany(wave, timeout=neighbors.timeout_seconds)
    return unchanged(purchases, results_of(answer.outcomes))


def _request(purchase: Purchase) -> CreateOrderRequest:
    quote, shipping_address, billing_address = purchase.priced, purchase.shipping_address, purchase.billing_address
    assert shipping_address is not None
    assert billing_address is not None
    return CreateOrderRequest(
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
                discount=money_message(line.discount),
                said_json=encoded(item.said),
                metadata=item.metadata,
                promise=promise.kind if (promise := purchase.promises.get(line.sku)) else "",
                promised_on=promise.on.isoformat() if promise else "",
            )
            for line, item in zip(quote.lines, purchase.items or (), strict=True)
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
        tax_included=quote.tax_included,
        taxes=[
            OrderTax(name=one.name, rate=one.rate or "", base=money_message(one.base), amount=money_message(one.amount))
            for one in quote.taxes
        ],
        shipping_name=quote.shipping_name,
        pickup=quote.pickup_address is not None,
        delivery_estimate=None
        if quote.delivery_estimate is None
        else DeliveryEstimate(
            earliest=quote.delivery_estimate.earliest.isoformat(), latest=quote.delivery_estimate.latest.isoformat()
        ),
    )


async def undo(neighbors: Neighbors, purchases: Sequence[Purchase]) -> list[Purchase | Exception]:
    """In silence, as it was made; refuses a CreateOrder that is still on its way. An order that was confirmed cannot be
    abandoned: of the two, order lets one happen.
    """
    requests = [AbandonOrderRequest(checkout_id=one.checkout_id, reason="checkout failed") for one in purchases]
    wave = AbandonManyRequest(requests=requests, origins=origins(purchases))
    answer = await neighbors.order.AbandonMany(wave, timeout=neighbors.timeout_seconds)
    return unchanged(purchases, results_of(answer.outcomes))


CREATE_ORDER = Step("create_order", do, undo, arbiter=True)
