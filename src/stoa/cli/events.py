"""What the services announce. `stoa events <act> --help` says more of each.

stoa events tail --type 'order.*'       follow what is announced from now on
stoa events replay --to inventory       deliver again what a service never got
"""

from __future__ import annotations

import argparse
from types import ModuleType

from stoa.cli import events_replay, events_tail, installation
from stoa.cli.console import Console

ACTS: dict[str, ModuleType] = {
    "tail": events_tail,
    "replay": events_replay,
}
"""Each a module with `add_arguments`, for its own options, and `run`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)
    acts = parser.add_subparsers(dest="act", metavar="act", required=True)
    for name, module in ACTS.items():
        about = str(module.__doc__)
        act = acts.add_parser(
            name,
            help=about.splitlines()[0],
            description=about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(act)
        installation.add_to_act(act)


async def run(arguments: argparse.Namespace, console: Console) -> int | None:
    status: int | None = await ACTS[arguments.act].run(arguments, console)
    return status
