"""Products from a file into the shop, and out of it: what `stoa import products` and `stoa export products` do."""

from __future__ import annotations

import asyncio
import codecs
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import grpc.aio
from rich.markup import escape

from stoa.cli.console import Console, Step
from stoa.contracts.catalog.v1 import product_files_pb2 as pb
from stoa.contracts.catalog.v1.product_files_pb2_grpc import ProductFilesServiceStub
from stoa.kit.problems import TYPE_BASE, Problem
from stoa.runtime import files
from stoa.runtime.failure import Failure, failure_of

if TYPE_CHECKING:
    from stoa.contracts.catalog.v1.product_files_pb2_grpc import ProductFilesServiceAsyncStub

PIECE_BYTES = 1 << 20
LOOK_SECONDS = 0.2
MOST_SECONDS = 7 * 24 * 3600.0
"""For a whole file: as long as it takes, whatever else a call may take."""
MOST_LINE_BYTES = 8 << 20
MARKS = {"csv": ("error", "error_column", "error_line"), "jsonl": ("_error",)}
"""What only a file of refused products has in its first line, whatever a spreadsheet made of the rest."""
OF_SALES = {"Variant Compare At Price", "Compare-at price", "Sale price"}
"""Columns of other shops that have a second price of a product."""
REMARKS = {
    "sku-renamed": "SKUs are written otherwise here, and their variants have the file's in their metadata as sku",
    "hidden-as-draft": "products that were sold and shown nowhere are drafts",
    "category-left-out": "categories are left out, because a product stands in one here",
    "barcode-noted": "barcodes are none, or were mistyped, and stand in the metadata of their variants",
    "measure-left-out": "weights and sizes are left out, because they are no numbers",
    "picture-left-out": "pictures are left out, because they are at http and not https",
    "file-left-out": "pictures are left out, because their files were uploaded to another shop: upload them here",
    "variation-of-any": "variations left a value to the buyer, and are a variant for each, at one price",
    "stock-shared": "products or variations were counted as a whole, and their variants have no stock yet",
    "stock-not-counted": "variants were not counted there, and cannot be bought until they have stock here",
    "stock-oversold": "variants were sold beyond their stock, and have none here: what is owed there is not known here",
    "backorder-left-out": "variants are sold there if none is left, here where PUT /inventory/{sku}/policy says so",
    "gift-card-as-goods": "gift cards are goods like others",
}
"""What of a file's products is not here as it stands there."""
FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


def format_of(file: Path) -> str:
    """By its name. Raises `Failure` for one that says nothing."""
    written_as = FORMATS.get(file.suffix.lower())
    if written_as is None:
        raise Failure(f"{file} has no name that says what it is", "name it .csv or .jsonl")
    return written_as


async def import_products(
    channel: grpc.aio.Channel,
    file: Path,
    source: str,
    columns: Mapping[str, str],
    console: Console,
    *,
    dry_run: bool,
    options: Sequence[str] = (),
) -> None:
    """The whole file, with a file of what was refused beside it. Called off where the command is. `options` say to
    which shop. Raises `Failure` where anything was refused, when the rest is done."""
    refused = refused_of(file)
    if refused.exists() and not _is_of_refused(refused):
        raise Failure(f"{refused}, where refused products go, is no such file", "give it another name")
    stub: ProductFilesServiceAsyncStub = ProductFilesServiceStub(channel)
    begin = pb.BeginProductImportRequest(
        file_name=file.name[-200:], format=format_of(file), source=source, columns=columns, dry_run=dry_run
    )
    with _opened(file) as content:
        import_id = (await stub.BeginProductImport(begin)).import_id
        size = await _upload(stub, import_id, content)
    with console.step("What would be done" if dry_run else "Products", total=size) as step:
        done = await _run(stub, import_id, step, console)
        all_of_it = done.created + done.updated + done.unchanged + done.refused
        step.note = f"{all_of_it} of the file"
    if done.failure:
        remedy = "mend the file, and send it again: what was done is found unchanged"
        if done.refused:
            await _write_refused(stub, import_id, refused)
            remedy += f"; {refused} has the {done.refused} that were refused before, each with its reason"
        raise Failure(done.failure.rstrip("."), remedy)
    _report(done, console, dry_run=dry_run)
    if done.refused:
        await _write_refused(stub, import_id, refused)
        told = f"{done.refused} of {all_of_it} products {'would be' if dry_run else 'were'}"
        what = f"{told} refused: {refused} has each with its reason"
        if dry_run:
            raise Failure(what, f"mend {file}, and try it again")
        send = shlex.join(["stoa", "import", "products", str(refused), *_told(source, columns), *options])
        raise Failure(what, f"mend it there, and send that file: {send}")
    if refused.exists():
        with files.writing(refused):
            refused.unlink()
        console.say(f"  {escape(str(refused))}, of an earlier time, is removed: nothing is refused any more.")


def _report(done: pb.ProductImport, console: Console, *, dry_run: bool) -> None:
    """What became of the products, and what of the file did not come in, or not as it stands there."""
    would = "would be " if dry_run else ""
    for count, what in ((done.created, "added"), (done.updated, "changed"), (done.refused, "refused")):
        console.say(f"  {count:>8} {would}{what}")
    console.say(f"  {done.unchanged:>8} {'are' if dry_run else 'were'} as they are")
    if done.stock_opened or done.stock_there:
        console.say(f"  {done.stock_opened:>8} SKUs got their stock; {done.stock_there} had some, which stays")
    if (done.created or done.updated) and not dry_run:
        console.say(
            "  Search follows while the shop runs; `stoa doctor` says how many products it has still to look at."
        )
    for reason in done.reasons:
        console.say(f"  {reason.count:>8} for one reason: {escape(reason.detail)}")
    if done.left_out:
        console.say(f"  Left out, because they say nothing here: {escape(', '.join(done.left_out))}")
    if OF_SALES & set(done.left_out):
        console.say(
            "  A sale is a price list here: docs/services/catalog.md, “Sales of another shop”, says how it comes in."
        )
    for remark in done.remarks:
        more = ", …" if remark.count > len(remark.examples) else ""
        console.say(f"  {remark.count:>8} {REMARKS[remark.what]}: {escape(', '.join(remark.examples))}{more}")


def refused_of(file: Path) -> Path:
    """Where what is refused of it goes: `goods.refused.csv` of `goods.csv`, and of that `goods.refused-2.csv`. What is
    sent stays as it is: of a file that was only tried, or could not be read to its end, nothing else has all."""
    again = re.fullmatch(r"(.+\.refused)(?:-([0-9]{1,6}))?", file.stem)
    stem = f"{again[1]}-{int(again[2] or 1) + 1}" if again else f"{file.stem}.refused"
    return file.with_name(stem + file.suffix)


def _told(source: str, columns: Mapping[str, str]) -> list[str]:
    """What the command was told of the file."""
    shop = [] if source == "stoa" else ["--from", source]
    return shop + [word for theirs, ours in columns.items() for word in ("--column", f"{theirs}={ours}")]


def _is_of_refused(file: Path) -> bool:
    """Whether we wrote it: who calls a file of his own by this name keeps it."""
    if not file.is_file():
        return False
    with files.writing(file), file.open("rb") as content:
        start = content.read(MOST_LINE_BYTES)
    wide = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    lines = start.decode("utf-16" if wide else "utf-8-sig", errors="replace").splitlines()
    # Before its header a table may say what stands between the cells.
    first = next((line for line in lines if not line.startswith("sep=")), "")
    return set(MARKS[format_of(file)]) <= set(re.findall(r"\w+", first))


def _opened(file: Path) -> BinaryIO:
    if file.exists() and not file.is_file():
        # A pipe would wait for whoever writes into it, and nothing would end that.
        raise Failure(f"{file} is no file", "give the file of products")
    try:
        return file.open("rb")
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", "give the file of products") from None


async def _upload(stub: ProductFilesServiceAsyncStub, import_id: str, content: BinaryIO) -> int:
    """How many bytes it has."""
    at = size = 0
    while piece := content.read(PIECE_BYTES):
        await stub.AddProductImportPiece(pb.AddProductImportPieceRequest(import_id=import_id, at=at, content=piece))
        at += 1
        size += len(piece)
    return size


async def _run(stub: ProductFilesServiceAsyncStub, import_id: str, step: Step, console: Console) -> pb.ProductImport:
    """To its end, here or in the shop that runs, whoever has it first."""
    shown = 0
    run = partial(stub.RunProductImport, pb.RunProductImportRequest(import_id=import_id), timeout=MOST_SECONDS)
    working = asyncio.ensure_future(run())
    try:
        while True:
            await asyncio.wait([working], timeout=LOOK_SECONDS)
            found = (await stub.GetProductImport(pb.GetProductImportRequest(import_id=import_id))).product_import
            step.advance(found.bytes_done - shown)
            shown = found.bytes_done
            if working.done():
                working.result()
                if found.state in {"done", "failed", "canceled"}:
                    return found
                # Another process is at it, or it was left for a while.
                await asyncio.sleep(LOOK_SECONDS)
                working = asyncio.ensure_future(run())
    except BaseException:
        working.cancel()
        await _call_off(stub, import_id, console)
        raise


async def _call_off(stub: ProductFilesServiceAsyncStub, import_id: str, console: Console) -> None:
    """Nobody waits for it any more, so nobody goes on with it later."""
    try:
        await asyncio.shield(stub.CancelProductImport(pb.CancelProductImportRequest(import_id=import_id)))
    except Problem as problem:
        # What ended the command is told as what it was; that the file may go on is told beside it.
        if problem.type != f"{TYPE_BASE}import-ended":
            console.warning(f"import {import_id} could not be called off, and goes on with the shop: {problem.detail}")


async def _write_refused(stub: ProductFilesServiceAsyncStub, import_id: str, refused: Path) -> None:
    with files.writing(refused), refused.open("wb") as out:
        after = 0
        while True:
            page = await stub.ListRefusedProducts(pb.ListRefusedProductsRequest(import_id=import_id, after_line=after))
            out.write(page.content)
            if not page.next_line:
                return
            after = page.next_line


async def export_products(channel: grpc.aio.Channel, file: Path, status: str, console: Console) -> None:
    """Into a new file, which is there when it is whole."""
    stub: ProductFilesServiceAsyncStub = ProductFilesServiceStub(channel)
    request = pb.ExportProductsRequest(format=format_of(file), status=status)
    unfinished = file.with_name(f"{file.name}.unfinished")
    with console.step("Products") as step, files.writing(unfinished):
        size = 0
        try:
            with unfinished.open("wb") as out:
                while True:
                    page = await _page(stub, request)
                    size += out.write(page.content)
                    if not page.after:
                        break
                    request.after = page.after
                    del request.header[:]
                    request.header.extend(page.header)
            unfinished.rename(file)
        finally:
            unfinished.unlink(missing_ok=True)
        step.note = f"{size / 1e6:.1f} MB"
    console.say(f"  The products are in {escape(str(file))}.")


async def _page(stub: ProductFilesServiceAsyncStub, request: pb.ExportProductsRequest) -> pb.ExportProductsResponse:
    try:
        return await stub.ExportProducts(request)
    except Problem as problem:
        raise failure_of(problem, "the log says more") from None
