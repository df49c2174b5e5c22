"""Bring goods and customers from elsewhere into the shop. Safe to repeat: what is there is found as it is.

`stoa import products FILE` reads products from CSV (a line for each variant) or JSON lines, as `stoa export products`
writes them, or, with `--from shopify` or `--from woocommerce`, the export of another shop as it is. It adds and
changes, and takes nothing away that the file does not speak of. What is refused of FILE.csv is written to
FILE.refused.csv as that is written, with the reason in each line, to be mended and imported; what is refused of that
again, to FILE.refused-2.csv. Where nothing is, that file of an earlier time is removed. With --dry-run it writes what
would be refused. Exit status 1 where anything is refused: the rest of
the file is in all the same.

`stoa import online-retail FILE` reads the "Online Retail" history as Parquet: every stock code becomes a
product with its most frequent description and its median price, with opening stock for all that was sold;
its customers become users. What cannot be sold is counted and named.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from rich.markup import escape

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.cli.migrate import migrate
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.cli.products import import_products
from stoa.retail.history import History, UnreadableHistory, read
from stoa.retail.import_history import import_history
from stoa.runtime.failure import Failure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", choices=["products", "online-retail"], help="what kind of file it is")
    parser.add_argument("file", type=Path, help="the file")
    parser.add_argument(
        "--from", dest="shop", choices=["stoa", "shopify", "woocommerce"], default="stoa", help="whose export it is"
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        type=_column,
        help="a column of the file that has another name here: --column Titel=name",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    installation.add_arguments(parser)


def _column(text: str) -> tuple[str, str]:
    theirs, equals, ours = text.rpartition("=")
    if not (theirs and equals and ours):
        raise argparse.ArgumentTypeError(f"{text!r} is not as it is to be, such as Titel=name")
    return theirs, ours


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Import beside a shop that runs, or into one that does not run at the moment; it must be there."""
    here = installation.installation_of(arguments)
    configure_logs("import", read_settings(here.environ))
    if arguments.source == "online-retail":
        await _import_history(here, arguments.file, console)
        return
    console.expect(2)
    async with here.existing() as access:
        await migrate(console, access, STORED.values())
        async with whole_system(access, here) as channel_to:
            await import_products(
                channel_to("catalog"),
                arguments.file,
                arguments.shop,
                dict(arguments.column),
                console,
                dry_run=arguments.dry_run,
                options=installation.options_of(arguments),
            )


async def _import_history(here: Installation, file: Path, console: Console) -> None:
    console.expect(3)
    async with here.existing() as access:
        await migrate(console, access, STORED.values())
        history = await read_history(file, console)
        with console.step("Import", total=len(history.products) + len(history.customers)) as step:
            async with whole_system(access, here) as channel_to:
                done = await import_history(history, channel_to, step.advance)
    console.say(f"  Products   {done.products_added:>6} added, {done.products_there} were there")
    console.say(f"  Stock      {done.stock_added:>6} added, {done.stock_there} were there")
    console.say(f"  Customers  {done.customers_added:>6} added, {done.customers_there} were there")
    for reason, count in history.skipped.most_common():
        console.say(f"  {count:>6} lines left out: {reason} ({escape(', '.join(history.examples[reason]))}, …)")


async def read_history(file: Path, console: Console) -> History:
    """The history in a file, as a step. Raises `Failure` for a file that is none."""
    with console.step("Sales history") as step:
        try:
            history = await asyncio.to_thread(read, file)
        except UnreadableHistory as error:
            raise Failure(str(error), "give the Parquet file of the Online Retail history") from None
        step.note = f"{len(history.invoices)} invoices, {len(history.products)} products"
    return history
