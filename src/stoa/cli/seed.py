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
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import argon2
import grpc.aio
import msgspec

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.artwork import artwork
from stoa.cli.console import Console
from stoa.cli.migrate import migrate
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.cli.user import import_of_administrator
from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.contracts.campaign.v1 import campaign_pb2
from stoa.contracts.campaign.v1.campaign_pb2_grpc import CampaignServiceStub
from stoa.contracts.catalog.v1 import catalog_pb2
from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.contracts.checkout.v1 import checkout_pb2
from stoa.contracts.checkout.v1.checkout_pb2_grpc import CheckoutServiceStub
from stoa.contracts.common.v1 import common_pb2
from stoa.contracts.inventory.v1 import inventory_pb2
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.media.v1 import media_pb2
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.contracts.search.v1 import search_pb2
from stoa.contracts.search.v1.search_pb2_grpc import SearchServiceStub
from stoa.kit import clock
from stoa.kit.countries import COUNTRIES
from stoa.runtime import files
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceAsyncStub
    from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceAsyncStub
    from stoa.contracts.search.v1.search_pb2_grpc import SearchServiceAsyncStub

log = logging.getLogger(__name__)

ADMIN_EMAIL = "admin@stoa.example"
CURRENCY = "GBP"

ChannelTo = Callable[[str], grpc.aio.Channel]


class _Warehouse(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    name: str
    priority: int
    country: str
    region: str
    postal_code: str


class _Terms(msgspec.Struct, forbid_unknown_fields=True):
    """As a SKU's policy; the day of a preorder is so many days after the seeding."""

    policy: str = "none"
    limit: int = 0
    lead_days: int | None = None
    available_in_days: int = 0
    low_stock_at: int | None = None
    safety_stock: dict[str, int] = {}


class _Variant(msgspec.Struct, forbid_unknown_fields=True):
    """`stock` lies in the main warehouse, and more of it `elsewhere`."""

    sku: str
    price: int
    stock: int
    name: str = ""
    options: dict[str, str] = {}
    elsewhere: dict[str, int] = {}
    weight: int = 0
    promised: _Terms | None = None


class _Product(msgspec.Struct, forbid_unknown_fields=True):
    slug: str
    name: str
    brand: str
    description: str
    tags: list[str]
    variants: list[_Variant]
    tax_class: str = ""
    custom_fields: dict[str, Any] = {}
    product_type: str = ""
    specifications: dict[str, Any] = {}
    translations: dict[str, dict[str, Any]] = {}
    """By locale."""


class _Category(msgspec.Struct, forbid_unknown_fields=True):
    slug: str
    name: str
    product: list[_Product]


class _PriceList(msgspec.Struct, forbid_unknown_fields=True):
    """`prices` are amounts by SKU and least quantity. With `days` it holds for so long from now on."""

    slug: str
    name: str
    prices: dict[str, dict[str, int]]
    customer_group: str | None = None
    days: int | None = None


class _Transfer(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    source: str
    destination: str
    expected_in_days: int
    lines: dict[str, int]


class _Receipt(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    supplier: str
    warehouse: str
    expected_in_days: int
    lines: dict[str, int]


class _Collection(msgspec.Struct, forbid_unknown_fields=True):
    said: dict[str, Any]
    products: list[str] = []


class _Zone(msgspec.Struct, forbid_unknown_fields=True):
    """`countries` are its places; none: every country that no other zone of the kind has."""

    name: str
    countries: list[str] = []
    rates: list[dict[str, Any]] = []
    methods: list[dict[str, Any]] = []


class _Campaign(msgspec.Struct, forbid_unknown_fields=True):
    said: dict[str, Any]
    codes: list[str] = []


class _CustomerGroup(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    description: str


class _SearchRule(msgspec.Struct, forbid_unknown_fields=True):
    """`pinned` are slugs of products."""

    query: str
    pinned: list[str]


class _Attribute(msgspec.Struct, forbid_unknown_fields=True):
    """`translations` are by locale."""

    said: dict[str, Any]
    translations: dict[str, dict[str, Any]] = {}


class _Assortment(msgspec.Struct, forbid_unknown_fields=True):
    customer_group: list[_CustomerGroup]
    synonyms: list[dict[str, Any]]
    search_rule: list[_SearchRule]
    price_list: list[_PriceList]
    tax_zone: list[_Zone]
    shipping_zone: list[_Zone]
    warehouse: list[_Warehouse]
    transfer: list[_Transfer]
    receipt: list[_Receipt]
    product_field: list[dict[str, Any]]
    attribute: list[_Attribute]
    product_type: list[dict[str, Any]]
    category: list[_Category]
    collection: list[_Collection]
    campaign: list[_Campaign]


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
            async with whole_system(access, here) as channel_to:
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
    goods = assortment()
    await asyncio.gather(
        _administrator(data_dir.admin, channel_to),
        _groups(goods, channel_to),
        _zones(goods, channel_to),
        _goods(goods, channel_to),
        _campaigns(goods, channel_to),
    )
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


async def _groups(assortment: _Assortment, channel_to: ChannelTo) -> None:
    groups = [
        auth_pb2.ImportGroupsRequest.NewGroup(name=one.name, description=one.description)
        for one in assortment.customer_group
    ]
    await AuthServiceStub(channel_to("auth")).ImportGroups(auth_pb2.ImportGroupsRequest(groups=groups))


async def _zones(assortment: _Assortment, channel_to: ChannelTo) -> None:
    """Where which taxes are due, and how goods are sent where."""
    zones = checkout_pb2.ImportZonesRequest(
        tax_zones_json=_zones_json(assortment.tax_zone, "rates"),
        shipping_zones_json=_zones_json(assortment.shipping_zone, "methods"),
    )
    await CheckoutServiceStub(channel_to("checkout")).ImportZones(zones)


def _zones_json(zones: list[_Zone], rules: str) -> list[bytes]:
    named = {country for zone in zones for country in zone.countries}
    elsewhere = [country for country in COUNTRIES if country not in named]
    return [
        msgspec.json.encode(
            {
                "name": zone.name,
                "places": [{"country": country} for country in zone.countries or elsewhere],
                rules: getattr(zone, rules),
            }
        )
        for zone in zones
    ]


async def _goods(assortment: _Assortment, channel_to: ChannelTo) -> None:
    categories = assortment.category
    products = [(category, product) for category in categories for product in category.product]
    media = MediaServiceStub(channel_to("media"))
    files = await asyncio.gather(*(_picture(media, product) for _, product in products))
    goods = catalog_pb2.ImportProductsRequest(
        products=[_new_product(*one, file) for one, file in zip(products, files, strict=True)],
        product_fields_json=[msgspec.json.encode(field) for field in assortment.product_field],
        attributes_json=[msgspec.json.encode(one.said) for one in assortment.attribute],
        product_types_json=[msgspec.json.encode(one) for one in assortment.product_type],
    )
    catalog = CatalogServiceStub(channel_to("catalog"))
    await catalog.ImportProducts(goods)
    lists = [msgspec.json.encode(_new_list(one)) for one in assortment.price_list]
    await catalog.ImportPriceLists(catalog_pb2.ImportPriceListsRequest(lists_json=lists))
    await catalog.ImportCollections(
        catalog_pb2.ImportCollectionsRequest(collections=map(_new_collection, assortment.collection))
    )
    texts = chain.from_iterable(_translations(product) for _, product in products)
    of_attributes = chain.from_iterable(map(_attribute_texts, assortment.attribute))
    said = await catalog.ImportTranslations(
        catalog_pb2.ImportTranslationsRequest(translations=texts, attributes=of_attributes)
    )
    for one in said.refused:
        # The shop has changed since: it has the slug for something else, or other options.
        log.warning("a text of the demo shop does not fit", extra={"problem": one.document.decode()})
    lines = [
        common_pb2.Line(sku=variant.sku, quantity=variant.stock)
        for category in categories
        for product in category.product
        for variant in product.variants
    ]
    inventory = InventoryServiceStub(channel_to("inventory"))
    await inventory.ImportStock(inventory_pb2.ImportStockRequest(lines=lines))
    await inventory.ImportSupply(supply(assortment))
    await inventory.ImportOnTheWay(on_the_way(assortment))
    await _searches(assortment, catalog, SearchServiceStub(channel_to("search")))


async def _searches(assortment: _Assortment, catalog: CatalogServiceAsyncStub, search: SearchServiceAsyncStub) -> None:
    async def id_of(slug: str) -> str:
        answer = await catalog.GetProduct(catalog_pb2.GetProductRequest(product=slug))
        return answer.product.id

    rules = [
        {"query": one.query, "pinned": [await id_of(slug) for slug in one.pinned]} for one in assortment.search_rule
    ]
    said = search_pb2.ImportRulesRequest(
        synonyms_json=map(msgspec.json.encode, assortment.synonyms), rules_json=map(msgspec.json.encode, rules)
    )
    await search.ImportRules(said)


def supply(assortment: _Assortment) -> inventory_pb2.ImportSupplyRequest:
    variants = [each for one in assortment.category for product in one.product for each in product.variants]
    request = inventory_pb2.ImportSupplyRequest(
        warehouses=[
            inventory_pb2.ImportSupplyRequest.Warehouse(**msgspec.structs.asdict(one)) for one in assortment.warehouse
        ],
        shelves=[
            inventory_pb2.ImportSupplyRequest.Shelf(sku=variant.sku, warehouse_id=warehouse_id, quantity=units)
            for variant in variants
            for warehouse_id, units in variant.elsewhere.items()
        ],
    )
    for variant in variants:
        if variant.promised is not None:
            terms = variant.promised
            day = clock.now().date() + timedelta(days=terms.available_in_days)
            request.policies.add(
                sku=variant.sku,
                policy=terms.policy,
                limit=terms.limit,
                lead_days=terms.lead_days,
                available_on=day.isoformat() if terms.available_in_days else "",
                low_stock_at=terms.low_stock_at,
                safety_stock=terms.safety_stock,
            )
    return request


def on_the_way(assortment: _Assortment) -> inventory_pb2.ImportOnTheWayRequest:
    return inventory_pb2.ImportOnTheWayRequest(
        transfers=[
            inventory_pb2.ImportOnTheWayRequest.Transfer(
                id=one.id,
                source=one.source,
                destination=one.destination,
                lines=_lines(one.lines),
                expected_in_days=one.expected_in_days,
            )
            for one in assortment.transfer
        ],
        receipts=[
            inventory_pb2.ImportOnTheWayRequest.Receipt(
                id=one.id,
                supplier=one.supplier,
                warehouse_id=one.warehouse,
                lines=_lines(one.lines),
                expected_in_days=one.expected_in_days,
            )
            for one in assortment.receipt
        ],
    )


def _lines(units: dict[str, int]) -> list[common_pb2.Line]:
    return [common_pb2.Line(sku=sku, quantity=quantity) for sku, quantity in units.items()]


async def _picture(media: MediaServiceAsyncStub, product: _Product) -> str:
    """The id of the file with the product's picture, which is made when the shop runs."""
    drawn = media_pb2.ImportFileRequest(content=artwork(product.slug), alt=product.name)
    return (await media.ImportFile(drawn)).file.id


def _new_list(one: _PriceList) -> dict[str, Any]:
    """As the catalog's API takes it."""
    items = [
        {
            "sku": sku,
            "prices": [
                {"least_quantity": int(quantity), "price": {"amount": amount, "currency": CURRENCY}}
                for quantity, amount in tiers.items()
            ],
        }
        for sku, tiers in one.prices.items()
    ]
    made: dict[str, Any] = {"slug": one.slug, "name": one.name, "currency": CURRENCY, "status": "active"}
    made |= {"customer_group": one.customer_group, "items": items}
    if one.days is not None:
        now = clock.now()
        made |= {"starts_at": now, "ends_at": now + timedelta(days=one.days)}
    return made


async def _campaigns(assortment: _Assortment, channel_to: ChannelTo) -> None:
    campaigns = [
        campaign_pb2.ImportedCampaign(campaign_json=msgspec.json.encode(one.said), codes=one.codes)
        for one in assortment.campaign
    ]
    request = campaign_pb2.ImportCampaignsRequest(campaigns=campaigns)
    await CampaignServiceStub(channel_to("campaign")).ImportCampaigns(request)


def _new_collection(collection: _Collection) -> catalog_pb2.ImportCollectionsRequest.NewCollection:
    return catalog_pb2.ImportCollectionsRequest.NewCollection(
        collection_json=msgspec.json.encode(collection.said), products=collection.products
    )


def _translations(product: _Product) -> Iterator[catalog_pb2.ImportTranslationsRequest.ProductTranslation]:
    for locale, said in product.translations.items():
        yield catalog_pb2.ImportTranslationsRequest.ProductTranslation(
            product=product.slug, locale=locale, translation_json=msgspec.json.encode(said)
        )


def _attribute_texts(
    attribute: _Attribute,
) -> Iterator[catalog_pb2.ImportTranslationsRequest.AttributeTranslation]:
    for locale, said in attribute.translations.items():
        yield catalog_pb2.ImportTranslationsRequest.AttributeTranslation(
            attribute=attribute.said["name"], locale=locale, translation_json=msgspec.json.encode(said)
        )


def _new_product(category: _Category, product: _Product, file_id: str) -> catalog_pb2.ImportProductsRequest.NewProduct:
    return catalog_pb2.ImportProductsRequest.NewProduct(
        slug=product.slug,
        name=product.name,
        description=product.description,
        brand=product.brand,
        tax_class=product.tax_class,
        category=category.slug,
        category_name=category.name,
        variants=[
            catalog_pb2.ImportProductsRequest.NewVariant(
                sku=variant.sku,
                name=variant.name,
                price=common_pb2.Money(amount_minor=variant.price, currency=CURRENCY),
                options=[catalog_pb2.Option(name=name, value=value) for name, value in variant.options.items()],
                weight_grams=variant.weight,
            )
            for variant in product.variants
        ],
        tags=product.tags,
        custom_fields_json=msgspec.json.encode(product.custom_fields),
        product_type=product.product_type,
        specifications_json=msgspec.json.encode(product.specifications),
        images=[catalog_pb2.Image(file_id=file_id)],
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
