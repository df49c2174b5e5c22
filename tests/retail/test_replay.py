"""A history is bought through the public API; what goes back is received by whichever administrator there is."""

from __future__ import annotations

from datetime import UTC, datetime

from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.retail.history import HistoricProduct, History, Invoice
from stoa.retail.import_history import import_history
from stoa.retail.replay import Replay, Report, Shop

AT = datetime(2010, 12, 1, 8, 26, tzinfo=UTC)
HISTORY = History(
    products={"85123A": HistoricProduct("85123A", "White hanging heart", 255, 50)},
    customers={17850: "United Kingdom"},
    invoices=[
        Invoice("536365", 17850, "United Kingdom", AT, {"85123A": 6}),
        Invoice("536367", None, "United Kingdom", AT, {"85123A": 1}),
    ],
    returns=[Invoice("C536379", 17850, "United Kingdom", AT, {"85123A": 2})],
)


async def replay(shop, admin_email: str | None) -> Report:
    await import_history(HISTORY, shop.process.neighbors.operator_channel, lambda _: None)
    auth = AuthServiceStub(shop.process.neighbors.operator_channel("auth"))

    async def token_of(email: str) -> str:
        return (await auth.OpenSession(auth_pb2.OpenSessionRequest(email=email, reason="a test"))).access_token

    url = f"http://127.0.0.1:{shop.process.port}"
    return await Replay(Shop(shop.http, url), admin_email, token_of, lambda: None).run(
        HISTORY, invoices=2, concurrency=2
    )


async def test_any_administrator_takes_back_what_was_bought(shop) -> None:
    auth = AuthServiceStub(shop.process.neighbors.operator_channel("auth"))
    ada = auth_pb2.ImportUsersRequest.NewUser(
        email="ada@shop.example", first_name="Ada", last_name="Lovelace", roles=["admin"]
    )
    await auth.ImportUsers(auth_pb2.ImportUsersRequest(users=[ada]))
    report = await replay(shop, "ada@shop.example")
    assert (report.orders, report.returned_orders, report.returns_left_out) == (2, 1, 0)
    assert not report.failures


async def test_without_an_administrator_the_rest_is_bought(shop) -> None:
    report = await replay(shop, None)
    assert (report.orders, report.returned_orders, report.returns_left_out) == (2, 0, 1)
    assert not report.failures
