"""Orders: what was agreed with a customer, from the checkout to the last return.

Owns orders, their lines, history, shipments, cancellations and returns, and what payment has told about them.
Invariants:

- An order's total = subtotal - discount + shipping + tax, or without tax where the prices have it; its
  subtotal is the sum of its lines. Figures, names, addresses and promises are those of the moment of the
  checkout and never change.
- A checkout makes at most one order, and none once it has abandoned it.
- An order goes only where the table in `states` lets it, under its row lock, with a line of history
  and a higher version each time.
- What is to be refunded is at most what was paid. Units shipped and canceled are at most the units bought; units
  returned or asked to be are at most the units shipped.
- Only goods that are back move money and stock; of an order of whose payment nothing is left no parcel leaves,
  nor one with goods that are still to come.
- A fact is announced in the transaction that makes it true. An order that was never paid is never
  announced.
"""

from __future__ import annotations

from functools import partial
from operator import attrgetter

from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.order.v1.order_pb2_grpc import add_OrderServiceServicer_to_server
from stoa.contracts.payment.v1.payment_pb2_grpc import PaymentServiceStub
from stoa.kit.batcher import Batcher, isolating
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.service import Parts, Resources
from stoa.kit.together import Together
from stoa.services.order import placing_repository, repository
from stoa.services.order.abandon_order import abandon_orders
from stoa.services.order.allocation import AllocationOf, allocation_of
from stoa.services.order.confirm_order import confirm_orders
from stoa.services.order.create_order import create_orders
from stoa.services.order.handlers import HANDLERS, handle_batch
from stoa.services.order.payment_now import KeepPayment, PaymentNow, keep_payment, payment_now
from stoa.services.order.routes import routes
from stoa.services.order.rpc import OrderServicer
from stoa.services.order.service import Orders
from stoa.services.order.view import show_lists


def orders_over(
    db: Database, outbox: Outbox, payment_now: PaymentNow, keep_payment: KeepPayment, allocation_of: AllocationOf
) -> Orders:
    """The service over its database."""
    return Orders(
        db=db,
        outbox=outbox,
        payment_now=payment_now,
        keep_payment=keep_payment,
        allocation_of=allocation_of,
        creations=Batcher(isolating(partial(create_orders, db)), locks=lambda new: (new.checkout_id,)),
        confirmations=Batcher(
            isolating(partial(confirm_orders, db, outbox)),
            locks=lambda order_id: (order_id,),
            holders=partial(placing_repository.held_orders, db),
        ),
        abandonments=Batcher(
            isolating(partial(abandon_orders, db)),
            locks=lambda given_up: (given_up.checkout_id,),
            holders=partial(placing_repository.held_checkouts, db),
        ),
        reading=Together(partial(repository.read_orders, db)),
        listing=Together(partial(show_lists, db), weigh=attrgetter("listed.limit")),
    )


def build(resources: Resources) -> Parts:
    payments = PaymentServiceStub(resources.channel("payment"))
    orders = orders_over(
        resources.db,
        resources.outbox,
        partial(payment_now, payments),
        partial(keep_payment, payments),
        partial(allocation_of, InventoryServiceStub(resources.channel("inventory"))),
    )
    return Parts(
        routes=routes.bind(orders),
        servicers=[partial(add_OrderServiceServicer_to_server, OrderServicer(orders))],
        handlers=HANDLERS,
        batch_handler=handle_batch,
        stop=orders.close,
    )
