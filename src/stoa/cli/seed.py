"""Add the administrator and the demo assortment, if they are not there. Safe to repeat.

`stoa up` does this on its first start. The administrator's password is made here and kept in
DATA_DIR/admin.txt (mode 0600); it is set for a new account only.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
import logging
import secrets
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import argon2
import grpc.aio
import msgspec

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.migrate import migrate
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.cli.user import import_of_administrator
from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.inventory.v1 import inventory_pb2
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.runtime import files
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure

log = logging.getLogger(__name__)

ADMIN_EMAIL = "admin@stoa.example"
CURRENCY = "GBP"

ChannelTo = Callable[[str], grpc.aio.Channel]


class _Variant(msgspec.Struct, forbid_unknown_fields=True):
    sku: str
    price: int
    stock: int
    name: str = ""
    options: dict[str, str] = {}


class _Product(msgspec.Struct, forbid_unknown_fields=True):
    slug: str
    name: str
    brand: str
    description: str
    tags: list[str]
    variants: list[_Variant]
    custom_fields: dict[str, Any] = {}


class _Category(msgspec.Struct, forbid_unknown_fields=True):
    slug: str
    name: str
    product: list[_Product]


class _Assortment(msgspec.Struct, forbid_unknown_fields=True):
    product_field: list[dict[str, Any]]
    category: list[_Category]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Seed the installation, whether it runs at the moment or not."""
    here = installation.installation_of(arguments)
    configure_logs("seed", read_settings(here.environ))
    console.expect(2)
    async with here.reach() as access:
        await migrate(console, access, STORED.values())
        with console.step("Demo shop"):
            async with whole_system(access, here.environ) as channel_to:
                await seed(here.data_dir, channel_to)


def is_seeded(data_dir: DataDir) -> bool:
    return _mark(data_dir).exists()


def mark_seeded(data_dir: DataDir) -> None:
    """The next start does not do it again."""
    with files.writing(_mark(data_dir)):
        _mark(data_dir).touch()


async def seed(data_dir: DataDir, channel_to: ChannelTo) -> None:
    """Through the services' own calls; cut short and repeated, it leaves what a whole one leaves."""
    with files.writing(data_dir.path):
        data_dir.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    await asyncio.gather(_administrator(data_dir.admin, channel_to), _goods(assortment(), channel_to))
    mark_seeded(data_dir)


def assortment() -> _Assortment:
    text = (importlib.resources.files("stoa.cli") / "demo.toml").read_text()
    return msgspec.convert(tomllib.loads(text), _Assortment)


async def _administrator(file: Path, channel_to: ChannelTo) -> None:
    # The password is kept before the account is made: whatever happens between, nobody is locked out.
    password, made_now = _password(file)
    hashed = await asyncio.to_thread(argon2.PasswordHasher().hash, password)
    auth = AuthServiceStub(channel_to("auth"))
    answer = await auth.ImportUsers(import_of_administrator(ADMIN_EMAIL, hashed, reason="the first administrator"))
    if made_now and answer.added == 0:
        # The account is older than this data directory, and so is its password.
        file.unlink()  # noqa: ASYNC240 - one system call
    there = (await auth.GetUser(auth_pb2.GetUserRequest(email=ADMIN_EMAIL))).user
    if "admin" not in there.roles:
        log.warning(
            "the administrator's address has an account that is no administrator's: "
            "run `stoa user create EMAIL --role admin` with another address, or `stoa user grant` if it is yours",
            extra={"email": ADMIN_EMAIL},
        )


async def _goods(assortment: _Assortment, channel_to: ChannelTo) -> None:
    categories = assortment.category
    goods = catalog_pb2.ImportProductsRequest(
        products=[_new_product(category, product) for category in categories for product in category.product],
        product_fields_json=[msgspec.json.encode(field) for field in assortment.product_field],
    )
    await CatalogServiceStub(channel_to("catalog")).ImportProducts(goods)
    lines = [
        common_pb2.Line(sku=variant.sku, quantity=variant.stock)
        for category in categories
        for product in category.product
        for variant in product.variants
    ]
    await InventoryServiceStub(channel_to("inventory")).ImportStock(inventory_pb2.ImportStockRequest(lines=lines))


def _new_product(category: _Category, product: _Product) -> catalog_pb2.ImportProductsRequest.NewProduct:
    return catalog_pb2.ImportProductsRequest.NewProduct(
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        category=category.slug,
        category_name=category.name,
        variants=[
            catalog_pb2.ImportProductsRequest.NewVariant(
                sku=variant.sku,
                name=variant.name,
                price=common_pb2.Money(amount_minor=variant.price, currency=CURRENCY),
                options=[catalog_pb2.Option(name=name, value=value) for name, value in variant.options.items()],
            )
            for variant in product.variants
        ],
        tags=product.tags,
        custom_fields_json=msgspec.json.encode(product.custom_fields),
    )


def _password(file: Path) -> tuple[str, bool]:
    """The administrator's password, and whether it was made just now."""
    text = files.read(file)
    if text is not None:
        for line in text.splitlines():
            label, _, value = line.partition(": ")
            if label == "password":
                return value, False
        raise Failure(f"{file} holds no password", "remove it if the administrator has one")
    password = secrets.token_urlsafe(12)
    files.write(file, f"email: {ADMIN_EMAIL}\npassword: {password}\n")
    return password, True


def _mark(data_dir: DataDir) -> Path:
    return data_dir.path / "seeded"
