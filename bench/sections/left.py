"""What is between the shop and the limit, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.limit import Beside
from bench.monolith import STATEMENTS
from bench.orders import Orders
from bench.page import ms
from bench.reads import Read


def section(orders: Orders, limit: Sequence[Beside], reads: Sequence[Read]) -> Iterator[str]:
    """One paragraph, of the figures of this run."""
    most = limit[-1]
    cpu = orders.levels[-1].today.cpu
    yield "## What is left to the limit"
    text = (
        f"With {most.concurrency} at once the shop places {most.monolith_ratio:.0%} of the orders that one transaction "
        f"of one database could hold, {most.shop.rate:,.0f} of {most.monolith.rate:,.0f} a second. Two things are "
        f"between them. That each service owns its data turns the {STATEMENTS} statements of one transaction into "
        f"{orders.today.statements}, in {orders.today.transactions} transactions over {orders.today.databases} "
        "databases: a fact that two services need is written twice, and what one tells the other is written down, "
        "brought, and noted as heard, so that neither has to be there for the other to sell. In pgbench, which commits "
        f"each order alone, that is {most.monolith.rate / most.pgbench.rate:.1f} times the work. And it is a program "
        "that decides: requests are checked, the saga writes down what is bought before it begins, bodies are encoded "
        f"and decoded between services. {ms(cpu.services)} ms of an order's {ms(cpu.total)} ms of CPU are the "
        "services' own, the rest is PostgreSQL's. Orders that come at the same time share their commits, which gives a "
        f"part of that back: beside pgbench with the same statements the shop is at {limit[0].ratio:.0%} with "
        f"{limit[0].concurrency} at once and at {most.ratio:.0%} with {most.concurrency}."
    )
    stored = [read.ratio for read in reads if read.question.kept]
    asked = [read.ratio for read in reads if not read.question.kept]
    if stored and asked:
        text += (
            f" Of reads, those that are stored reach {min(stored):.0%} to {max(stored):.0%} of a bare app: what is "
            "left is to know who asks, for what, and whether it is still fresh. Those that nobody stores reach "
            f"{min(asked):.0%} to {max(asked):.0%}, because a service asks its database, which a bare app does not."
        )
    yield text
