"""What everybody reads: the paths, and who asks for them in which way.

A product and a list are answered from bytes that the gateway keeps, as they are for every shopper but the first in five
seconds, also without the body, compressed, or as unchanged. Nobody keeps the others: a service asks its database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from bench import baskets, goods
from bench.load import HOST
from bench.shop import Shop

DETAIL = f"/products/{goods.slug(7)}"
LIST = "/products?limit=20"
LINES = 3
"""Of each cart and each order."""
ORDERS = 5
"""Of the customer whose orders are listed."""

BROTLI = {"Accept-Encoding": "gzip, deflate, br"}
GZIP = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True)
class Question:
    """One read. `path` is without `/api/v1`; `kept` if the gateway answers it from stored bytes."""

    name: str
    path: str
    kept: bool = False
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    status: int = 200

    @property
    def url(self) -> str:
        return f"/api/v1{self.path}"

    @property
    def all_headers(self) -> dict[str, str]:
        return {**self.headers, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}

    @property
    def target(self) -> float:
        """Of the rate of a bare app with the same answer."""
        return 0.80 if self.kept else 0.35

    @property
    def is_plain(self) -> bool:
        """And not a variant of another."""
        return self.method == "GET" and not self.headers

    def __str__(self) -> str:
        more = [f"{name}: {value}" for name, value in self.headers.items()] + ["signed in"] * bool(self.token)
        return f"`{self.method} {self.url}`{', '.join(['', *more])}"


async def prepare(shop: Shop) -> Sequence[Question]:
    """The reads, of things that are there."""
    account = {
        "email": f"{uuid4().hex}@example.com",
        "password": "a long enough passphrase",
        "first_name": "Ada",
        "last_name": "Lovelace",
    }
    token = str((await shop.send("POST", "/auth/register", account))["access_token"])
    items = {"items": [{"sku": goods.sku(number), "quantity": 1 + number} for number in range(LINES)]}
    order = {}
    for _ in range(ORDERS):
        await shop.send("PUT", "/cart/me/items", items, token=token)
        order = await shop.send("POST", "/orders", baskets.ORDER, token=token)
    await shop.send("PUT", "/cart/me/items", items, token=token)
    guests = await shop.send("POST", "/cart", items)
    await shop.settle()
    # The tag of the plain bytes: compressed ones have another.
    plain = {"Accept-Encoding": "identity"}
    async with shop.session.get(f"http://{HOST}:{shop.port}/api/v1{DETAIL}", headers=plain) as answer:
        etag = answer.headers["ETag"]
    return (
        Question("Product detail", DETAIL, kept=True),
        Question("Product detail, HEAD", DETAIL, kept=True, method="HEAD"),
        Question("Product detail, unchanged", DETAIL, kept=True, headers={"If-None-Match": etag}, status=304),
        Question("Product detail, gzip", DETAIL, kept=True, headers=GZIP),
        Question("List of 20 products", LIST, kept=True),
        Question("List of 20 products, brotli", LIST, kept=True, headers=BROTLI),
        Question("Stock of a SKU", f"/inventory/{goods.sku(7)}"),
        Question("Cart of a guest", f"/cart/{guests['id']}"),
        Question("Cart of a customer", "/cart/me", token=token),
        Question("An order", f"/orders/{order['id']}", token=token),
        Question(f"List of {ORDERS} orders", "/orders", token=token),
    )
