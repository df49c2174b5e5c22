"""A client that a generator makes of the description: without a warning, typed, and good for an order."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate
from tests.stocking import stock_up

from stoa.testing.contract import ours

BIN = Path(sys.executable).parent


def run(*words: str | Path) -> str:
    ran = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False, timeout=240)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    """The package that was generated, in a folder of its own."""
    folder = tmp_path_factory.mktemp("clients")
    (folder / "openapi.json").write_bytes(msgspec.json.encode(ours().document))
    package = folder / "stoa_client"
    said = run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning"),
        *("--path", folder / "openapi.json", "--output-path", package, "--config", _configuration(folder)),
    )
    assert "arning" not in said
    return package


def _configuration(folder: Path) -> Path:
    """Formatting what was generated is for those who read it; what it must be told are bytes are media's files."""
    config = folder / "config.json"
    files = dict.fromkeys(("application/pdf", "image/avif", "image/webp"), "application/octet-stream")
    config.write_bytes(msgspec.json.encode({"post_hooks": [], "content_type_overrides": files}))
    return config


def test_the_description_is_valid_and_every_operation_is_summed_up():
    document = ours().document
    validate(document)
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert [each["operationId"] for each in operations if not each["summary"]] == []
    assert len({each["operationId"] for each in operations}) == len(operations)


def test_names_are_words_and_everything_is_used():
    document = ours().document
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if not name.isalnum()] == []
    text = msgspec.json.encode(document).decode()
    assert [name for name in schemas if f'"#/components/schemas/{name}"' not in text] == []


def test_patterns_mean_the_same_in_every_language():
    """JSON Schema's are Unicode expressions of ECMAScript: there what needs no backslash may have none."""
    patterns = set(re.findall(r'"pattern":("(?:[^"\\]|\\.)*")', msgspec.json.encode(ours().document).decode()))
    assert patterns
    escaped = {each: re.findall(r"\\(.)", msgspec.json.decode(each)) for each in patterns}
    assert {each: found for each, found in escaped.items() if set(found) - set("sSdDwW^$\\.*+?()[]{}|/")} == {}


def test_its_types_are_whole(generated):
    run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", generated.parent / "cache", generated)


async def test_a_guest_orders_with_it(generated, shop, monkeypatch):
    sku = "A-1"
    await stock_up(shop, sku, price=1999, on_hand=3)
    monkeypatch.syspath_prepend(generated.parent)
    async with importlib.import_module("stoa_client").Client(f"http://127.0.0.1:{shop.process.port}/api/v1") as client:
        await _order(_Calls(client), sku)


async def _order(client: _Calls, sku: str) -> None:
    models = client.models
    found = await client.call("catalog.list_products", limit=5)
    assert sku in [each for card in found.items for each in card.skus]
    cart = await client.call("cart.open_cart", status=201)
    item = models.CartNewItem(sku=sku, quantity=2)
    filled = await client.call("cart.add_cart_item", cart.id, body=item, status=201)
    assert filled.item_count == 2
    address = models.AddressInput(
        name="Ada Lovelace",
        line1="12 St James's Square",
        city="London",
        postal_code="SW1Y 4JH",
        country=models.AddressInputCountry.GB,
    )
    body = models.CheckoutOrderBody(
        cart_id=cart.id,
        email="ada@example.com",
        shipping_address=address,
        shipping_method="standard",
        payment=models.CheckoutPaymentBody(method=models.CheckoutPaymentBodyMethod.CARD, token="tok_ok"),
    )
    order = await client.call("checkout.place_order", body=body, idempotency_key="order-1", status=201)
    assert isinstance(order, models.OrderView)
    assert (order.status.value, order.total.currency) == ("confirmed", "GBP")
    again = await client.call("checkout.place_order", body=body, idempotency_key="order-1", status=201)
    assert again.id == order.id
    body.payment.token = "tok_declined"
    refused = await client.call("checkout.place_order", body=body, idempotency_key="order-2", status=409)
    assert isinstance(refused, models.Problem)
    assert refused.type_ == "/problems/cart-empty"


class _Calls:
    """The generated functions by their names: mypy has seen them, but it cannot see them from here."""

    def __init__(self, client: Any) -> None:
        self.models = importlib.import_module("stoa_client.models")
        self._client = client

    async def call(self, name: str, *path: str, status: int = 200, **sent: Any) -> Any:
        module: ModuleType = importlib.import_module(f"stoa_client.api.{name}")
        answer = await module.asyncio_detailed(*path, client=self._client, **sent)
        assert answer.status_code == status, answer
        return answer.parsed
