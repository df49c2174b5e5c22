"""Who stands behind a port and is down is left in peace, and whoever asks is told at once."""

from __future__ import annotations

import asyncio

import pytest

from stoa.kit import breaker, problems
from stoa.kit.breaker import FAILURES_TO_OPEN, Breaker
from stoa.kit.money import Money
from stoa.kit.settings import BadSetting
from stoa.ports.asking import answer_unless_down
from stoa.ports.destination import Destination
from stoa.ports.shipping import NotDelivered
from stoa.ports.tax import TaxAtRate, TaxesDue
from stoa.services.checkout import price_rules
from stoa.services.checkout.errors import ShippingUnavailable, TaxesUnavailable
from stoa.services.checkout.pricing import Item, quote
from stoa.services.checkout.settings import Settings

HOME = Destination("GB")


class Provider:
    """Taxes that answer with what is in `answers` next, or raise it."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: object = None

    async def due(self, asked):
        self.asked += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer == "silence":
            await asyncio.get_running_loop().create_future()
        return self.answer or TaxesDue(parts=[Money(0, "GBP")] * len(asked.parts), rates=[], how="none")


def bought() -> list[Item]:
    return [Item(sku="A", product_id="p", name="A", unit_price=Money(100, "GBP"), quantity=1)]


@pytest.mark.parametrize("failure", [ConnectionError("gone"), "silence", problems.Unavailable("later"), KeyError("x")])
async def test_who_fails_again_and_again_is_asked_no_more_for_a_while(monkeypatch, failure):
    monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.0)
    provider = Provider()
    rules = price_rules(Settings(call_timeout_seconds=0.01), taxes=provider)
    provider.answer = failure
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(TaxesUnavailable) as refusal:
            await quote(bought(), "standard", HOME, rules)
    assert (refusal.value.status, refusal.value.type) == (503, "/problems/taxes-unavailable")
    assert refusal.value.members["retry_after_seconds"] == 2
    assert provider.asked == FAILURES_TO_OPEN
    rules.taxes_breaker._closed_again_at += 3600
    with pytest.raises(TaxesUnavailable):
        await quote(bought(), "standard", HOME, rules)
    assert provider.asked == FAILURES_TO_OPEN, "it was not asked"
    rules.taxes_breaker._closed_again_at -= 7200
    provider.answer = None
    assert (await quote(bought(), "standard", HOME, rules)).tax == Money(0, "GBP")
    assert rules.taxes_breaker.admits()


async def test_a_refusal_is_an_answer():
    line = Breaker()

    async def refuse():
        raise NotDelivered("bicycle", HOME)

    for _ in range(FAILURES_TO_OPEN + 1):
        with pytest.raises(NotDelivered):
            await answer_unless_down(line, "rates", refuse(), 1.0, ShippingUnavailable())
    assert line.admits()


@pytest.mark.parametrize(
    "parts",
    [
        TaxesDue(parts=[Money(1, "GBP")], rates=[], how=""),
        TaxesDue(parts=[Money(1, "EUR"), Money(1, "EUR")], rates=[], how=""),
        TaxesDue(parts=[Money(-1, "GBP"), Money(1, "GBP")], rates=[], how=""),
        TaxesDue(parts=[Money(1, "GBP"), Money(1, "GBP")], rates=[], how=""),
        TaxesDue(
            parts=[Money(101, "GBP"), Money(0, "GBP")],
            rates=[TaxAtRate(name="VAT", rate="20", base=Money(1, "GBP"), amount=Money(101, "GBP"))],
            how="",
        ),
    ],
)
async def test_an_answer_that_cannot_be_is_not_believed(parts):
    provider = Provider()
    provider.answer = parts
    rules = price_rules(Settings(prices_include_tax=True), taxes=provider)
    with pytest.raises(ValueError, match="tax"):
        await quote(bought(), "standard", HOME, rules)


async def test_a_provider_of_net_taxes_is_for_net_prices():
    class Net:
        async def on(self, parts, currency, destination):  # noqa: ARG002 - of the port
            return [Money(part.amount // 10, currency) for part in parts], "a tenth"

    quoted = await quote(bought(), "standard", HOME, price_rules(Settings(), taxes=Net()))
    (tax,) = quoted.taxes
    assert (tax.name, tax.rate, tax.base, tax.amount) == ("Tax", None, Money(595, "GBP"), Money(59, "GBP"))
    with pytest.raises(BadSetting, match=r"STOA_CHECKOUT_TAX='mine' .* does not say what tax is in a price"):
        price_rules(Settings(prices_include_tax=True, tax="mine"), taxes=Net())
