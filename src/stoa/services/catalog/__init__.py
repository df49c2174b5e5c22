"""Catalog: what is for sale, described, priced and arranged.

It owns products with their variants, custom fields and images, the category tree, brands, tags, attributes and the
product types that ask for them, collections, price lists with what everybody paid, what products, categories,
collections and attributes are called in other languages, the slugs that were left, and the files of products that are
brought in. What always holds:

* a variant has an id, and its SKU is its for ever: it is archived, never removed, and its SKU is not given away;
* no two variants of a product that are sold have the same options;
* an active product has a variant, and its lowest and highest price are what everybody pays for its variants;
* a variant's own price is in the shop's currency; what it costs in a context one function says, to every reader;
* what a product says for an attribute of its type fitted when it was written, and an active one said all that was
  required then; what a type does not have, nobody sees;
* every name that a product says is a brand's, or was; where the brand was renamed or merged, products follow in rounds;
* a product's version counts its changes, those of its variants among them, and each is announced once; what is as it
  was is no change;
* no category is inside itself, and none goes while a product is in it;
* only what stands active is seen and sold: what staff withhold, or a barred seller sells, or what is not published yet
  or any more, is not, whatever its status;
* from the commit that bars a seller nothing of his is sold; where his products stand follows in rounds.

How many there are of anything is inventory's business: what a file of products says of it is passed on.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.catalog.v1.catalog_pb2_grpc import add_CatalogServiceServicer_to_server
from stoa.contracts.catalog.v1.product_files_pb2_grpc import add_ProductFilesServiceServicer_to_server
from stoa.contracts.inventory.v1.inventory_pb2_grpc import InventoryServiceStub
from stoa.contracts.media.v1.media_pb2_grpc import MediaServiceStub
from stoa.kit.service import Parts, Resources
from stoa.services.catalog.handlers import handlers
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.product_files_rpc import ProductFilesServicer
from stoa.services.catalog.routes import routes
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings


def build(resources: Resources) -> Parts:
    """The service over what its process gives it."""
    media = MediaServiceStub(resources.channel("media"))
    inventory = InventoryServiceStub(resources.channel("inventory"))
    catalog = Catalog(resources.db, resources.outbox, resources.settings(Settings), media, inventory)
    return Parts(
        routes=routes.bind(catalog),
        servicers=[
            partial(add_CatalogServiceServicer_to_server, CatalogServicer(catalog)),
            partial(add_ProductFilesServiceServicer_to_server, ProductFilesServicer(catalog)),
        ],
        handlers=handlers(catalog),
        jobs=jobs(catalog),
    )
