"""The public API of labels."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from stoa.contracts.catalog.v1.catalog_pb2 import GetProductRequest
from stoa.kit.http.routes import PUBLIC, UNKEPT, Request, Routes


class Printer:
    def __init__(self, catalog: Any) -> None:
        self.catalog = catalog
        self.cleaned = 0

    async def clean(self) -> None:
        self.cleaned += 1


routes: Routes[Printer] = Routes("labels")


class Greeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(max_length=40)]


class Label(msgspec.Struct, frozen=True):
    text: str


@routes.get("/labels/{product}", answer=Label, who=PUBLIC, summary="What is printed on a product's label")
async def show_label(printer: Printer, request: Request) -> Label:
    return Label(await name_of(printer, request.path["product"]))


@routes.post(
    "/labels/{product}", body=Greeting, answer=Label, who=PUBLIC, idempotent=UNKEPT, summary="A label that greets"
)
async def greet(printer: Printer, request: Request[Greeting]) -> Label:
    return Label(f"{await name_of(printer, request.path['product'])}: {request.body.text}")


async def name_of(printer: Printer, product: str) -> str:
    answer = await printer.catalog.GetProduct(GetProductRequest(product=product))
    return str(answer.product.name)
