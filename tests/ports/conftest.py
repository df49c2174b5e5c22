"""A package from outside, as an installer would lay it down, with a provider for each port."""

from __future__ import annotations

from pathlib import Path

import pytest

MODULE = '''
from __future__ import annotations

import asyncio
from dataclasses import dataclass

from stoa.kit.money import Money
from stoa.ports.mail import Undeliverable
from stoa.ports.payment import Heard, NotGenuine, Said, SaidOfRefund, Status
from stoa.ports.shipping import NotDelivered

RATES = {"GB": 20, "DE": 19}


@dataclass(frozen=True)
class TaxSettings:
    elsewhere_percent: int = 0


@dataclass(frozen=True)
class ByCountry:
    settings: TaxSettings

    async def on(self, parts, currency, destination):
        country = destination.country if destination else "GB"
        percent = RATES.get(country, self.settings.elsewhere_percent)
        return [Money(part.amount * percent // 100, currency) for part in parts], f"{percent} % in {country}"


def taxes(read):
    return ByCountry(read(TaxSettings))


class Rates:
    methods = ("bicycle",)

    async def cost(self, method, goods, destination):
        if destination and destination.country == "FR":
            await asyncio.get_running_loop().create_future()
        if destination and destination.country != "GB":
            raise NotDelivered(method, destination)
        return Money(100, goods.currency), "by bicycle"


def rates(read):
    return Rates()


class Bank:
    """Remembers in the process, which is long enough for a test."""

    def __init__(self):
        self.payments = {}

    async def authorize(self, key, *, order_id, amount, token):
        if token != "bank-card":
            return Said(Status.DECLINED, reason="the bank has its own words")
        self.payments.setdefault(key, Status.AUTHORIZED)
        return await self.query(key)

    async def query(self, key):
        return Said(self.payments.get(key, Status.ABSENT), reference=f"bank-{key[:8]}")

    async def capture(self, key):
        self.payments[key] = Status.CAPTURED
        return await self.query(key)

    async def void(self, key):
        self.payments[key] = Status.VOIDED
        return await self.query(key)

    async def refund(self, key, *, refund_key, amount):
        return SaidOfRefund(done=True, reference=f"back-{refund_key[:8]}")

    async def read_webhook(self, headers, body):
        if headers.get("bank-signature") != "genuine":
            raise NotGenuine
        return None


def bank(read):
    return Bank()


class Carrier:
    def __init__(self):
        self.sent = []
        self.down = 0

    async def send(self, mail):
        if mail.recipient.startswith("nobody"):
            raise Undeliverable("there is no such mailbox")
        if self.down:
            self.down -= 1
            raise OSError("the carrier is away")
        self.sent.append(mail)


CARRIER = Carrier()


def carrier(read):
    return CARRIER


def broken(read):
    raise ConnectionError("no licence\\nand a second line")
'''

ENTRY_POINTS = """\
[stoa.tax]
by-country = acme:taxes
broken = acme:broken
absent = acme:nothing

[stoa.shipping]
bicycle = acme:rates

[stoa.payment]
bank = acme:bank

[stoa.mail]
carrier = acme:carrier
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that it was installed to."""
    folder = tmp_path / "site"
    described = folder / "acme-1.2.dist-info"
    described.mkdir(parents=True)
    (folder / "acme.py").write_text(MODULE)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.2\n")
    (described / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(__import__("sys").modules, "acme", raising=False)
    return folder
