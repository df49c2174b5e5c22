"""What everybody reads, through the gateway and from a bare app that answers the same bytes and headers.

The two sides take turns on the same core, PostgreSQL with the shop's, and the load is on the other. A turn is short and
the connections stay, so that whatever else the machine does falls on both sides alike. Which reads, and what they are
to reach, `questions` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from statistics import median

from bench import bare, load, questions, usage
from bench.load import Lines, Sample, quantile
from bench.plan import Plan
from bench.progress import Progress
from bench.questions import Question
from bench.rounds import ratio_in_turns
from bench.shop import Shop
from bench.usage import Cpu

CONNECTIONS = 32
TURN_SECONDS = 0.05
"""Some four hundred stored answers."""


@dataclass(frozen=True)
class Side:
    """Of all turns. `rate` per second, their median; `p50` and `p99` in seconds; `cpu` of the server per request, in
    seconds, and `database` that of PostgreSQL; `busy` is the client's share of its own core.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    database: float
    busy: float


@dataclass(frozen=True)
class Compared:
    """`ratio` is of our rate to theirs, as `ratio_in_turns` has it."""

    ours: Side
    theirs: Side
    ratio: float


@dataclass(frozen=True)
class Read:
    question: Question
    body_bytes: int
    gateway: Side
    bare: Side
    ratio: float


@dataclass(frozen=True)
class Asked:
    """A server at `port`, of the process `pid` and those below it, and what it is asked."""

    port: int
    pid: int
    question: Question


async def measure(shop: Shop, plan: Plan, progress: Progress) -> list[Read]:
    asked = await questions.prepare(shop)
    progress.expect("Reads", len(asked))
    answers = [await bare.copy_of(shop.port, question) for question in asked]
    reads = []
    async with bare.start(answers) as other:
        with usage.apart(shop.pid, other.pid):
            for question, answer, port in zip(asked, answers, other.ports, strict=True):
                both = Asked(shop.port, shop.pid, question), Asked(port, other.pid, question)
                found = await compare(*both, plan.read_turns)
                reads.append(Read(question, len(answer.body), found.ours, found.theirs, found.ratio))
                progress.advance(f"{question.name}: {found.ours.rate:,.0f}/s of {found.theirs.rate:,.0f}/s")
    return reads


async def compare(ours: Asked, theirs: Asked, turns: int) -> Compared:
    """Ask both, in so many turns each, after one for caches to be warm. Nothing else may be asked of them meanwhile."""
    async with _lines(ours) as our_lines, _lines(theirs) as their_lines:
        await _turn(our_lines, ours.question)
        await _turn(their_lines, theirs.question)
        before = usage.cpu(ours.pid), usage.cpu(theirs.pid)
        mine: list[Sample] = []
        others: list[Sample] = []
        for _ in range(turns):
            mine.append(await _turn(our_lines, ours.question))
            others.append(await _turn(their_lines, theirs.question))
        used = usage.cpu(ours.pid) - before[0], usage.cpu(theirs.pid) - before[1]
    ratio = ratio_in_turns([each.rate for each in mine], [each.rate for each in others])
    return Compared(_side(mine, used[0]), _side(others, used[1]), ratio)


def _lines(asked: Asked) -> AbstractAsyncContextManager[Lines]:
    return load.opened(asked.port, CONNECTIONS, has_body=asked.question.method != "HEAD")


async def _turn(lines: Lines, question: Question) -> Sample:
    message = load.request(question.method, question.url, headers=question.all_headers)
    sample = await lines.run(load.repeated(message, TURN_SECONDS))
    if sample.refused(question.status):
        raise RuntimeError(f"{sample.refused(question.status)} reads were refused: {dict(sample.statuses)}")
    return sample


def _side(turns: Sequence[Sample], used: Cpu) -> Side:
    latencies = [each for turn in turns for each in turn.latencies]
    return Side(
        median(each.rate for each in turns),
        quantile(latencies, 0.5),
        quantile(latencies, 0.99),
        used.services / len(latencies),
        used.postgres / len(latencies),
        median(each.busy for each in turns),
    )
