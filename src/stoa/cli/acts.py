"""What staff and operators did, over all services, the newest first: when, who, what, to what, before and after."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import msgspec
from rich.markup import escape

from stoa.app import STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.databases import every_database
from stoa.kit.staff_acts import OPERATOR, StaffAct, list_acts

MOST = 10_000
"""What a person may want to read; whoever wants more asks for one service, subject or actor."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    parser.add_argument("--service", choices=sorted(STORED), help="only in this one; default: in all")
    parser.add_argument("--subject", help="only what was done to this: the id of a user, an order …, or a SKU")
    parser.add_argument(
        "--actor", help=f"only what this user did, by id, or {OPERATOR!r}: who worked at a command line"
    )
    parser.add_argument(
        "--limit", type=installation.whole(1, MOST), default=100, help="how many at most; default: %(default)s"
    )


async def run(arguments: argparse.Namespace, console: Console) -> None:
    found: list[tuple[str, StaffAct]] = []
    async with installation.installation_of(arguments).existing() as access, every_database(access) as databases:
        for name, database in databases.items():
            if arguments.service in {None, name}:
                acts = await list_acts(
                    database, subject=arguments.subject, actor=arguments.actor, limit=arguments.limit
                )
                found += [(name, act) for act in acts]
    for name, act in sorted(found, key=lambda each: each[1].at, reverse=True)[: arguments.limit]:
        console.say(f"{act.at:%Y-%m-%d %H:%M:%S}Z  {act.actor}  {act.act} {escape(act.subject)} in {name}")
        console.say(f"     {escape(_change(act.before, act.after))}  request {escape(act.request_id)}")
        if act.reason:
            console.say(f"     {escape(act.reason)}")
    if not found:
        console.say("There is no such act.")


def _change(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> str:
    return " → ".join("nothing" if value is None else msgspec.json.encode(value).decode() for value in (before, after))
