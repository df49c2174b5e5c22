"""Brings a history's goods and customers into the shop through the services' own calls. Safe to repeat."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import grpc.aio

from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.inventory.v1 import inventory_pb2
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.retail.history import CURRENCY, HistoricProduct, History
from stoa.retail.replay import email_of

BATCH = 500  # a call stays far below the 4 MiB that a message may have
LEAST_STOCK = 10  # for what the history only ever took back

CATEGORY = "online-retail"
CATEGORY_NAME = "Online Retail"

ChannelTo = Callable[[str], grpc.aio.Channel]
Item = TypeVar("Item")


@dataclass
class Imported:
    """How many were new, and how many were there."""

    products_added: int = 0
    products_there: int = 0
    stock_added: int = 0
    stock_there: int = 0
    customers_added: int = 0
    customers_there: int = 0


async def import_history(history: History, channel_to: ChannelTo, advance: Callable[[int], None]) -> Imported:
    """Products with their price, opening stock for all that was ever sold, and customers.

    Customers come without a password: only an operator opens a session for them. `advance` is told how
    many products and customers are done.
    """
    catalog = CatalogServiceStub(channel_to("catalog"))
    inventory = InventoryServiceStub(channel_to("inventory"))
    auth = AuthServiceStub(channel_to("auth"))
    done = Imported()
    for products in _batches(list(history.products.values())):
        made = await catalog.ImportProducts(
            catalog_pb2.ImportProductsRequest(products=[_new_product(product) for product in products])
        )
        done.products_added += made.added
        done.products_there += made.already_there
        lines = [common_pb2.Line(sku=product.sku, quantity=max(LEAST_STOCK, product.sold)) for product in products]
        stocked = await inventory.ImportStock(inventory_pb2.ImportStockRequest(lines=lines))
        done.stock_added += stocked.added
        done.stock_there += stocked.already_there
        advance(len(products))
    for customers in _batches(sorted(history.customers)):
        users = [
            auth_pb2.ImportUsersRequest.NewUser(
                email=email_of(customer), first_name="Customer", last_name=str(customer)
            )
            for customer in customers
        ]
        joined = await auth.ImportUsers(auth_pb2.ImportUsersRequest(users=users))
        done.customers_added += joined.added
        done.customers_there += joined.already_there
        advance(len(customers))
    return done


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _new_product(product: HistoricProduct) -> catalog_pb2.ImportProductsRequest.NewProduct:
    price = common_pb2.Money(amount_minor=product.price_minor, currency=CURRENCY)
    return catalog_pb2.ImportProductsRequest.NewProduct(
        slug=_slug(f"{product.name}-{product.sku}"),
        name=product.name,
        category=CATEGORY,
        category_name=CATEGORY_NAME,
        variants=[catalog_pb2.ImportProductsRequest.NewVariant(sku=product.sku, price=price)],
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
