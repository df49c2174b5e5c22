"""The public API of gift wraps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from stoa.kit.http.routes import OWNER, PUBLIC, Request, Routes
from stoa_giftwrap.service.repository import Wrap
from stoa_giftwrap.service.wraps import Wraps, choose, wrap_of

routes: Routes[Wraps] = Routes("giftwrap", about={"order_id": "The order's id"})


class Papers(msgspec.Struct, frozen=True):
    items: Sequence[str]


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paper: Annotated[str, Meta(min_length=1, max_length=40)]
    message: Annotated[str, Meta(max_length=200)] = ""


class WrapView(msgspec.Struct, frozen=True):
    """`paper` is empty where nothing was chosen; `open` while something still can be."""

    order_id: str
    paper: str
    message: str
    open: bool


@routes.get("/giftwraps", answer=Papers, who=PUBLIC, summary="The papers that an order can be wrapped in")
async def list_papers(wraps: Wraps, request: Request) -> Papers:  # noqa: ARG001
    return Papers(wraps.settings.papers)


@routes.get("/orders/{order_id:uuid}/giftwrap", answer=WrapView, who=OWNER, summary="How your order is wrapped")
async def show_wrap(wraps: Wraps, request: Request) -> WrapView:
    return _view(await wrap_of(wraps, request.path["order_id"], request.user_id))


@routes.put(
    "/orders/{order_id:uuid}/giftwrap", body=Choice, answer=WrapView, who=OWNER, summary="Have your order wrapped"
)
async def choose_wrap(wraps: Wraps, request: Request[Choice]) -> WrapView:
    chosen = request.body
    order_id = request.path["order_id"]
    return _view(await choose(wraps, order_id, request.user_id, paper=chosen.paper, message=chosen.message))


def _view(wrap: Wrap) -> WrapView:
    return WrapView(order_id=wrap.order_id, paper=wrap.paper, message=wrap.message, open=wrap.is_open)
