"""What everybody reads, through the gateway and from a bare app that answers the same bytes and headers.

The two sides take turns on the same core, PostgreSQL with the shop's, and the load is on the other. Which reads, and
what they are to reach, `questions` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from bench import bare, load, questions, usage
from bench.plan import Plan
from bench.progress import Progress
from bench.questions import Question
from bench.rounds import medians
from bench.shop import Shop

CONNECTIONS = 32


@dataclass(frozen=True)
class Side:
    """One round, or the medians of several. `rate` per second; `p50` and `p99` in seconds; `cpu` of the server per
    request, in seconds, and `database` that of PostgreSQL; `busy` is the client's share of its own core.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    database: float
    busy: float


@dataclass(frozen=True)
class Read:
    """`ratio` is the median of the rounds' ratios: each compares two runs that followed one another."""

    question: Question
    body_bytes: int
    gateway: Side
    bare: Side
    ratio: float


async def measure(shop: Shop, plan: Plan, progress: Progress) -> list[Read]:
    asked = await questions.prepare(shop)
    progress.expect("Reads", len(asked) * plan.rounds)
    return [await _one(shop, question, plan, progress) for question in asked]


async def _one(shop: Shop, question: Question, plan: Plan, progress: Progress) -> Read:
    answer = await bare.copy_of(shop.port, question)
    pairs = []
    async with bare.start(answer) as other:
        with usage.apart(shop.pid, other.pid):
            for _ in range(plan.rounds):
                ours = await side(shop.port, shop.pid, question, plan.read_seconds)
                theirs = await side(other.port, other.pid, question, plan.read_seconds)
                pairs.append((ours, theirs))
                progress.advance(f"{question.name}: {ours.rate:,.0f}/s of {theirs.rate:,.0f}/s")
    ratio = median(ours.rate / theirs.rate for ours, theirs in pairs)
    mine, bares = medians([ours for ours, _ in pairs]), medians([theirs for _, theirs in pairs])
    return Read(question, len(answer.body), mine, bares, ratio)


async def side(port: int, pid: int, question: Question, seconds: float) -> Side:
    """One round, after a moment for connections and caches to be warm."""
    message = load.request(question.method, question.url, headers=question.all_headers)
    has_body = question.method != "HEAD"
    await load.run(port, load.repeated(message, seconds / 10), connections=CONNECTIONS, has_body=has_body)
    before = usage.cpu(pid)
    sample = await load.run(port, load.repeated(message, seconds), connections=CONNECTIONS, has_body=has_body)
    used = usage.cpu(pid) - before
    if sample.refused(question.status):
        raise RuntimeError(f"{sample.refused(question.status)} reads were refused: {dict(sample.statuses)}")
    return Side(
        sample.rate,
        sample.quantile(0.5),
        sample.quantile(0.99),
        used.services / sample.answers,
        used.postgres / sample.answers,
        sample.busy,
    )
