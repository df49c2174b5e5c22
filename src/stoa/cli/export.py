"""Take what is in the shop out as a file, which `stoa import` takes in again.

`stoa export products FILE` writes all products that are not archived: as CSV, a line for each variant, or as JSON
lines, one for each product, as the file's name says. What is read in again unchanged changes nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.processes import configure_logs, read_settings, whole_system
from stoa.cli.products import export_products, format_of
from stoa.runtime.failure import Failure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["products"], help="what of the shop")
    parser.add_argument("file", type=Path, help="to be made: .csv or .jsonl")
    parser.add_argument("--status", choices=["draft", "active"], default="", help="only these; default: both")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> None:
    """Beside a shop that runs, or of one that does not run at the moment."""
    here = installation.installation_of(arguments)
    configure_logs("export", read_settings(here.environ))
    format_of(arguments.file)
    if arguments.file.exists():
        raise Failure(f"{arguments.file} is there already", "choose another file")
    console.expect(1)
    async with here.existing() as access, whole_system(access, here) as channel_to:
        await export_products(channel_to("catalog"), arguments.file, arguments.status, console)
