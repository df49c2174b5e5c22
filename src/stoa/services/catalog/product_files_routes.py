"""Catalog's public API of products as files: whoever may edit products brings some in and takes them out, a seller his
own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stoa.kit import problems
from stoa.kit.context import Principal
from stoa.kit.http.pages import decode_cursor, page_of
from stoa.kit.http.routes import UNKEPT, FileOf, Request, Routes, Streamed, may
from stoa.kit.http.streaming import BodyStream
from stoa.kit.http.types import Id, Label, Page, PageQuery
from stoa.kit.ids import LAST
from stoa.services.catalog import product_imports_repository as repository
from stoa.services.catalog.export_products import CONTENT_TYPES, Wanted, export
from stoa.services.catalog.product_files.reading import Format, Source
from stoa.services.catalog.product_files.refused import refused_header, refused_lines
from stoa.services.catalog.product_files.remarks import Remark
from stoa.services.catalog.product_imports import NewImport, begin_import, cancel_import, find_import, upload
from stoa.services.catalog.product_imports_repository import ProductImport, State
from stoa.services.catalog.service import Catalog

EDIT = may("catalog.products.edit", own=True)
FILES = FileOf(tuple(each.partition(";")[0] for each in CONTENT_TYPES.values()))
REFUSALS_AT_ONCE = 500

routes: Routes[Catalog] = Routes("catalog")


class ImportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What kind of file the body is.

    format: CSV with names in its first line, or an object of JSON on each line
    source: the shop that wrote the file, and whose columns it has
    columns: our columns, or that shop's, by those of the file where they have other names, as an object of JSON:
        `{"Titel": "name"}`
    dry_run: only say what would be done
    file_name: what the file is called, for who looks at the import later
    """

    format: Format = "csv"
    source: Source = "stoa"
    columns: Annotated[str, Meta(max_length=20_000)] = "{}"
    dry_run: bool = False
    file_name: Label = ""


class ImportView(msgspec.Struct):
    """How far a file was read and what became of its products. Of the SKUs that it says a stock of, so many had none
    yet and got it, and so many were left as they are. Of what ended, what it did stays; `failure` says why a file could
    not be read to its end, `left_out` which columns of it say nothing here, and `remarks` what of its products is not
    here as it stands there."""

    id: str
    state: State
    file_name: str
    format: Format
    source: Source
    dry_run: bool
    bytes: int
    bytes_done: int
    created: int
    updated: int
    unchanged: int
    refused: int
    stock_opened: int
    stock_there: int
    left_out: list[str]
    remarks: list[Remark]
    failure: str | None
    created_at: datetime
    ended_at: datetime | None


class RefusalView(msgspec.Struct):
    """What was refused of the file: `line` is where it begins there, `field` of the `problem` the column at fault."""

    line: int
    problem: dict[str, Any]


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """format: CSV with names in its first line, or an object of JSON on each line
    status: left out: both; what is archived is in no file
    """

    format: Format = "csv"
    status: Literal["draft", "active"] | None = None


def _view(found: ProductImport) -> ImportView:
    return ImportView(**{name: getattr(found, name) for name in ImportView.__struct_fields__})


@routes.post(
    "/product-imports",
    body=BodyStream,
    query=ImportQuery,
    answer=ImportView,
    status=202,
    who=EDIT,
    idempotent=UNKEPT,
    summary="Bring a file of products",
)
async def post_import(catalog: Catalog, request: Request[BodyStream, ImportQuery]) -> ImportView:
    """It is worked off when it has come whole, and says how far it is. Sent again it finds its products unchanged."""
    query = request.query
    try:
        columns = msgspec.json.decode(query.columns, type=dict[Label, Label])
    except (msgspec.DecodeError, UnicodeError):
        raise problems.Unprocessable("It is no object of JSON with texts in it.", field="columns") from None
    new = NewImport(query.file_name, query.format, query.source, columns, query.dry_run)
    import_id = await begin_import(catalog, new, request.caller)
    return _view(await upload(catalog, import_id, request.body))


@routes.get("/product-imports", query=PageQuery, answer=Page[ImportView], who=EDIT, summary="Files that were brought")
async def list_imports(catalog: Catalog, request: Request[None, PageQuery]) -> Page[ImportView]:
    """The newest first; who may edit all products sees everybody's."""
    before = decode_cursor(request.query.cursor, tuple[Id])
    whose = None if request.caller.may("catalog.products.edit") else request.caller.user_id
    found = await repository.imports(catalog.db, before[0] if before else LAST, request.query.limit + 1, whose)
    return page_of([_view(one) for one in found], request.query.limit, lambda view: (view.id,))


@routes.get("/product-imports/{import_id:uuid}", answer=ImportView, who=EDIT, summary="What became of a file so far")
async def get_import(catalog: Catalog, request: Request) -> ImportView:
    return _view(await find_import(catalog, request.path["import_id"], request.caller))


@routes.delete("/product-imports/{import_id:uuid}", who=EDIT, summary="Call a file off; what it did stays")
async def delete_import(catalog: Catalog, request: Request) -> None:
    await cancel_import(catalog, request.path["import_id"], request.caller)


@routes.get(
    "/product-imports/{import_id:uuid}/refusals",
    query=PageQuery,
    answer=Page[RefusalView],
    who=EDIT,
    summary="What was refused of a file, and why",
)
async def list_refusals(catalog: Catalog, request: Request[None, PageQuery]) -> Page[RefusalView]:
    found = await find_import(catalog, request.path["import_id"], request.caller)
    after = decode_cursor(request.query.cursor, tuple[int])
    refusals = await repository.refusals(catalog.db, found.id, after[0] if after else 0, request.query.limit + 1)
    views = [RefusalView(one.line, one.problem) for one in refusals]
    return page_of(views, request.query.limit, lambda view: (view.line,))


@routes.get(
    "/product-imports/{import_id:uuid}/refused",
    answer=FILES,
    who=EDIT,
    summary="What was refused of a file, as a file to be mended and sent again",
)
async def get_refused(catalog: Catalog, request: Request) -> Streamed:
    found = await find_import(catalog, request.path["import_id"], request.caller)
    return _file(_refused(catalog, found), found.format, f"refused-{found.id}")


@routes.get("/products/export", query=ExportQuery, answer=FILES, who=EDIT, summary="All products as a file")
async def export_products(catalog: Catalog, request: Request[None, ExportQuery]) -> Streamed:
    """In the order of their slugs. What is read in again unchanged changes nothing."""
    query = request.query
    wanted = Wanted([query.status] if query.status else ["draft", "active"], _sellers(request.caller))
    return _file(await export(catalog, query.format, wanted), query.format, "products")


def _sellers(by: Principal) -> list[str] | None:
    return None if by.may("catalog.products.edit") else sorted(by.sellers)


async def _refused(catalog: Catalog, found: ProductImport) -> AsyncGenerator[bytes, None]:
    yield refused_header(found.header, found.dialect)
    after = 0
    while refusals := await repository.refusals(catalog.db, found.id, after, REFUSALS_AT_ONCE):
        yield b"".join(refused_lines(found.header, found.dialect, one.line, one.raw, one.problem) for one in refusals)
        after = refusals[-1].line


def _file(pieces: AsyncGenerator[bytes, None], written_as: Format, name: str) -> Streamed:
    headers = {"Content-Disposition": f'attachment; filename="{name}.{written_as}"'}
    return Streamed(pieces, CONTENT_TYPES[written_as], headers=headers)
