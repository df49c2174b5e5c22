"""What is printed on a product's label."""

from __future__ import annotations

from stoa.contracts.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from stoa.kit.service import Job, Parts, Resources
from stoa_labels.service.routes import Printer, routes


def build(resources: Resources) -> Parts:
    printer = Printer(CatalogServiceStub(resources.channel("catalog")))
    return Parts(routes=routes.bind(printer), jobs=[Job("clean", printer.clean, every_seconds=3600)])
