"""Carts: what shoppers, signed in or not, intend to buy.

Owns carts, their lines and the marks on SKUs that are sold out. Invariants:

- A line is a SKU and a quantity from 1 to 100,000; a cart has at most 1,000 lines, no SKU twice. It is to be bought, or
  saved for later: the checkout is told of the first alone.
- Nobody pays a price that stands here: prices, names and stock are asked for whenever a cart is shown. What a line was
  seen to cost is kept, to say that it has changed.
- Every change of the lines raises the cart's version by one, in one step of the store; a request that
  changes nothing raises nothing.
- What was bought leaves the cart once: each purchase ends a round of the cart, and takes out the bought
  quantities, never more than there is. What was put in meanwhile stays.
- What a shopper said of themselves on opening it goes to the checkout alone, and ends with the round.
- That a cart was left is announced once, until it changes.
- A user has one cart, named by the user's id, for that user alone. A guest's cart is a capability.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.cart.v1.cart_pb2_grpc import add_CartServiceServicer_to_server
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.kit.service import Job, Parts, Resources
from stoa.kit.together import Together
from stoa.services.cart.handlers import handlers
from stoa.services.cart.jobs import remove_expired_carts, tell_of_abandoned_carts
from stoa.services.cart.postgres_store import PostgresCarts
from stoa.services.cart.product_snapshot import offers_of, stock_of
from stoa.services.cart.routes import routes
from stoa.services.cart.rpc import CartServicer
from stoa.services.cart.service import Carts
from stoa.services.cart.settings import Settings
from stoa.services.cart.show import show_many


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    catalog = CatalogServiceStub(resources.channel("catalog"))
    inventory = InventoryServiceStub(resources.channel("inventory"))
    carts: Carts = Carts(
        db=resources.db,
        store=PostgresCarts(resources.db),
        settings=settings,
        shown=Together(lambda looks: show_many(carts, looks)),
        for_sale=Together(partial(offers_of, catalog, settings.currency)),
        stock=Together(partial(stock_of, inventory)),
    )
    return Parts(
        routes=routes.bind(carts),
        servicers=[partial(add_CartServiceServicer_to_server, CartServicer(carts))],
        handlers=handlers(carts.store),
        jobs=[
            Job(
                "tell_of_abandoned_carts",
                partial(tell_of_abandoned_carts, carts.store, resources.outbox, carts.settings.abandoned_after_seconds),
                every_seconds=carts.settings.watch_every_seconds,
            ),
            Job(
                "remove_expired_carts",
                partial(remove_expired_carts, carts.store, carts.settings.guest_cart_days),
                every_seconds=carts.settings.clean_every_seconds,
            ),
        ],
    )
