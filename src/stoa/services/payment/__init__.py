"""Payments: what shoppers are asked to pay, what was held, taken and given back, and the ledger of it.

Owns payments, refunds and the double-entry ledger, the cards that customers have let the shop keep, and what was found
to differ between all who know of a payment. Also the simulator, which plays a provider where the shop has no other, and
what the adapter to Stripe has to remember; both share nothing with the rest but the database they live in. Invariants:

- What the provider is asked for is recorded and committed before it is asked, under a key; only the capture of a
  checkout is not, which repeats it under its key until it is known. The provider is asked with no transaction open.
  What it has not answered is unknown, and found out by asking, never guessed.
- One payment per key, and one per order and attempt; another attempt only where the one before was refused
  or undone. Under a key that was voided nothing can be taken any more.
- Never more is given back than was captured; each refund once per source, asked for in the transaction
  of its reason.
- A payment that is kept for an order to be shipped is not voided; what was voided or given back is not kept.
- The ledger's entries sum to zero in each transaction, and none is ever changed. What they say equals
  the states of the payments, because both are written in one transaction.
- A payment stays with the provider that authorized it, and a card that is kept pays for its owner alone.
- A webhook is believed only so far as to ask the provider.
- Where ledger, order or provider say of a payment what its row does not, that is in sight until it is so no more, or
  somebody has settled it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceStub
from stoa.contracts.payment.v1.payment_pb2_grpc import add_PaymentServiceServicer_to_server
from stoa.kit.batcher import Batcher, isolating
from stoa.kit.db import Database
from stoa.kit.outbox import Outbox
from stoa.kit.service import Job, Parts, Resources
from stoa.kit.settings import BadSetting
from stoa.kit.together import Together
from stoa.ports.payment import PaymentProvider
from stoa.services.payment import recording, repository
from stoa.services.payment import simulator as simulator_of
from stoa.services.payment.handlers import handle_batch, handlers
from stoa.services.payment.jobs import Timers
from stoa.services.payment.keep_card import forget_at_providers
from stoa.services.payment.metrics import measure
from stoa.services.payment.order_status import OrderStatus, Standings, order_status, standings
from stoa.services.payment.providers import Providers
from stoa.services.payment.receive_webhook import receive
from stoa.services.payment.reconcile import reconcile_due
from stoa.services.payment.routes import routes
from stoa.services.payment.rpc import PaymentServicer
from stoa.services.payment.service import Payments
from stoa.services.payment.settings import Settings
from stoa.services.payment.simulator import Simulator

NO_MONEY_MOVES = "payments go to the simulator: no money moves (STOA_PAYMENT_PROVIDER)"


def payments_with(
    db: Database,
    outbox: Outbox,
    settings: Settings,
    providers: Providers,
    *,
    order_status: OrderStatus,
    standings: Standings,
) -> Payments:
    return Payments(
        db=db,
        outbox=outbox,
        settings=settings,
        providers=providers,
        order_status=order_status,
        standings=standings,
        additions=Batcher(
            isolating(partial(recording.record_additions, db, providers.current)), locks=lambda new: (new.key,)
        ),
        void_asks=Batcher(
            isolating(partial(recording.record_void_asks, db, providers.current)), locks=lambda asked: (asked.key,)
        ),
        by_key=Together(partial(repository.payments_by_key, db)),
        answers=Batcher(
            isolating(partial(recording.record_answers, db, outbox)), locks=lambda answer: (answer.asked.key,)
        ),
    )


def stripe_with(db: Database, settings: Settings) -> PaymentProvider:
    """Stripe, as the settings say. Raises `BadSetting` where they do not say enough."""
    for name in ("stripe_api_key", "stripe_webhook_secret"):
        if not getattr(settings, name):
            raise BadSetting(f"STOA_PAYMENT_{name.upper()} is empty, and payments are to go by Stripe.")
    # Its library is large: only a shop that has payments there waits for it.
    from stoa.services.payment.stripe_provider import Stripe  # noqa: PLC0415

    return Stripe(
        db,
        api_key=settings.stripe_api_key,
        webhook_secret=settings.stripe_webhook_secret,
        endpoint=settings.stripe_endpoint,
        tolerance_seconds=settings.webhook_tolerance_seconds,
    )


def build(resources: Resources) -> Parts:
    settings = resources.settings(Settings)
    simulator = Simulator(resources.db, settings.provider_timeout_seconds, settings.webhook_tolerance_seconds)
    own: dict[str, Callable[[], PaymentProvider]] = {
        simulator_of.NAME: lambda: simulator,
        "stripe": partial(stripe_with, resources.db, settings),
    }

    def provider(name: str) -> PaymentProvider:
        return resources.provider("payment", own, name, "provider")

    providers = Providers(settings.provider, provider)
    orders = OrderServiceStub(resources.channel("order"))
    payments = payments_with(
        resources.db,
        resources.outbox,
        settings,
        providers,
        order_status=partial(order_status, orders),
        standings=partial(standings, orders),
    )
    timers = Timers(payments)
    receive_simulated = partial(receive, payments, simulator_of.NAME)

    async def stop() -> None:
        await timers.refunds.stop()
        await payments.single_flight.stop()
        await providers.close()

    return Parts(
        routes=routes.bind(payments),
        servicers=[partial(add_PaymentServiceServicer_to_server, PaymentServicer(payments))],
        handlers=handlers(resources.outbox, timers),
        batch_handler=handle_batch,
        jobs=[
            Job("settle_payments", timers.settle_payments),
            Job("execute_refunds", timers.execute_due_refunds),
            Job("reconcile_payments", partial(reconcile_due, payments)),
            Job("forget_cards", partial(forget_at_providers, payments)),
            Job("send_simulator_webhooks", partial(simulator.send_webhooks, receive_simulated)),
        ],
        stop=stop,
        measure=partial(measure, resources.db),
        notices=[NO_MONEY_MOVES] if providers.current == simulator_of.NAME else [],
    )
