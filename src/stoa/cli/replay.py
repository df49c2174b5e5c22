"""Buy a sales history again through the public API of a running shop, then audit it.

The goods and customers must have been imported (`stoa import online-retail FILE`). Prints orders per
second, p50, p99 and the failures by kind; the exit status is 1 if an invariant is broken.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import aiohttp
from rich.markup import escape

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.audit import audit
from stoa.cli.console import Console
from stoa.cli.import_ import read_history
from stoa.cli.installation import Installation, files_of
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.cli.user import first_administrator
from stoa.contracts.auth.v1 import auth_pb2
from stoa.contracts.auth.v1.auth_pb2_grpc import AuthServiceStub
from stoa.kit import problems
from stoa.retail.history import History
from stoa.retail.replay import Replay, Report, Shop
from stoa.runtime import topology as topologies
from stoa.runtime.access import Access
from stoa.runtime.failure import Failure
from stoa.runtime.provision import check

REQUEST_SECONDS = 60.0  # longer than the shop itself waits for anything
LOOKS = 15  # the audit's patience: events of the last orders may still be under way


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the Parquet file")
    parser.add_argument(
        "--invoices", type=installation.whole(1, 10_000_000), default=500, help="how many; default: %(default)s"
    )
    parser.add_argument(
        "--concurrency", type=installation.whole(1, 1000), default=8, help="buyers at a time; default: %(default)s"
    )
    parser.add_argument("--url", help="the shop's gateway; default: where the topology says")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> int:
    here = installation.installation_of(arguments)
    configure_logs("replay", read_settings(here.environ))
    url = arguments.url or f"http://{topologies.load(here.topology, here.environ).gateway.http}"
    console.expect(2)
    access = await here.need()
    await check(access, STORED.values())
    history = await read_history(arguments.file, console)
    report = await _replay(arguments, history, access, here, url, console)
    _say(report, console)
    console.say()
    return await audit(access, files_of(here), console, looks=LOOKS)


async def _replay(  # noqa: PLR0917 - everything that a run needs, once
    arguments: argparse.Namespace, history: History, access: Access, here: Installation, url: str, console: Console
) -> Report:
    invoices = min(arguments.invoices, len(history.invoices))
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    connector = aiohttp.TCPConnector(limit=arguments.concurrency)
    async with (
        whole_system(access, here) as channel_to,
        aiohttp.ClientSession(timeout=timeout, connector=connector) as session,
    ):
        await _check(session, url)
        auth = AuthServiceStub(channel_to("auth"))
        administrator = await first_administrator(access)

        async def token_of(email: str) -> str:
            request = auth_pb2.OpenSessionRequest(email=email, reason="replay of a sales history")
            try:
                return (await auth.OpenSession(request)).access_token
            except problems.NotFound:
                raise Failure(f"{email} is no customer of the shop", "run `stoa import online-retail` first") from None

        with console.step(f"Replay with {arguments.concurrency} buyers at a time", total=invoices) as step:
            replay = Replay(Shop(session, url), administrator, token_of, step.advance)
            return await replay.run(history, invoices=invoices, concurrency=arguments.concurrency)


async def _check(session: aiohttp.ClientSession, url: str) -> None:
    try:
        async with session.get(f"{url}/readyz") as answer:
            if answer.status == 200:
                return
    except (aiohttp.ClientError, TimeoutError):
        pass
    raise Failure(f"no shop answers at {url}", "start it with `make up`, or give --url") from None


def _say(report: Report, console: Console) -> None:
    rate = report.orders / report.seconds if report.seconds else 0.0
    console.say(f"  Orders     {report.orders} of {report.invoices} invoices in {report.seconds:.1f} s")
    console.say(f"  Rate       {rate:.1f} orders/s, each with its cart")
    console.say(f"  Order      p50 {report.quantile(0.5) * 1000:.0f} ms, p99 {report.quantile(0.99) * 1000:.0f} ms")
    console.say(f"  Returns    {report.returned_orders} orders sent back in part or whole")
    if report.returns_left_out:
        console.say(
            f"             {report.returns_left_out} left out: an administrator receives them, and there is none "
            "(`stoa user create EMAIL --role admin` makes one)"
        )
    for kind, count in report.failures.most_common():
        console.say(f"  [yellow]Failed[/]     {count} × {escape(kind)}")
