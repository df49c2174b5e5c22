"""`python -m bench [part ...] [--quick]`: measure, say what was found, and write docs/bench.md.

Without a name everything is measured, and docs/bench.md and docs/bench.svg are written. Some parts only, or
a quick run, are printed: they are to look at, not to keep.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from bench import baseline, goods, hot_sku, limit, machine, orders, plot, reads, report, topologies
from bench.baseline import NotInThisClone
from bench.plan import FULL, QUICK, Plan
from bench.probe import probe
from bench.progress import Progress
from bench.report import Results
from bench.shop import running

PARTS = ("reads", "orders", "limit", "hot", "topologies")
ON_ONE_SHOP = {"reads", "orders", "limit", "hot"}
BESIDE_BASELINE = {"orders"}
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
    try:
        with Progress() as progress:
            results = uvloop.run(run(parts, QUICK if arguments.quick else FULL, progress))
    except NotInThisClone as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
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
        if ON_ONE_SHOP & set(parts):
            async with AsyncExitStack() as stack:
                before = None
                if plan.baseline and BESIDE_BASELINE & set(parts):
                    code = baseline.take_out(folder / "baseline-code")
                    before = await stack.enter_async_context(running(folder / "baseline", topologies.SHAPES[0], code))
                    await goods.stock_up(before)
                shop = await stack.enter_async_context(running(folder / "shop", topologies.SHAPES[0]))
                results.facts = machine.facts(await shop.postgres_version())
                await goods.stock_up(shop)
                if "reads" in parts:
                    results.reads = await reads.measure(shop, plan, progress)
                    calibrate("after reads")
                if "orders" in parts:
                    results.orders = await orders.measure(shop, before, plan, progress)
                    calibrate("after orders")
                if "limit" in parts:
                    results.limit = await limit.measure(shop, plan, progress)
                    calibrate("after the limit")
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
