"""`python -m bench [reads|orders|hot|topologies ...] [--quick]`: measure, say what was found, write docs/bench.md.

Without a name everything is measured, and docs/bench.md and docs/bench.svg are written. Some parts only, or
a quick run, are printed: they are to look at, not to keep.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import uvloop

from bench import goods, hot_sku, machine, orders, plot, reads, report, topologies
from bench.plan import FULL, QUICK, Plan
from bench.probe import probe
from bench.progress import Progress
from bench.report import Results
from bench.shop import running

PARTS = ("reads", "orders", "hot", "topologies")
DOCS = Path(__file__).parents[1] / "docs"
SCRATCH = Path(__file__).parents[1] / "build"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", type=_part, metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="under a minute, to see that it works")
    arguments = parser.parse_args()
    if sys.platform != "linux":
        print("bench: what processes take is read from /proc, which only Linux has", file=sys.stderr)
        return 1
    parts = tuple(arguments.parts) or PARTS
    with Progress() as progress:
        results = uvloop.run(run(parts, QUICK if arguments.quick else FULL, progress))
    if parts == PARTS and not arguments.quick:
        (DOCS / "bench.md").write_text(report.document(results))
        plot.draw(results, DOCS / "bench.svg")
        progress.console.print(f"\nwritten: {DOCS / 'bench.md'}, {DOCS / 'bench.svg'}")
    else:
        progress.console.print(report.body(results), markup=False, soft_wrap=True)
    return 0


def _part(name: str) -> str:
    if name in PARTS:
        return name
    raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(PARTS)}")


async def run(parts: tuple[str, ...], plan: Plan, progress: Progress) -> Results:
    """Measure these parts, on data directories of their own that are gone afterwards."""
    # Not in /tmp, which may be memory: what is committed has to reach a disk.
    SCRATCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=SCRATCH))
    results = Results()

    def calibrate(when: str) -> None:
        results.probes.append(probe(when, folder))

    try:
        calibrate("before")
        if {"reads", "orders", "hot"} & set(parts):
            async with running(folder / "shop", topologies.SHAPES[0]) as shop:
                results.facts = machine.facts(await shop.postgres_version())
                await goods.stock_up(shop)
                if "reads" in parts:
                    results.reads = await reads.measure(shop, plan, progress)
                    calibrate("after reads")
                if "orders" in parts:
                    results.orders = await orders.measure(shop, plan, progress)
                    calibrate("after orders")
                if "hot" in parts:
                    results.hot_sku = await hot_sku.measure(shop, plan, progress)
                    calibrate("after the hot SKU")
        if "topologies" in parts:
            results.shapes = await topologies.measure(folder, plan, progress)
            calibrate("after topologies")
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
