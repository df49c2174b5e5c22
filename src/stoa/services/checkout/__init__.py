"""Checkout: from a cart to an order, by a saga whose row has all that is bought before it acts.

Owns the checkouts: each is the claim of an idempotency key, the state of a saga, and the answer that the
key gets; and the zones by which taxes are due and goods are sent. It announces nothing: whoever it calls does.
Invariants:

- One order per key and scope: the claim is committed before any work, and order, payment and
  reservation are all made under the checkout's id.
- A cart is bought once: of the checkouts of one round of it, one can become an order.
- The row has all that is bought before the first step acts. What it says is enough to go on or to undo, for
  any process, at any time, any number of times.
- Every checkout ends completed, or failed with nothing left of it, or waits in sight for a person.
- Only who holds the row's lease and its latest version writes to it.
- Names, prices and totals come from the catalog and the shop's rules, never from the client; what was
  quoted is what is authorized, ordered and captured, to the minor unit.
- A place is in one tax zone and in one shipping zone at most; a changed zone holds from the next wave on.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.campaign.v1.campaign_pb2_grpc import CampaignServiceStub
from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceStub
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.checkout.v1.checkout_pb2_grpc import add_CheckoutServiceServicer_to_server
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceStub
from stoa.contracts.payment.v1.payment_pb2_grpc import PaymentServiceStub
from stoa.kit.batcher import Batcher, isolating
from stoa.kit.crash_points import Reach
from stoa.kit.db import Database
from stoa.kit.money import Money
from stoa.kit.service import Job, Parts, Resources
from stoa.kit.settings import BadSetting
from stoa.ports.shipping import ShippingRates
from stoa.ports.tax import Taxes, TaxesByRate
from stoa.services.checkout import recording
from stoa.services.checkout.find_promotions import find_promotions
from stoa.services.checkout.jobs import EVERY_SECONDS, cut_ended
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.pricing import PriceRules
from stoa.services.checkout.read_cart import read_carts
from stoa.services.checkout.routes import routes
from stoa.services.checkout.rpc import CheckoutServicer
from stoa.services.checkout.runner import Runner
from stoa.services.checkout.saga import Saga
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.shipping import FlatRates
from stoa.services.checkout.steps import STEPS
from stoa.services.checkout.tax import FlatTax
from stoa.services.checkout.waves import Waves
from stoa.services.checkout.zones_in_force import ZonesInForce


def flat_rates(settings: Settings) -> FlatRates:
    """Our own shipping rates."""
    return FlatRates(
        standard=Money(settings.shipping_standard_minor, settings.currency),
        express=Money(settings.shipping_express_minor, settings.currency),
        free_standard_from=Money(settings.free_standard_from_minor, settings.currency),
    )


def price_rules(
    settings: Settings, shipping: ShippingRates | None = None, taxes: Taxes | TaxesByRate | None = None
) -> PriceRules:
    """The shop's rules about money: our own where a port has nobody else behind it.

    Raises `BadSetting` where prices are with tax and who knows the taxes cannot say how much that is.
    """
    if settings.prices_include_tax and taxes is not None and not hasattr(taxes, "due"):
        raise BadSetting(
            f"STOA_CHECKOUT_TAX={settings.tax!r} cannot be used: it does not say what tax is in a price, "
            "and STOA_PRICES_INCLUDE_TAX is true."
        )
    return PriceRules(
        currency=settings.currency,
        shipping=shipping or flat_rates(settings),
        taxes=taxes or FlatTax(settings.tax_basis_points),
        within_seconds=settings.call_timeout_seconds,
        prices_include_tax=settings.prices_include_tax,
    )


def checkouts_with(db: Database, settings: Settings, neighbors: Neighbors, reach: Reach) -> Checkouts:
    """The service over its database, calling these neighbors."""
    waves = Waves()
    lease = settings.lease_seconds
    saga = Saga(
        steps=STEPS,
        doing={step.name: waves.station(partial(step.do, neighbors)) for step in STEPS},
        undoing={step.name: waves.station(partial(step.undo, neighbors)) for step in STEPS if step.undo},
        saves=Batcher(
            isolating(partial(recording.record_changes, db, lease)), locks=lambda change: (change.before.id,)
        ),
        settings=settings,
        reach=reach,
    )
    runner = Runner(db, saga, waves)
    return Checkouts(
        db=db,
        settings=settings,
        neighbors=neighbors,
        gate=waves.gate,
        carts=waves.station(partial(read_carts, neighbors)),
        promotions=waves.station(partial(find_promotions, db, neighbors)),
        claims=Batcher(
            isolating(partial(recording.record_claims, db, lease, runner.start)),
            locks=lambda claim: ((claim.new.scope, claim.new.key),),
        ),
        runner=runner,
    )


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    neighbors = Neighbors(
        cart=CartServiceStub(resources.channel("cart")),
        catalog=CatalogServiceStub(resources.channel("catalog")),
        campaign=CampaignServiceStub(resources.channel("campaign")),
        inventory=InventoryServiceStub(resources.channel("inventory")),
        payment=PaymentServiceStub(resources.channel("payment")),
        order=OrderServiceStub(resources.channel("order")),
        timeout_seconds=settings.call_timeout_seconds,
        rules=ZonesInForce(
            resources.db,
            price_rules(
                settings,
                resources.provider("shipping", {"flat": partial(flat_rates, settings)}, settings.shipping, "shipping"),
                resources.provider("tax", {"flat": partial(FlatTax, settings.tax_basis_points)}, settings.tax, "tax"),
            ),
            own_taxes=settings.tax == "flat",
            own_shipping=settings.shipping == "flat",
        ),
    )
    checkouts = checkouts_with(resources.db, settings, neighbors, resources.reach)
    return Parts(
        routes=routes.bind(checkouts),
        servicers=[partial(add_CheckoutServiceServicer_to_server, CheckoutServicer(checkouts))],
        jobs=[
            Job("tend_checkouts", checkouts.runner.tend),
            Job("cut_ended", partial(cut_ended, resources.db, settings.keep_days), every_seconds=EVERY_SECONDS),
        ],
        stop=checkouts.stop,
        measure=checkouts.runner.measure,
    )
