"""One process and three."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.page import Target, both, ms, table
from bench.topologies import CUSTOMERS, Shape

FRESH_START_SECONDS = 10.0
OLD_START_SECONDS = 3.0
MEMORY_MIB = 300.0


def targets(shapes: Sequence[Shape]) -> Iterator[Target]:
    for shape in shapes[:1]:
        yield Target(
            "First page, fresh data directory",
            f"{shape.fresh_start:.1f} s",
            "",
            f"≤ {FRESH_START_SECONDS:.0f} s",
            shape.fresh_start <= FRESH_START_SECONDS,
        )
        yield Target(
            "First page, old data directory",
            f"{shape.old_start:.1f} s",
            "",
            f"≤ {OLD_START_SECONDS:.0f} s",
            shape.old_start <= OLD_START_SECONDS,
        )
        for when, memory in (("after the start", shape.at_rest), ("after orders", shape.after_orders)):
            yield Target(
                f"Memory of {shape.name} {when}",
                f"{memory.pss:.0f} MiB",
                f"{memory.postgres_pss:.0f} of them PostgreSQL",
                f"< {MEMORY_MIB:.0f} MiB",
                memory.pss < MEMORY_MIB,
            )


def section(shapes: Sequence[Shape]) -> Iterator[str]:
    yield "## Topologies"
    yield (
        f"{CUSTOMERS} customers register once, then fill the cart and order, again and again. CPU is of all processes, "
        "per order with its cart and events."
    )
    rows: list[tuple[str, ...]] = [
        ("orders/s", *(f"{each.journey.rate:,.0f}" for each in shapes)),
        ("cart and order, p50 / p99 ms", *(both(each.journey.p50, each.journey.p99) for each in shapes)),
        ("order alone, p50 / p99 ms", *(both(each.journey.order_p50, each.journey.order_p99) for each in shapes)),
        ("CPU ms, services", *(ms(each.journey.cpu.services) for each in shapes)),
        ("CPU ms, with PostgreSQL", *(ms(each.journey.cpu.total) for each in shapes)),
        ("first page, fresh data directory, s", *(f"{each.fresh_start:.2f}" for each in shapes)),
        ("first page, old data directory, s", *(f"{each.old_start:.2f}" for each in shapes)),
        ("memory after the start, MiB PSS (PostgreSQL)", *(_memory(each) for each in shapes)),
        (
            "memory after orders, MiB PSS (PostgreSQL)",
            *(f"{each.after_orders.pss:.0f} ({each.after_orders.postgres_pss:.0f})" for each in shapes),
        ),
        ("the same as sum of RSS", *(f"{each.after_orders.rss:.0f}" for each in shapes)),
    ]
    yield table(("", *(each.name for each in shapes)), rows)


def _memory(shape: Shape) -> str:
    return f"{shape.at_rest.pss:.0f} ({shape.at_rest.postgres_pss:.0f})"
