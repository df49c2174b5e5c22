"""A file of products takes as long as it takes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from stoa.cli.console import Console
from stoa.cli.products import import_products
from stoa.contracts.catalog.v1.product_files_pb2 import RunProductImportRequest
from stoa.contracts.catalog.v1.product_files_pb2_grpc import add_ProductFilesServiceServicer_to_server
from stoa.kit.channels.in_process import InProcessChannel
from stoa.kit.channels.registry import Registry
from stoa.services.catalog.product_files_rpc import ProductFilesServicer

from .conftest import Shop

A_DAY = 24 * 3600


class Noting(ProductFilesServicer):
    """Remembers how long a file may take."""

    left: float | None = None

    async def RunProductImport(self, request: RunProductImportRequest, context: Any) -> Any:  # noqa: N802
        self.left = context.time_remaining()
        return await super().RunProductImport(request, context)


async def test_a_file_of_hours_is_waited_for(shop: Shop, tmp_path: Path) -> None:
    servicer, registry = Noting(shop.catalog), Registry()
    partial(add_ProductFilesServiceServicer_to_server, servicer)(registry)
    file = tmp_path / "goods.csv"
    file.write_text("slug,name,sku,price\nmug,Mug,MUG-1,5.00\n")
    await import_products(InProcessChannel(registry), file, "stoa", {}, Console(), dry_run=False)
    assert servicer.left is not None
    assert servicer.left > A_DAY
    assert await shop.db.fetchval("SELECT count(*) FROM products") == 1
