"""Products as files for an operator's commands: proto/stoa/catalog/v1/product_files.proto says what each call means."""

# ruff: noqa: N802, ARG002 - names and arguments are those of the generated class

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stoa.contracts.catalog.v1 import product_files_pb2 as pb
from stoa.contracts.catalog.v1.product_files_pb2_grpc import ProductFilesServiceServicer
from stoa.kit.context import Principal
from stoa.kit.http.decoding import converted
from stoa.kit.http.types import Id, Label
from stoa.kit.permissions import ALL
from stoa.kit.staff_acts import OPERATOR
from stoa.services.catalog import product_imports_repository as repository
from stoa.services.catalog.export_products import Wanted, export_page, header_for
from stoa.services.catalog.import_errors import ImportEnded
from stoa.services.catalog.product_files.reading import Format, Source
from stoa.services.catalog.product_files.refused import refused_header, refused_lines
from stoa.services.catalog.product_imports import NewImport, begin_import, cancel_import, find_import, uploaded
from stoa.services.catalog.product_imports_repository import ProductImport
from stoa.services.catalog.run_import import work_off
from stoa.services.catalog.service import Catalog

REFUSALS_AT_ONCE = 200
MOST_REASONS = 5
NONE_ASKED: Mapping[str, int] = MappingProxyType({})
AN_OPERATOR = Principal(OPERATOR, "", frozenset(), "", permissions=ALL)


class _New(msgspec.Struct):
    file_name: Label
    format: Format
    source: Source
    columns: dict[Label, Label]
    dry_run: bool


class _Named(msgspec.Struct):
    import_id: Id


class _Export(msgspec.Struct):
    format: Format
    status: Literal["", "draft", "active"]
    after: Annotated[str, Meta(max_length=200)]


class ProductFilesServicer(ProductFilesServiceServicer):
    """What an operator's command asks for: he may do everything, and what he does is kept as his."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def BeginProductImport(self, request: pb.BeginProductImportRequest, context: Any) -> Any:
        members = {name: getattr(request, name) for name in ("file_name", "format", "source", "dry_run")}
        asked = converted(members | {"columns": dict(request.columns)}, _New)
        new = NewImport(asked.file_name, asked.format, asked.source, asked.columns, asked.dry_run)
        return pb.BeginProductImportResponse(import_id=await begin_import(self._catalog, new, AN_OPERATOR))

    async def AddProductImportPiece(self, request: pb.AddProductImportPieceRequest, context: Any) -> Any:
        await repository.add_piece(self._catalog.db, _id(request), request.at, request.content)
        return pb.AddProductImportPieceResponse()

    async def RunProductImport(self, request: pb.RunProductImportRequest, context: Any) -> Any:
        import_id = _id(request)
        await uploaded(self._catalog, import_id)
        await work_off(self._catalog, import_id)
        return pb.RunProductImportResponse(product_import=_message(await self._found(import_id)))

    async def GetProductImport(self, request: pb.GetProductImportRequest, context: Any) -> Any:
        found = await self._found(_id(request))
        ended = found.state not in repository.OPEN
        reasons = await repository.reasons(self._catalog.db, found.id, MOST_REASONS) if ended and found.refused else {}
        return pb.GetProductImportResponse(product_import=_message(found, reasons))

    async def CancelProductImport(self, request: pb.CancelProductImportRequest, context: Any) -> Any:
        import_id = _id(request)
        try:
            await cancel_import(self._catalog, import_id, AN_OPERATOR)
        except ImportEnded:
            if (await self._found(import_id)).state != "canceled":
                raise
        return pb.CancelProductImportResponse()

    async def ListRefusedProducts(self, request: pb.ListRefusedProductsRequest, context: Any) -> Any:
        found = await self._found(_id(request))
        refusals = await repository.refusals(self._catalog.db, found.id, request.after_line, REFUSALS_AT_ONCE)
        lines = (refused_lines(found.header, found.dialect, one.line, one.raw, one.problem) for one in refusals)
        start = b"" if request.after_line else refused_header(found.header, found.dialect)
        last = refusals[-1].line if len(refusals) == REFUSALS_AT_ONCE else 0
        return pb.ListRefusedProductsResponse(content=start + b"".join(lines), next_line=last)

    async def ExportProducts(self, request: pb.ExportProductsRequest, context: Any) -> Any:
        members = {name: getattr(request, name) for name in ("format", "status", "after")}
        asked = converted(members, _Export)
        wanted = Wanted([asked.status] if asked.status else ["draft", "active"], None)
        header = list(request.header) or await header_for(self._catalog, asked.format, wanted)
        page = await export_page(self._catalog, header, wanted, asked.after)
        return pb.ExportProductsResponse(content=page.content, after=page.after, header=header)

    async def _found(self, import_id: str) -> ProductImport:
        return await find_import(self._catalog, import_id, AN_OPERATOR)


def _id(request: Any) -> str:
    return converted({"import_id": request.import_id}, _Named).import_id


def _message(found: ProductImport, reasons: Mapping[str, int] = NONE_ASKED) -> pb.ProductImport:
    return pb.ProductImport(
        state=found.state,
        bytes=found.bytes,
        bytes_done=found.bytes_done,
        created=found.created,
        updated=found.updated,
        unchanged=found.unchanged,
        refused=found.refused,
        stock_opened=found.stock_opened,
        stock_there=found.stock_there,
        left_out=found.left_out,
        remarks=[
            pb.ProductImportRemark(what=one.what, count=one.count, examples=one.examples) for one in found.remarks
        ],
        failure=found.failure or "",
        reasons=[pb.ProductImportReason(detail=detail, count=count) for detail, count in reasons.items()],
    )
