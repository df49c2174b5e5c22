"""A file of products says how many there are: inventory opens what it has no stock of, and nothing is told twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stoa.app import SERVICES, subscribers
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.inventory.v1.inventory_pb2_grpc import (
    InventoryServiceStub,
    add_InventoryServiceServicer_to_server,
)
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.kit.outbox import Outbox
from stoa.services.catalog.run_import import import_next
from stoa.services.inventory import inventory_over
from stoa.services.inventory.count import Shelf, set_on_hand
from stoa.services.inventory.rpc import InventoryServicer
from stoa.services.inventory.settings import Settings as InventorySettings
from stoa.services.inventory.stock_repository import stock_of_each
from stoa.testing import who_may

from .conftest import ADMIN, SELLER, Shop
from .test_product_files import SHOPIFY
from .test_product_imports import bring, brought, counts, when_due


async def inventory_beside(shop: Shop, database):
    """From now on the catalog has somebody to tell."""
    catalog = CatalogServiceStub(InProcessChannel(Registry()))
    outbox = Outbox(SERVICES["inventory"], subscribers)
    inventory = inventory_over(await database("inventory"), outbox, InventorySettings(), catalog)
    registry = Registry()
    add_InventoryServiceServicer_to_server(InventoryServicer(inventory), registry)
    shop.catalog = replace(shop.catalog, inventory=InventoryServiceStub(InProcessChannel(registry)))
    return inventory


@pytest.fixture
async def inventory(shop: Shop, database):
    return await inventory_beside(shop, database)


async def on_hand(inventory, *skus: str) -> list[int | None]:
    known = await stock_of_each(inventory.db, skus)
    return [known[sku].on_hand if sku in known else None for sku in skus]


async def test_what_has_no_stock_gets_it_and_what_was_counted_stays(shop, inventory):
    await set_on_hand(inventory, "B", 7, Shelf("main", "", ADMIN.id), sellers=None)
    text = "slug,name,sku,price,stock\nmug,Mug,A,1,5\nmug,,B,1,5\nmug,,C,1,\njug,,D,1,5\npot,Pot,E,1,0\n"
    done = await bring(shop, text)
    assert counts(done) == ("done", 2, 0, 0, 1)
    assert (done["stock_opened"], done["stock_there"], done["left_out"]) == (2, 1, [])
    assert await on_hand(inventory, *"ABCDE") == [5, 7, None, None, 0]
    # The same again, and a list of stock alone: what is there stays, also where it was opened with nothing.
    again = await bring(shop, "sku,stock\nA,9\nC,3.00\nE,9\n")
    assert (again["unchanged"], again["stock_opened"], again["stock_there"]) == (3, 1, 2)
    assert await on_hand(inventory, *"ABCDE") == [5, 7, 3, None, 0]


async def test_another_shops_stock_comes_along(shop, inventory):
    done = await bring(shop, SHOPIFY, "source=shopify")
    assert (counts(done), done["stock_opened"]) == (("done", 2, 0, 0, 0), 1)
    assert await on_hand(inventory, "LS-S-W", "linen-shirt-m-white", "gift-card") == [5, None, None]


async def test_what_another_shop_oversold_is_named_and_has_none(shop, inventory):
    header = "Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n"
    done = await bring(shop, header + "mug,Mug,A,shopify,-3,1\n", "source=shopify")
    assert (counts(done), done["stock_opened"]) == (("done", 1, 0, 0, 0), 1)
    assert done["remarks"] == [{"what": "stock-oversold", "count": 1, "examples": ["A: -3"]}]
    assert await on_hand(inventory, "A") == [0]


async def test_a_dry_run_opens_nothing(shop, inventory):
    done = await bring(shop, "slug,name,sku,price,stock\nmug,Mug,A,1,5\n", "dry_run=true")
    assert (counts(done), done["stock_opened"]) == (("done", 1, 0, 0, 0), 0)
    assert await on_hand(inventory, "A") == [None]


async def test_who_may_not_count_is_told_that_it_is_left_out(shop, inventory):
    text = "slug,name,sku,price,Variant Inventory Qty\n{0},Mug,{0},1,5\n"
    done = await bring(shop, text.format("mug"), user=who_may("catalog.products.edit"))
    assert (counts(done), done["left_out"]) == (("done", 1, 0, 0, 0), ["Variant Inventory Qty"])
    theirs = await bring(shop, text.format("cup"), user=SELLER)
    assert (theirs["stock_opened"], theirs["left_out"]) == (1, [])
    assert await on_hand(inventory, "mug", "cup") == [None, 5]


@pytest.mark.parametrize("stock", ["many", "1.5", "-3", "99999999999"])
async def test_what_is_no_number_of_pieces_is_refused_with_its_product(shop, inventory, stock):
    done = await bring(shop, f"slug,name,sku,price,stock\nmug,Mug,A,1,{stock}\n")
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    assert (done["refused"], page["items"][0]["problem"]["field"]) == (1, "stock")
    assert await on_hand(inventory, "A") == [None]


async def test_a_line_of_json_says_no_less_than_none(shop, inventory):
    price = '{"amount": 1, "currency": "GBP"}'
    line = f'{{"slug": "mug", "name": "Mug", "variants": [{{"sku": "A", "price": {price}, "stock": %d}}]}}'
    done = await bring(shop, line % -3, "format=jsonl")
    page = await shop.rest.ok("GET", f"/product-imports/{done['id']}/refusals", user=ADMIN)
    assert (done["refused"], page["items"][0]["problem"]["field"]) == (1, "variants[0].stock")
    assert (await bring(shop, line % 0, "format=jsonl"))["stock_opened"] == 1
    assert await on_hand(inventory, "A") == [0]


async def test_what_inventory_was_not_told_it_is_told_when_it_answers(shop, database):
    text = "slug,name,sku,price,stock\nmug,Mug,A,1,5\n"
    import_id = await brought(shop, text=text)
    assert await import_next(shop.catalog)
    left = await shop.rest.ok("GET", f"/product-imports/{import_id}", user=ADMIN)
    assert (counts(left), left["stock_opened"]) == (("running", 1, 0, 0, 0), 0)
    inventory = await inventory_beside(shop, database)
    assert await when_due(shop)
    done = await shop.rest.ok("GET", f"/product-imports/{import_id}", user=ADMIN)
    assert (counts(done), done["stock_opened"]) == (("done", 1, 0, 0, 0), 1)
    assert await on_hand(inventory, "A") == [5]
