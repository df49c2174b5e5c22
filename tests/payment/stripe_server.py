"""A server that speaks as Stripe does where we ask it: the paths, members, states and errors of its documentation.

It has a memory, answers a repeat of an idempotency key with what it answered first, and refuses that key with another
body. Tokens are Stripe's own for tests. What is in `lost` is done, and its answer never comes; what is in `deaf` is not
done either.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from multidict import MultiDict

API_KEY = "sk_test_" + "0" * 24
WEBHOOK_SECRET = "whsec_" + "1" * 32

DECLINES = {
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "tok_chargeDeclined": "generic_decline",
}
ACCEPTED = {"pm_card_visa", "tok_visa", "ctoken_visa"}
NEEDS_ITS_OWNER = {"pm_card_threeDSecure2Required"}


class Refused(Exception):
    def __init__(self, status: int, **error: Any) -> None:
        super().__init__(error.get("code"))
        self.status = status
        self.error = error


class StripeServer:
    def __init__(self) -> None:
        self.endpoint = ""
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.customers: dict[str, dict[str, Any]] = {}
        self.attached: dict[str, str] = {}
        self.lost: set[str] = set()
        self.deaf: set[str] = set()
        self.asked: list[str] = []
        self._answers: dict[str, tuple[dict[str, str], int, Any]] = {}
        self._numbers = itertools.count(1)

    async def answer(self, request: web.Request) -> web.Response:
        form: MultiDict[str] = MultiDict(await request.post() or request.query)  # type: ignore[arg-type]
        body, key = dict(form), request.headers.get("Idempotency-Key")
        path = [part for part in request.path.split("/") if part][1:]
        act = path[2] if len(path) > 2 else {"GET": "retrieve", "POST": "create"}[request.method]
        name = f"{act} {path[0]}"
        self.asked.append(name)
        if name in self.deaf:
            await asyncio.get_running_loop().create_future()
        status, document = self._answered(request, key, body, path, act)
        if name in self.lost:
            await asyncio.get_running_loop().create_future()
        return web.json_response(document, status=status, headers={"Request-Id": f"req_{next(self._numbers)}"})

    def _answered(
        self, request: web.Request, key: str | None, body: dict[str, str], path: list[str], act: str
    ) -> tuple[int, Any]:
        if request.headers.get("Authorization") != f"Bearer {API_KEY}":
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}
        if key is not None and key in self._answers:
            before, status, document = self._answers[key]
            if before != body:
                message = "Keys for idempotent requests can only be used with the same parameters."
                return 400, {"error": {"type": "idempotency_error", "message": message}}
            return status, document
        try:
            status, document = 200, json.loads(json.dumps(getattr(self, f"_{act}_{path[0]}")(path[1:2], body)))
        except Refused as refused:
            status, document = refused.status, {"error": refused.error}
        if key is not None:
            self._answers[key] = body, status, document
        return status, document

    def _create_payment_intents(self, _: list[str], body: dict[str, str]) -> dict[str, Any]:
        intent = {
            "id": f"pi_{next(self._numbers):024}",
            "object": "payment_intent",
            "amount": int(body["amount"]),
            "amount_capturable": 0,
            "amount_received": 0,
            "capture_method": body["capture_method"],
            "currency": body["currency"],
            "last_payment_error": None,
            "customer": body.get("customer"),
            "metadata": _metadata(body),
            "status": "requires_payment_method",
        }
        self.intents[intent["id"]] = intent  # type: ignore[index]
        return intent

    def _retrieve_payment_intents(self, named: list[str], body: dict[str, str]) -> dict[str, Any]:
        if named[0] not in self.intents:
            raise Refused(404, type="invalid_request_error", code="resource_missing", param="intent", message="none")
        intent, given = self.intents[named[0]], self.refunds.values()
        charge = {
            "id": "ch_1",
            "object": "charge",
            "currency": intent["currency"],
            "amount_refunded": sum(one["amount"] for one in given if one["payment_intent"] == intent["id"]),
        }
        return {**intent, "latest_charge": charge if body.get("expand[0]") else "ch_1"}

    def _confirm_payment_intents(self, named: list[str], body: dict[str, str]) -> dict[str, Any]:
        intent = self._in_state(named, "requires_payment_method")
        token = (
            body.get("payment_method") or body.get("payment_method_data[card][token]") or body.get("confirmation_token")
        )
        if (owner := self.attached.get(token or "")) not in {None, intent["customer"]}:
            message = f"The provided PaymentMethod is of another Customer: {owner}."
            raise Refused(400, type="invalid_request_error", param="payment_method", message=message)
        code = DECLINES.get(token or "")
        if code is not None or token in NEEDS_ITS_OWNER:
            decline = {"code": "card_declined", "decline_code": code} if code else {"code": "authentication_required"}
            error = {"type": "card_error", "message": "Your card was declined.", **decline}
            intent["last_payment_error"] = error
            raise Refused(402, **error)
        if token not in ACCEPTED:
            raise Refused(
                400,
                type="invalid_request_error",
                code="resource_missing",
                param="payment_method" if token == body.get("payment_method") else "payment_method_data[card][token]",
                message=f"No such PaymentMethod: '{token}'",
            )
        return self._become(intent, status="requires_capture", amount_capturable=intent["amount"])

    def _capture_payment_intents(self, named: list[str], _: dict[str, str]) -> dict[str, Any]:
        intent = self._in_state(named, "requires_capture")
        return self._become(intent, status="succeeded", amount_capturable=0, amount_received=intent["amount"])

    def _cancel_payment_intents(self, named: list[str], _: dict[str, str]) -> dict[str, Any]:
        intent = self._in_state(named, "requires_payment_method", "requires_capture")
        return self._become(intent, status="canceled", amount_capturable=0)

    def _create_refunds(self, _: list[str], body: dict[str, str]) -> dict[str, Any]:
        intent, amount = self._retrieve_payment_intents([body["payment_intent"]], {}), int(body["amount"])
        if intent["status"] != "succeeded":
            raise Refused(400, type="invalid_request_error", code="missing", message="no successful charge to refund")
        gone = sum(one["amount"] for one in self.refunds.values() if one["payment_intent"] == intent["id"])
        if gone == intent["amount"]:
            raise Refused(400, type="invalid_request_error", code="charge_already_refunded", message="refunded")
        if gone + amount > intent["amount"]:
            message = "Refund amount is greater than unrefunded amount on charge"
            raise Refused(400, type="invalid_request_error", param="amount", message=message)
        refund = {
            "id": f"re_{next(self._numbers):024}",
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "status": "succeeded",
        }
        self.refunds[refund["id"]] = refund
        return refund

    def _create_customers(self, _: list[str], body: dict[str, str]) -> dict[str, Any]:
        customer = {"id": f"cus_{next(self._numbers):014}", "object": "customer", "metadata": _metadata(body)}
        self.customers[customer["id"]] = customer  # type: ignore[index]
        return customer

    def _attach_payment_methods(self, named: list[str], body: dict[str, str]) -> dict[str, Any]:
        if named[0] not in ACCEPTED | DECLINES.keys() or body["customer"] not in self.customers:
            raise Refused(404, type="invalid_request_error", code="resource_missing", param="id", message="none")
        self.attached[named[0]] = body["customer"]
        card = {"brand": "visa", "last4": "4242", "exp_month": 5, "exp_year": 2031}
        return {"id": named[0], "object": "payment_method", "type": "card", "customer": body["customer"], "card": card}

    def _detach_payment_methods(self, named: list[str], _: dict[str, str]) -> dict[str, Any]:
        if self.attached.pop(named[0], None) is None:
            raise Refused(400, type="invalid_request_error", message="It is not attached to a customer.")
        return {"id": named[0], "object": "payment_method", "type": "card", "customer": None, "card": None}

    def _in_state(self, named: list[str], *states: str) -> dict[str, Any]:
        self._retrieve_payment_intents(named, {})
        intent = self.intents[named[0]]
        if intent["status"] not in states:
            message = f"This PaymentIntent has a status of {intent['status']}."
            raise Refused(400, type="invalid_request_error", code="payment_intent_unexpected_state", message=message)
        return intent

    @staticmethod
    def _become(intent: dict[str, Any], **changes: Any) -> dict[str, Any]:
        intent.update(changes)
        return intent

    def webhook(self, kind: str, intent: dict[str, Any], *, at: float | None = None) -> tuple[dict[str, str], bytes]:
        """Headers and body, signed as Stripe signs: https://docs.stripe.com/webhooks#verify-manually"""
        event = {"id": "evt_1", "object": "event", "type": kind, "data": {"object": intent}}
        body = json.dumps(event).encode()
        stamp = int(time.time() if at is None else at)
        mac = hmac.new(WEBHOOK_SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"stripe-signature": f"t={stamp},v1={mac}"}, body


def _metadata(body: dict[str, str]) -> dict[str, str]:
    return {name[9:-1]: value for name, value in body.items() if name.startswith("metadata[")}


@asynccontextmanager
async def running(server: StripeServer) -> AsyncIterator[str]:
    """Where it is spoken, for as long as this lasts."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.endpoint = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    try:
        yield server.endpoint
    finally:
        await runner.cleanup()
