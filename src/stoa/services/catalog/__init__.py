"""Catalog: what is for sale, described, priced and arranged.

It owns products, their variants and the category tree. What always holds:

* a variant has an id, and its SKU is its for ever: it is archived, never removed, and its SKU is not given away;
* no two variants of a product that are sold have the same options;
* an active product has a variant, and its lowest and highest price are its variants';
* all prices are in the shop's currency;
* a product's version counts its changes, those of its variants among them, and each is announced once; what is as it
  was is no change;
* no category is inside itself, and none goes while a product is in it;
* only what stands active is seen and sold: what staff withhold, or a barred seller sells, is not, whatever its status;
* from the commit that bars a seller nothing of his is sold; where his products stand follows in rounds.

How many there are of anything is inventory's business.
"""

from __future__ import annotations

from functools import partial

from stoa.contracts.catalog.v1.catalog_pb2_grpc import add_CatalogServiceServicer_to_server
from stoa.kit.service import Parts, Resources
from stoa.services.catalog.handlers import handlers
from stoa.services.catalog.jobs import jobs
from stoa.services.catalog.routes import routes
from stoa.services.catalog.rpc import CatalogServicer
from stoa.services.catalog.service import Catalog
from stoa.services.catalog.settings import Settings


def build(resources: Resources) -> Parts:
    """The service over what its process gives it."""
    catalog = Catalog(resources.db, resources.outbox, resources.settings(Settings))
    return Parts(
        routes=routes.bind(catalog),
        servicers=[partial(add_CatalogServiceServicer_to_server, CatalogServicer(catalog))],
        handlers=handlers,
        jobs=jobs(catalog),
    )
