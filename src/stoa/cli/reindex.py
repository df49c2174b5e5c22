"""Build the search index of each process anew, beside the one that answers until then. Safe to repeat, and to end.

With --from-catalog the documents, which the indexes are made of, are first made what catalog and inventory say now: for
what no event can mend, as a database that was restored alone. It works beside a shop that runs: nobody who searches
notices. Where none runs, each process builds its index when it starts.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import aiohttp

from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.contracts.search.v1 import search_pb2 as pb
from stoa.contracts.search.v1.search_pb2_grpc import SearchServiceStub

if TYPE_CHECKING:
    from stoa.contracts.search.v1.search_pb2_grpc import SearchServiceAsyncStub

LOOK_SECONDS = 0.2
BEGIN_SECONDS = 10.0
"""Within which a process that was woken says that it has begun."""
PROBE_SECONDS = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument(
        "--from-catalog", action="store_true", help="first make the documents what catalog and inventory say now"
    )


async def run(arguments: argparse.Namespace, console: Console) -> None:
    here = installation.installation_of(arguments)
    configure_logs("reindex", read_settings(here.environ))
    console.expect(1 + arguments.from_catalog)
    async with here.existing() as access, whole_system(access, here) as channel_to:
        search = SearchServiceStub(channel_to("search"))
        if arguments.from_catalog:
            await _documents(search, console)
        await _indexes(search, here, console)


async def _documents(search: SearchServiceAsyncStub, console: Console) -> None:
    answer = await search.RefreshDocuments(pb.RefreshDocumentsRequest())
    with console.step("Documents", total=max(answer.documents, answer.products)) as step:
        products = answer.products
        step.advance(answer.products)
        while answer.next_cursor:
            answer = await search.RefreshDocuments(pb.RefreshDocumentsRequest(cursor=answer.next_cursor))
            step.advance(answer.products)
            products += answer.products
        step.note = f"{products} products"


async def _indexes(search: SearchServiceAsyncStub, here: Installation, console: Console) -> None:
    generation = (await search.BuildIndexes(pb.BuildIndexesRequest())).generation
    await _wake(here)
    began = time.monotonic()
    with console.step("Indexes", total=100) as step:
        shown = 0
        while True:
            request = pb.ListIndexesRequest(generation=generation)
            indexes = (await search.ListIndexes(request)).indexes
            done, of = sum(one.done for one in indexes), sum(one.of for one in indexes)
            part = 100 * done // of if of else 100 * bool(indexes)
            step.advance(max(0, part - shown))
            shown = max(shown, part)
            if indexes and all(one.done >= one.of for one in indexes):
                step.note = f"{len(indexes)} built"
                return
            if not indexes and time.monotonic() > began + BEGIN_SECONDS:
                step.note = "no process has begun: each does when it looks, within five minutes, or starts"
                return
            await asyncio.sleep(LOOK_SECONDS)


async def _wake(here: Installation) -> None:
    """Processes of this data directory look when somebody asks whether they are ready; others at their own time."""
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for _, address in here.data_dir.probes():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"http://{address}/readyz") as answer:
                    await answer.read()
