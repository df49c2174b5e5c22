"""What the reconciliation has found, over REST."""

from __future__ import annotations

from datetime import datetime

import msgspec

from stoa.kit import problems
from stoa.kit.http.pages import decode_key, page_of
from stoa.kit.http.routes import Request, Routes, may
from stoa.kit.http.types import Id, Page, PageQuery, Reason
from stoa.kit.ids import FIRST
from stoa.services.payment import drifts_repository
from stoa.services.payment.drift import Kind
from stoa.services.payment.drifts_repository import DriftRow
from stoa.services.payment.reconcile import reconcile_now, settle_drift
from stoa.services.payment.service import Payments

routes: Routes[Payments] = Routes("payment")

READ = may("payment.payments.read")
SETTLE = may("payment.drifts.settle")


class Settlement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was done about it."""

    note: Reason


class DriftView(msgspec.Struct, frozen=True, kw_only=True):
    """`here` is what the payment's row says, `there` what the ledger, the order or the provider says. It has ended at
    `ended_at`: with a `note` of whoever settled it, or by itself."""

    id: str
    payment_id: str
    order_id: str | None
    kind: Kind
    here: str
    there: str
    found_at: datetime
    seen_at: datetime
    ended_at: datetime | None
    note: str | None


@routes.get(
    "/payments/drifts",
    query=PageQuery,
    answer=Page[DriftView],
    who=READ,
    summary="Where ledger, orders and provider disagree",
)
async def list_drifts(payments: Payments, request: Request[None, PageQuery]) -> Page[DriftView]:
    """Those that are open, the oldest first."""
    query = request.query
    after = decode_key(query.cursor, tuple[Id]) or FIRST
    rows = await drifts_repository.open_drifts(payments.db, after, query.limit + 1)
    return page_of([_view(row) for row in rows], query.limit, lambda view: (view.id,))


@routes.post(
    "/payments/{payment_id:uuid}/reconcile",
    answer=Page[DriftView],
    who=READ,
    raises=(problems.Unavailable,),
    summary="Compare a payment now",
)
async def reconcile_payment(payments: Payments, request: Request) -> Page[DriftView]:
    """With its ledger, its order and its provider; the last hundred that were found of it, the newest first."""
    payment_id = request.path["payment_id"]
    await reconcile_now(payments, payment_id)
    return Page([_view(row) for row in await drifts_repository.drifts_of_payment(payments.db, payment_id)])


@routes.post("/payments/drifts/{drift_id:uuid}/settle", body=Settlement, who=SETTLE, summary="Somebody has seen to it")
async def settle(payments: Payments, request: Request[Settlement]) -> None:
    """It is not found again, as long as both sides say the same."""
    await settle_drift(payments, request.path["drift_id"], request.body.note)


def _view(row: DriftRow) -> DriftView:
    return DriftView(**msgspec.structs.asdict(row))
