"""Where the time of one order goes in the process that serves it, drawn: docs/order.svg.

`py-spy` looks at the process five hundred times a second while a guest orders again and again, one order at a
time, with all that its events cause. It counts who holds Python's lock: what waits is not in the picture, neither
for the disk nor for PostgreSQL.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import baskets, flame_svg, goods
from bench.plan import Plan
from bench.progress import Progress
from bench.shop import Shop

LOOKS_PER_SECOND = 500
LOOP = "asyncio/runners:Runner.run"
CARTS = 100
"""Filled at a time: a cart is not part of the order."""
_STARTED = b"Sampling"


class NotAllowed(Exception):
    """The system lets nobody look at the process; the message has its words."""


async def measure(shop: Shop, plan: Plan, progress: Progress, folder: Path) -> str:
    """The picture, as SVG. Raises `NotAllowed`."""
    progress.expect("Flame graph", 1)
    orders: list[bytes] = []
    while len(orders) < plan.profiled:
        orders += await baskets.fill(shop.port, min(CARTS, plan.profiled - len(orders)), goods.sku)
    await shop.settle()
    stacks = await _sampled(shop, orders, folder / "stacks")
    progress.advance(f"{sum(stacks.values()):,} samples of {len(orders)} orders")
    title = f"One order, alone, in the process that serves it: {sum(stacks.values()):,} samples of {len(orders)} orders"
    return flame_svg.draw(title, stacks)


async def _sampled(shop: Shop, orders: list[bytes], file: Path) -> dict[tuple[str, ...], int]:
    """How often each stack was seen while the orders were placed; frames as `module:function`, the outermost first."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    assert program, "py-spy is in the development environment"
    sampler = await asyncio.create_subprocess_exec(
        *(program, "record", "--pid", str(shop.pid), "--rate", str(LOOKS_PER_SECOND), "--gil"),
        *("--format", "raw", "--duration", "600", "--output", str(file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert sampler.stdout is not None
    said = b""
    while _STARTED not in said:
        line = await sampler.stdout.readline()
        if not line:
            raise NotAllowed(f"py-spy cannot look at the shop: {' '.join(said.decode().split())}")
        said += line
    try:
        await baskets.buy(shop.port, orders, connections=1)
        await shop.settle()
    finally:
        # It writes down what it has seen.
        sampler.send_signal(signal.SIGINT)
        await sampler.communicate()
    return read(file.read_text())  # noqa: ASYNC240 - a file of ours, once


def read(raw: str) -> dict[tuple[str, ...], int]:
    """py-spy's stacks without the lines, and without what runs the event loop."""
    stacks: dict[tuple[str, ...], int] = {}
    for line in raw.splitlines():
        frames, _, count = line.rpartition(" ")
        stack = tuple(_frames(frames))
        if LOOP in stack:
            stack = stack[stack.index(LOOP) + 1 :] or ("the event loop",)
        stacks[stack] = stacks.get(stack, 0) + int(count)
    return stacks


def _frames(text: str) -> Iterator[str]:
    """`run (stoa/kit/relay.py:12)` is `stoa/kit/relay:run`."""
    for frame in text.split(";"):
        function, _, place = frame.rpartition(" (")
        file = place.removesuffix(")").partition(":")[0].removesuffix(".py")
        for folder in ("site-packages/", "/src/", "/lib/"):
            file = file.rpartition(folder)[2]
        yield f"{file}:{function or frame}"
