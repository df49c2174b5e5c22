"""A small service of its own, with a route of every kind, for the tests of the layer."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta
from signing import PERMISSIONS
from tests.signing import jwks

from stoa.kit import context, problems
from stoa.kit.http.app import Api, build
from stoa.kit.http.routes import (
    ANYONE,
    OWN,
    OWN_REQUIRED,
    OWNER,
    PUBLIC,
    REQUIRED,
    SIGNED_IN,
    UNKEPT,
    Answer,
    Raw,
    Request,
    Routes,
    may,
)
from stoa.kit.http.types import Address, Email, Name, Page, PageQuery, Price, Quantity, Sku
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.tokens import Verifier


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity


class NewBasket(msgspec.Struct, forbid_unknown_fields=True):
    lines: Annotated[list[Line], Meta(max_length=3)]
    email: Email | None = None
    note: Annotated[str, Meta(max_length=100)] = ""
    price: Price | None = None
    address: Address | None = None
    labels: dict[str, Name] = {}


class Filter(PageQuery, forbid_unknown_fields=True):
    name: Name | None = None
    cheap: bool = False
    max_price: Annotated[int, Meta(ge=0, le=1000)] | None = None


class View(msgspec.Struct):
    text: str
    user_id: str | None = None
    client: str = ""


class Vase(msgspec.Struct):
    color: str
    version: int
    price: int = 5


class Paint(msgspec.Struct, forbid_unknown_fields=True):
    color: Name


class Shop:
    """What the handlers work on: counts what really ran."""

    def __init__(self) -> None:
        self.vases = {"blue": Vase("blue", 3)}
        self.baskets: list[NewBasket] = []
        self.ran: list[str] = []
        self.seen: list[context.Context] = []


routes: Routes[Shop] = Routes("shop")


@routes.get("/things/{ref}", answer=View, who=ANYONE, summary="One thing")
async def show(shop: Shop, request: Request) -> View:
    """Everything about a thing."""
    shop.seen.append(context.current())
    user = request.principal.user_id if request.principal else None
    return View(request.path["ref"], user, request.client)


@routes.get("/things", query=Filter, answer=Page[View], who=ANYONE)
async def find(shop: Shop, request: Request[None, Filter]) -> Page[View]:
    return Page([View(f"{request.query.name} {request.query.limit} {request.query.cheap} {request.query.max_price}")])


@routes.get("/things/{thing_id:uuid}/history", answer=View, who=OWNER)
async def history(shop: Shop, request: Request) -> View:
    return View(request.path["thing_id"], request.user_id)


@routes.post("/baskets", body=NewBasket, answer=View, status=201, who=ANYONE)
async def add(shop: Shop, request: Request[NewBasket]) -> Answer:
    shop.baskets.append(request.body)
    return Answer(201, View(request.body.note), {"Location": "/api/v1/baskets/1"})


@routes.post("/orders", answer=View, who=SIGNED_IN, idempotent=REQUIRED)
async def order(shop: Shop, request: Request) -> View:
    shop.ran.append(f"{request.user_id} {request.idempotency_key}")
    return View(f"order {len(shop.ran)}")


@routes.post("/orders/{number}/cancel", answer=View, who=ANYONE)
async def cancel(shop: Shop, request: Request) -> View:
    shop.ran.append(request.path["number"])
    await asyncio.sleep(0.01)
    return View(f"cancel {len(shop.ran)}")


@routes.post("/own", answer=View, who=ANYONE, idempotent=OWN)
async def own(shop: Shop, request: Request) -> View:
    return View(str(request.idempotency_key))


@routes.post("/own/{number}", answer=View, who=SIGNED_IN, idempotent=OWN_REQUIRED)
async def own_required(shop: Shop, request: Request) -> View:
    return View(f"{request.idempotency_key} {request.path['number']}")


@routes.post("/boxes/{box_id}", body=NewBasket, answer=View, who=ANYONE, capability="box_id")
async def fill(shop: Shop, request: Request[NewBasket]) -> View:
    """A box belongs to whoever knows its id."""
    shop.ran.append(request.path["box_id"])
    return View(f"fill {len(shop.ran)}")


@routes.get("/vases/{ref}", answer=Vase, who=ANYONE)
async def show_vase(shop: Shop, request: Request) -> Vase:
    if request.path["ref"] not in shop.vases:
        raise problems.NotFound("There is no such vase.")
    return shop.vases[request.path["ref"]]


@routes.put("/vases/{ref}", body=Paint, answer=Vase, who=ANYONE, versioned=True)
async def paint(shop: Shop, request: Request[Paint]) -> Answer:
    before = shop.vases.get(request.path["ref"])
    request.if_match.check(before.version if before else None)
    after = shop.vases[request.path["ref"]] = Vase(request.body.color, before.version + 1 if before else 1)
    return Answer(200 if before else 201, after)


@routes.delete("/vases/{ref}", who=ANYONE, versioned=True)
async def break_vase(shop: Shop, request: Request) -> None:
    request.if_match.check(shop.vases[request.path["ref"]].version)
    del shop.vases[request.path["ref"]]


@routes.get("/windows/{ref}", answer=View, who=PUBLIC)
async def look(shop: Shop, request: Request) -> View:
    if request.path["ref"] == "draft" and request.principal is None:
        raise problems.NotFound("There is no such window.")
    return View(request.path["ref"], request.principal.user_id if request.principal else None)


@routes.post("/doors", answer=View, who=PUBLIC, idempotent=UNKEPT, summary="Knock", also=["/gates/main-gate"])
async def knock(shop: Shop, request: Request) -> View:
    shop.ran.append("knock")
    return View(request.refused.slug if request.refused else "", request.principal and request.principal.user_id)


@routes.post("/hooks", body=bytes, who=ANYONE)
async def hook(shop: Shop, request: Request[bytes]) -> None:
    assert request.body == request.raw
    shop.ran.append(request.raw.decode())


@routes.delete("/things/{ref}", who=may("things.things.remove", own=True))
async def remove(shop: Shop, request: Request) -> None:
    shop.ran.append(f"removed {request.path['ref']}")


@routes.get("/files/{name}", who=ANYONE)
async def file(shop: Shop, request: Request) -> Raw:
    return Raw(b"a,b\n", "text/csv")


class Panic(BaseException):
    """No Exception, like those of Rust."""


class OutOfStock(problems.Conflict):
    title = "Out of stock"
    slug = "out-of-stock"


@routes.get("/fails/{how}", answer=View, who=ANYONE)
async def fail(shop: Shop, request: Request) -> View:
    match request.path["how"]:
        case "expected":
            raise OutOfStock("Only 3 are left.", field="items[0].quantity", available=3)
        case "unexpected":
            raise RuntimeError("the password is hunter2")
        case "panicking":
            raise Panic("the password is hunter2")
        case "later":
            raise problems.TooManyRequests("Later.", retry_after_seconds=7)
        case _:
            await asyncio.sleep(60)
            return View("never")


async def fetch_keys() -> str:
    return jwks("first")


def app_of(shop: Shop, keys: IdempotencyKeys | None = None, edge_secret: str = "") -> Api:
    return build(
        [routes.bind(shop)],
        verifier=Verifier(fetch_keys, PERMISSIONS),
        keys={"shop": keys} if keys else {},
        edge_secret=edge_secret,
    )
