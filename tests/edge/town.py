"""What stands behind the gateway in its tests: an auth that forgets sessions, and a catalog that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from tests.signing import jwks

from stoa import app
from stoa.contracts.auth.v1 import auth_pb2, auth_pb2_grpc
from stoa.edge.gateway import Gateway, GatewaySettings
from stoa.edge.gateway.paths import Target
from stoa.kit import problems
from stoa.kit.channels import InProcessChannel, Registry
from stoa.kit.events import Event
from stoa.kit.http import edge
from stoa.kit.http.app import Api, build
from stoa.kit.http.routes import ANYONE, OPTIONAL, PUBLIC, SIGNED_IN, UNKEPT, Answer, Request, Routes, may
from stoa.kit.http.types import PageQuery
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.service import Service
from stoa.kit.tokens import Verifier


class Auth(auth_pb2_grpc.AuthServiceServicer):
    """Knows which sessions have ended, and how often it was asked."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        self.roles_version = 0
        self.asked = 0
        self.down = False

    async def CheckSession(  # noqa: N802
        self, request: Any, _context: Any
    ) -> auth_pb2.CheckSessionResponse:
        self.asked += 1
        if self.down:
            raise problems.Unavailable("auth does not answer")
        return auth_pb2.CheckSessionResponse(
            active=request.session_id not in self.ended, roles_version=self.roles_version
        )

    async def GetSigningKeys(  # noqa: N802
        self, _request: Any, _context: Any
    ) -> auth_pb2.GetSigningKeysResponse:
        return auth_pb2.GetSigningKeysResponse(jwks_json=jwks("first"))


class Product(msgspec.Struct):
    id: str
    slug: str
    name: str
    version: int = 1


class Seen(msgspec.Struct):
    """What a service got to see of a request."""

    method: str
    path: str
    user_id: str | None
    client: str
    headers: dict[str, str]


class Town:
    """Every service of the shop in small, in this process."""

    def __init__(self) -> None:
        self.auth = Auth()
        self.products = {each: Product(each, f"slug-{each}", f"{each} 1") for each in ("lamp", "vase")}
        self.description_of_draft = ""
        self.reads = 0
        self.passing = asyncio.Event()
        self.passing.set()
        self.arrived = asyncio.Event()
        registry = Registry()
        auth_pb2_grpc.add_AuthServiceServicer_to_server(self.auth, registry)
        self.channel = InProcessChannel(registry)
        self.verifier = Verifier(self.fetch_keys, app.PERMISSIONS)
        self.api = self.api_of("auth", "user", "catalog", "inventory", "cart", "checkout", "order", "payment")

    async def fetch_keys(self) -> str:
        return jwks("first")

    def api_of(self, *services: str, keys: Mapping[str, IdempotencyKeys] | None = None) -> Api:
        bound = [every_route(service).bind(self) for service in services if service != "catalog"]
        if "catalog" in services:
            bound.append(catalog.bind(self))
        return build(bound, verifier=self.verifier, keys=keys, edge_secret="between us")

    def gateway(self, visitor_secret: str = "of visitors", pages: Path | None = None, **settings: Any) -> Gateway:
        return Gateway(
            SERVICES,
            {each.name: self.api for each in SERVICES},
            self.verifier,
            self.channel,
            settings=GatewaySettings(**settings),
            visitor_secret=visitor_secret,
            pages=pages,
        )


def seen(request: Request, method: str) -> Seen:
    user = request.principal.user_id if request.principal else None
    return Seen(method, "", user, request.client, dict(request.headers))


def ended_by(path: str, request: Request[bytes]) -> dict[str, str]:
    """As auth says which sessions an act has ended: signing out your own, by whatever token the body names others."""
    if path == "/auth/logout":
        own = [request.principal.session_id] if request.principal else []
        ended = own + [each for each in request.raw.decode().split(",") if each]
        return {edge.ENDED_SESSIONS: ",".join(ended)} if ended else {}
    return {edge.ENDED_USER: request.user_id} if path == "/users/change-password" else {}


OWN_PATHS = {
    "auth": ("/auth/login", "/auth/logout", "/users/register"),
    "user": ("/users/profile", "/users/change-password"),
    "inventory": ("/inventory/{sku}", "/warehouses", "/reservations"),
    "cart": ("/cart", "/cart/{ref}"),
    "checkout": ("/orders", "/checkout/quote"),
    "order": ("/orders", "/orders/{order_id}", "/orders/{order_id}/cancel"),
    "payment": ("/payments",),
}


def declare_change(routes: Routes[Town], path: str) -> None:
    who, idempotent = (PUBLIC, UNKEPT) if routes.service == "auth" else (ANYONE, OPTIONAL)

    @routes.post(path, answer=Seen, body=bytes, who=who, idempotent=idempotent)
    async def change(town: Town, request: Request[bytes]) -> Answer:
        return Answer(200, seen(request, f"{routes.service} POST"), ended_by(path, request))


def every_route(service: str) -> Routes[Town]:
    """Routes that tell what they saw, under the paths that the service has; checkout alone takes new orders."""
    routes: Routes[Town] = Routes(service)
    for path in OWN_PATHS[service]:
        if service != "checkout":

            @routes.get(path, answer=Seen, who=ANYONE)
            async def read(town: Town, request: Request) -> Seen:
                return seen(request, f"{service} GET")

        if (service, path) != ("order", "/orders"):
            declare_change(routes, path)

    return routes


catalog: Routes[Town] = Routes("catalog")


@catalog.get("/products/{product}", answer=Product, who=PUBLIC)
async def show(town: Town, request: Request) -> Product | Answer:
    town.reads += 1
    ref = request.path["product"]
    if ref == "draft" and request.principal is not None and request.principal.may("catalog.products.edit_own"):
        return Product("draft", f"slug-draft{town.description_of_draft}", f"of {request.principal.user_id}")
    editor = request.principal is not None and request.principal.may("catalog.products.edit")
    assert request.principal is None or editor or ref not in town.products
    found = next((each for each in town.products.values() if ref in {each.id, each.slug}), None)
    if found is None:
        raise problems.NotFound("There is no such product.")
    found = msgspec.structs.replace(found, name=f"{found.name}, for editors" if editor else found.name)
    town.arrived.set()
    await town.passing.wait()
    return found


class Products(msgspec.Struct):
    items: list[Product]


@catalog.get("/products", query=PageQuery, answer=Products, who=PUBLIC)
async def listed(town: Town, request: Request[None, PageQuery]) -> Products:
    town.reads += 1
    return Products([msgspec.structs.replace(each) for each in town.products.values()][: request.query.limit])


@catalog.get("/categories", answer=Products, who=PUBLIC)
async def categories(town: Town, request: Request) -> Products:
    town.reads += 1
    return Products([])


@catalog.get("/prices", answer=Products, who=PUBLIC)
async def prices(town: Town, request: Request) -> Products:
    """Of a product named for whom its price is."""
    town.reads += 1
    return Products([Product("lamp", "lamp", " and ".join(request.groups) or "everybody")])


@catalog.get("/products/{product}/similar", answer=Seen, who=SIGNED_IN)
async def similar(town: Town, request: Request) -> Seen:
    return seen(request, "similar")


@catalog.put("/products/{product}", body=bytes, answer=Product, who=may("catalog.products.edit"), versioned=True)
async def rename(town: Town, request: Request[bytes]) -> Product:
    product = town.products[request.path["product"]]
    request.if_match.check(product.version)
    product.name = request.body.decode()
    product.version += 1
    return product


def declared(service: str) -> Service:
    """As its routes are; the rest as on our page."""
    routes = catalog if service == "catalog" else every_route(service)
    posts = {each.path for each in routes.bind(None).routes if each.method == "POST"}  # type: ignore[arg-type]
    paths = tuple(f"{each.method} {each.path}" for each in routes.bind(None).routes)  # type: ignore[arg-type]
    ours = app.SERVICES[service]
    public = tuple(each for each in ours.public if f"GET {each.path}" in paths)
    sign_ins = tuple(each for each in ours.sign_ins if each in posts)
    return replace(ours, paths=paths, public=public, sign_ins=sign_ins, bodies=())


SERVICES = tuple(map(declared, ("auth", "user", "catalog", "inventory", "cart", "checkout", "order", "payment")))
LISTS = Target(
    app.SERVICES["catalog"], app.SERVICES["catalog"].public[0], shows_one=False, sign_in=False, most_body_bytes=0
)
"""Where a public read of many leads."""


def updated(product_id: str) -> Event:
    return Event(
        id="e",
        type="product.updated",
        source="catalog",
        subject=product_id,
        time="2026-11-21T10:00:00Z",
        aggregateversion=2,
        traceparent="",
        data={"product_id": product_id},
    )
