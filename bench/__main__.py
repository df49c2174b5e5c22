"""`python -m bench [part ...] [--quick | --go-on]`: measure, say what was found, and write docs/bench.md.

Without a name everything is measured, and docs/bench.md is written with its pictures. Some parts only, or a
quick run, are printed: they are to look at, not to keep. Of a run that ended early `--go-on` measures the rest.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvloop

from bench import machine, plot, report
from bench.baseline import NotInThisClone
from bench.kept import Kept, NothingToGoOn, earlier
from bench.million import NoRoom
from bench.plan import FULL, QUICK
from bench.progress import Progress
from bench.run import PARTS, SCRATCH, run

DOCS = Path(__file__).parents[1] / "docs"
KEPT = SCRATCH / "bench.kept"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", type=_part, metavar="part", help=", ".join(PARTS))
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--quick", action="store_true", help="two minutes, to see that it works")
    how.add_argument("--go-on", action="store_true", help="what the last run has measured stays")
    arguments = parser.parse_args()
    if sys.platform != "linux":
        print("bench: what processes take is read from /proc, which only Linux has", file=sys.stderr)
        return 1
    parts = tuple(arguments.parts) or PARTS
    try:
        kept = _kept(parts, go_on=arguments.go_on, quick=arguments.quick)
        with Progress() as progress:
            results = uvloop.run(run(parts, QUICK if arguments.quick else FULL, progress, kept))
    except (NotInThisClone, NoRoom, NothingToGoOn) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if kept.file is not None and kept.parts.keys() == set(PARTS):
        (DOCS / "bench.md").write_text(report.document(results, kept.commits()))
        plot.draw(results, DOCS / "bench.svg")
        if results.flame:
            (DOCS / "order.svg").write_text(results.flame)
        kept.forget()
        progress.console.print(f"\nwritten: {DOCS / 'bench.md'}, its plot and its flame graph")
    else:
        progress.console.print(report.body(results), markup=False, soft_wrap=True)
    return 0


def _kept(parts: tuple[str, ...], *, go_on: bool, quick: bool) -> Kept:
    """What is measured is kept where it is to become the page. Raises `NothingToGoOn`."""
    if go_on:
        return earlier(KEPT, machine.commit())
    return Kept(machine.commit(), KEPT if parts == PARTS and not quick else None)


def _part(name: str) -> str:
    if name in PARTS:
        return name
    raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(PARTS)}")


if __name__ == "__main__":
    sys.exit(main())
