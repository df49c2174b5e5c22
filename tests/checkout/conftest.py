"""A market of real services to buy in, and roads to them that can be made unreliable."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
import pytest

from stoa.contracts.campaign.v1.campaign_pb2 import ImportCampaignsRequest, ImportedCampaign
from stoa.contracts.campaign.v1.campaign_pb2_grpc import CampaignServiceStub
from stoa.contracts.cart.v1.cart_pb2_grpc import CartServiceStub
from stoa.contracts.catalog.v1.catalog_pb2 import ImportProductsRequest
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.common.v1.common_pb2 import Line
from stoa.contracts.common.v1.common_pb2 import Money as MoneyMessage
from stoa.contracts.inventory.v1.inventory_pb2 import GetStockRequest, ImportStockRequest
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.order.v1.order_pb2_grpc import OrderServiceStub
from stoa.contracts.payment.v1.payment_pb2_grpc import PaymentServiceStub
from stoa.kit import problems
from stoa.kit.channels import DeadlineExceeded
from stoa.kit.crash_points import NOWHERE
from stoa.kit.db import Database
from stoa.kit.http.types import Address
from stoa.kit.ids import uuid7
from stoa.kit.service import Service
from stoa.ports.tax import Taxes
from stoa.runtime.process import Process
from stoa.runtime.secrets import Secrets
from stoa.runtime.settings import ProcessSettings
from stoa.runtime.topology import LOOPBACK, ProcessPlan, Topology
from stoa.runtime.topology import Address as NetworkAddress
from stoa.services.cart import change
from stoa.services.cart.document import NOTHING_SAID, Contact
from stoa.services.checkout import checkouts_with, price_rules
from stoa.services.checkout.neighbors import Neighbors
from stoa.services.checkout.place_order import Placed, place
from stoa.services.checkout.purchase import Purchase
from stoa.services.checkout.repository import Checkout, by_id
from stoa.services.checkout.routes import routes
from stoa.services.checkout.service import Checkouts
from stoa.services.checkout.settings import Settings
from stoa.services.checkout.zones_in_force import ZonesInForce
from stoa.testing import Rest, User, new_user

NEIGHBORS = ("catalog", "campaign", "inventory", "cart", "order", "payment")
HOSTED = (*NEIGHBORS, "media", "user", "auth")
"""With whom catalog calls, and whom those call."""
STUBS: dict[str, Any] = {
    "campaign": CampaignServiceStub,
    "cart": CartServiceStub,
    "catalog": CatalogServiceStub,
    "inventory": InventoryServiceStub,
    "payment": PaymentServiceStub,
    "order": OrderServiceStub,
}
ADDRESS = Address(
    name="Ada Lovelace", line1="12 St James's Square", city="London", postal_code="SW1Y 4JH", country="GB"
)
PROVIDER_SECONDS = 0.5


@dataclass
class Market:
    """Every service but the checkout, in one process; nobody delivers events, so nothing moves by itself."""

    process: Process

    def db(self, service: str) -> Database:
        return self._hosted(service).stored.db

    def stub(self, service: str) -> Any:
        return STUBS[service](self.process.neighbors.system_channel("test", service))

    async def offer(self, *, price: int = 1000, on_hand: int = 10) -> str:
        """A new product's SKU."""
        sku = f"T-{uuid7()}"
        product = ImportProductsRequest.NewProduct(slug=sku.lower(), name=f"Thing {sku}", category="things")
        product.category_name = "Things"
        product.variants.add(sku=sku, price=MoneyMessage(amount_minor=price, currency="GBP"))
        await self.stub("catalog").ImportProducts(ImportProductsRequest(products=[product]))
        await self.stub("inventory").ImportStock(ImportStockRequest(lines=[Line(sku=sku, quantity=on_hand)]))
        return sku

    async def run(self, *codes: str, **said: Any) -> str:
        """The id of a campaign that runs: ten percent off, by these codes or of itself, unless it is said otherwise."""
        off = [{"kind": "percentage", "basis_points": 1000}]
        campaign = {"name": f"Campaign {uuid7()}", "state": "active", "by_coupon": bool(codes), "effects": off} | said
        imported = ImportedCampaign(campaign_json=msgspec.json.encode(campaign), codes=codes)
        await self.stub("campaign").ImportCampaigns(ImportCampaignsRequest(campaigns=[imported]))
        campaign_id: str = await self.db("campaign").fetchval(
            "SELECT id FROM campaigns WHERE name = $1", campaign["name"]
        )
        return campaign_id

    async def redeemed(self, campaign_id: str) -> tuple[int, int]:
        """How often it was used, and for how much."""
        row = await self.db("campaign").fetchrow(
            "SELECT used, (SELECT spent_minor FROM spending WHERE campaign_id = id) FROM campaigns WHERE id = $1",
            campaign_id,
        )
        assert row is not None
        return row["used"], row["spent_minor"] or 0

    async def reprice(self, sku: str, price: int) -> None:
        await self.db("catalog").execute("UPDATE variants SET price_minor = $2 WHERE sku = $1", sku, price)

    async def fill(
        self, buyer: str | None, contact: Contact = NOTHING_SAID, *, cart_id: str | None = None, **lines: int
    ) -> str:
        """The id of the buyer's cart, or of a guest's, by default a new one, with these lines."""
        carts = self._hosted("cart").parts.routes.target
        if cart_id is None:
            cart, _ = await change.open_cart(carts, buyer, contact=contact)
            cart_id = cart.id
        await change.replace_items(carts, cart_id, buyer, lines)
        return str(cart_id)

    async def in_cart(self, cart_id: str) -> dict[str, int]:
        rows = await self.db("cart").fetch("SELECT sku, quantity FROM cart_items WHERE cart_id = $1", cart_id)
        return {row["sku"]: row["quantity"] for row in rows}

    async def stock(self, sku: str) -> tuple[int, int]:
        """On hand and reserved."""
        answer = await self.stub("inventory").GetStock(GetStockRequest(skus=[sku]))
        return answer.stock[0].on_hand, answer.stock[0].reserved

    async def expire(self, reservation_key: str) -> None:
        """As if the hold had been made too long ago, and inventory had noticed."""
        await self.db("inventory").execute(
            "UPDATE reservations SET expires_at = now() - interval '1 hour' WHERE key = $1", reservation_key
        )
        for job in self._hosted("inventory").parts.jobs:
            await job.run()

    def _hosted(self, service: str) -> Any:
        return next(each for each in self.process.services if each.service.name == service)


@pytest.fixture(scope="session")
async def market(templates: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Market]:
    any_port = NetworkAddress(LOOPBACK, 0)
    plan = ProcessPlan("market", HOSTED, gateway=True, http=any_port, admin=any_port, grpc=None)
    dsns = {name: await templates.copy(name) for name in HOSTED}

    def dsn_of(service: Service) -> str:
        return dsns[service.name]

    environ = {"STOA_PAYMENT_PROVIDER_TIMEOUT_SECONDS": str(PROVIDER_SECONDS)}
    folder = tmp_path_factory.mktemp("market")
    topology = Topology("market", "", (replace(plan, gateway=False),))
    process = Process(topology, topology.processes[0], dsn_of, Secrets("test" * 8), ProcessSettings(), environ, folder)
    await process.build()
    yield Market(process)
    await process.stop()


LOST, UNHEARD, REFUSED, BROKEN = "lost", "unheard", "refused", "broken"


@dataclass
class Road:
    """What becomes of the calls to the neighbors: `fates["ReserveMany"]` are those of the next calls of ReserveMany.

    LOST never arrives, UNHEARD does and the answer is lost, REFUSED is a conflict of the neighbor's own for each of
    the wave, BROKEN a fault of it. A method in `closed` is LOST as long as it is there.
    """

    fates: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    closed: set[str] = field(default_factory=set)
    taken: list[str] = field(default_factory=list)
    pause: dict[str, asyncio.Event] = field(default_factory=dict)

    async def go(self, method: str, call: Callable[..., Awaitable[Any]], request: Any, *, timeout: float) -> Any:
        self.taken.append(method)
        if method in self.pause:
            await self.pause[method].wait()
        fate = LOST if method in self.closed else self.fates[method].popleft() if self.fates[method] else ""
        if fate == LOST:
            raise DeadlineExceeded(f"{method} was lost")
        if fate == REFUSED:
            return _all_refused(method, request)
        if fate == BROKEN:
            raise problems.Fault(f"{method} is broken")
        answer = await call(request, timeout=timeout)
        if fate == UNHEARD:
            raise DeadlineExceeded(f"the answer of {method} was lost")
        return answer


def _all_refused(method: str, wave: Any) -> Any:
    """The answer in which each of a wave is refused."""
    answer = wave.DESCRIPTOR.file.message_types_by_name[f"{method}Response"]._concrete_class()
    for _ in wave.requests:
        answer.outcomes.add().problem.document = problems.Conflict(f"{method} was refused").encode()
    return answer


class Travelled:
    """A stub whose calls go over a road."""

    def __init__(self, stub: Any, road: Road) -> None:
        self._stub = stub
        self._road = road

    def __getattr__(self, method: str) -> Any:
        return partial(self._road.go, method, getattr(self._stub, method))


class Crashes:
    """Ends the run that reaches one of these points, as if its process had died there."""

    def __init__(self, *points: str) -> None:
        self._points = set(points)
        self.reached: list[str] = []

    def __call__(self, point: str) -> None:
        self.reached.append(point)
        if point in self._points:
            raise asyncio.CancelledError(point)


@dataclass
class House:
    """A checkout service of one process."""

    market: Market
    road: Road
    checkouts: Checkouts

    @property
    def db(self) -> Database:
        return self.checkouts.db

    async def buy(
        self, buyer: User | None, *, key: str | None = None, cart_id: str | None = None, body: bytes = b"", **wish: Any
    ) -> Placed:
        user_id = buyer.id if buyer else None
        purchase = Purchase(
            **{
                "checkout_id": uuid7(),
                "order_id": uuid7(),
                "user_id": user_id,
                "email": "ada@example.com",
                "cart_id": cart_id,
                "shipping_method": "standard",
                "shipping_address": ADDRESS,
                "billing_address": ADDRESS,
                "payment_method": "card",
                "token": "tok_ok",
                "expected_total": None,
                "traceparent": "",
            }
            | wish
        )
        scope = f"user:{user_id}" if user_id else f"cart:{cart_id}"
        return await place(self.checkouts, scope, key or uuid7(), body, purchase)

    async def row(self, checkout_id: str) -> Checkout:
        row = await by_id(self.db, checkout_id)
        assert row is not None
        return row

    async def ended(self, checkout_id: str, within_seconds: float = 20.0) -> Checkout:
        """The row when it is final or parked, taken over by this process where nobody works on it."""
        give_up = time.monotonic() + within_seconds
        while True:
            row = await self.row(checkout_id)
            if row.state.final or row.state == "needs_attention":
                return row
            assert time.monotonic() < give_up, f"still {row.state} at {row.step}: {row.error}"
            run = self.checkouts.runner.find(checkout_id)
            if run is None:
                await self.checkouts.runner.tend()
            await asyncio.sleep(0.01)

    async def die(self) -> None:
        """As by kill -9: what was under way stops where it stands, and PostgreSQL sees the connections go."""
        tasks = list(self.checkouts.runner._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self.db.close()
        await asyncio.sleep(0.02)


NewHouse = Callable[..., Awaitable[House]]


@pytest.fixture
async def new_house(market: Market, templates: Any) -> AsyncIterator[NewHouse]:
    """`await new_house(reach=…, give_up_after_seconds=…)`; `beside=house` is another process on its database,
    `taxes` are asked in place of our own."""
    houses: list[House] = []
    dsns: list[str] = []

    async def make(
        *, beside: House | None = None, reach: Any = NOWHERE, taxes: Taxes | None = None, **settings: Any
    ) -> House:
        if beside is None:
            dsns.append(await templates.copy("checkout"))
        db = Database("checkout", beside.db.dsn if beside else dsns[-1], ProcessSettings().pool_size)
        chosen = Settings(**({"longest_pause_seconds": 0.02} | settings))
        road = Road()
        neighbors = Neighbors(
            **{name: Travelled(market.stub(name), road) for name in NEIGHBORS},
            timeout_seconds=5.0,
            rules=ZonesInForce(db, price_rules(chosen, taxes=taxes), own_taxes=taxes is None),
        )
        houses.append(House(market, road, checkouts_with(db, chosen, neighbors, reach)))
        return houses[-1]

    yield make
    for house in houses:
        await house.die()
    for dsn in dsns:
        await templates.drop(dsn)


@pytest.fixture
async def house(new_house: NewHouse) -> House:
    return await new_house()


@pytest.fixture
def rest(house: House) -> Rest:
    return Rest(routes.bind(house.checkouts), house.db)


@dataclass
class Shopper:
    """Somebody with two of a thing at 10.00 in the cart, of which there are ten; or at 15.00, of which a `campaign`
    that may be used once takes as much off."""

    market: Market
    user: User
    sku: str
    cart_id: str
    campaign: str | None = None

    async def assert_order_stands(self, checkout: Checkout) -> None:
        """Paid once, with the stock promised to it, and the cart empty."""
        purchase = checkout.purchase
        order = await self.market.db("order").fetchrow("SELECT * FROM orders WHERE id = $1", purchase.order_id)
        assert order is not None
        assert (order["status"], order["total_minor"]) == ("confirmed", 2994)
        payments = await self.market.db("payment").fetch(
            "SELECT * FROM payments WHERE order_id = $1", purchase.order_id
        )
        assert [(one["state"], one["amount_minor"], one["refunded_minor"]) for one in payments] == [
            ("captured", 2994, 0)
        ]
        assert order["payment_id"] == payments[0]["id"]
        assert await self.balances(checkout) == {"customer_funds": -2994, "captured": 2994}
        assert await self.at_provider(checkout) == ("captured", 0)
        assert await self.reservation(checkout) == "allocated"
        assert await self.market.stock(self.sku) == (10, 2)
        assert await self.market.in_cart(self.cart_id) == {}
        assert await self.announced(checkout) == ["order.placed"]
        if self.campaign is not None:
            assert await self.market.redeemed(self.campaign) == (1, 1000)

    async def assert_nothing_is_left(self, checkout: Checkout) -> None:
        """No money, no stock, no order that anybody was told of; the cart as it was."""
        order = await self.market.db("order").fetchrow(
            "SELECT status FROM orders WHERE id = $1", checkout.purchase.order_id
        )
        assert order is None or order["status"] == "canceled"
        balances = await self.balances(checkout)
        assert balances.get("captured", 0) == balances.get("authorized", 0) == 0
        at_provider = await self.at_provider(checkout)
        assert at_provider in {None, ("voided", 0), ("declined", 0), ("captured", 2994)}
        assert await self.reservation(checkout) in {None, "released"}
        assert await self.market.stock(self.sku) == (10, 0)
        assert await self.market.in_cart(self.cart_id) == {self.sku: 2}
        assert await self.announced(checkout) == []
        if self.campaign is not None:
            assert await self.market.redeemed(self.campaign) == (0, 0)

    async def balances(self, checkout: Checkout) -> dict[str, int]:
        rows = await self.market.db("payment").fetch(
            """
            SELECT account, sum(ledger.amount_minor)::bigint AS sum
            FROM ledger JOIN payments ON payments.id = payment_id
            WHERE key = $1 GROUP BY account HAVING sum(ledger.amount_minor) <> 0
            """,
            checkout.id,
        )
        return {row["account"]: row["sum"] for row in rows}

    async def at_provider(self, checkout: Checkout) -> tuple[str, int] | None:
        row = await self.market.db("payment").fetchrow(
            "SELECT status, refunded_minor FROM simulator.payments WHERE key = $1", checkout.id
        )
        return (row["status"], row["refunded_minor"]) if row else None

    async def reservation(self, checkout: Checkout) -> str | None:
        state: str | None = await self.market.db("inventory").fetchval(
            "SELECT state FROM reservations WHERE key = $1", checkout.id
        )
        return state

    async def announced(self, checkout: Checkout) -> list[str]:
        rows = await self.market.db("order").fetch(
            "SELECT type FROM event_log WHERE subject = $1 ORDER BY id", checkout.purchase.order_id
        )
        return [row["type"] for row in rows]


NewShopper = Callable[..., Awaitable[Shopper]]


@pytest.fixture
def new_shopper(market: Market) -> NewShopper:
    async def make(**offer: int) -> Shopper:
        user = new_user()
        sku = await market.offer(**offer)
        return Shopper(market, user, sku, await market.fill(user.id, **{sku: 2}))

    return make


@pytest.fixture
async def shopper(new_shopper: NewShopper) -> Shopper:
    return await new_shopper()


@pytest.fixture
async def promoted(new_shopper: NewShopper) -> Shopper:
    """Who pays as much, after a campaign has taken 10.00 off."""
    shopper = await new_shopper(price=1500)
    off = {"kind": "amount", "amounts": [{"amount": 1000, "currency": "GBP"}]}
    campaign = await shopper.market.run(
        effects=[off], selection={"skus": [shopper.sku]}, limits={"most_uses": 1, "most_uses_per_customer": 1}
    )
    return replace(shopper, campaign=campaign)
