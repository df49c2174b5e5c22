"""Faults on purpose, in the channel: the same in process and on the wire, off unless asked for.

    STOA_FAULTS="InventoryService/* drop=0.2,latency=0.5:0.05; duplicate=1.0; seed=7"

Parts are separated by `;`. A part may start with a pattern of methods, and the first part that fits a
method counts for it. Every fault starts with its probability:

    latency=0.02:0.1            two calls in a hundred leave 0.1 s late
    status=0.1:UNAVAILABLE      refused with that code before the call leaves
    duplicate=1.0               delivered twice, one after the other, and the second answer counts;
                                only where the contract says that a repeat is safe (idempotency_level)
    drop=0.1                    delivered, but the answer is lost: the caller sees UNAVAILABLE,
    drop=0.1:DEADLINE_EXCEEDED  or waits until its deadline

`duplicate=1.0` alone is how the test lane proves that every repeatable call is one. What happens to the
n-th call of a method follows from the seed, the method and n, whatever else goes on.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import grpc
from google.protobuf import descriptor_pool

from stoa.kit.channels.calls import Outgoing, Send, short_name
from stoa.kit.channels.replies import Reply

_DROPPED_AS = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The faults of the methods that fit a pattern; each probability is from 0 to 1."""

    methods: str = "*"
    latency: float = 0.0
    latency_seconds: float = 0.0
    status: float = 0.0
    status_code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    duplicate: float = 0.0
    drop: float = 0.0
    drop_code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE


class Faults:
    """The faults of a process's channels: one for all of them."""

    def __init__(self, rules: tuple[Rule, ...], seed: int = 0) -> None:
        self._rules = rules
        self._seed = seed
        self._calls: Counter[str] = Counter()

    @classmethod
    def parse(cls, text: str) -> Faults | None:
        """The faults that the text asks for, None where it asks for none. Raises ValueError naming what is wrong."""
        rules: list[Rule] = []
        seed = 0
        for part in filter(None, (part.strip() for part in text.split(";"))):
            methods, _, faults = part.rpartition(" ")
            if not methods and faults.startswith("seed="):
                seed = _seed(faults)
            else:
                rules.append(_rule(methods.strip() or "*", faults))
        return cls(tuple(rules), seed) if rules else None

    def deliver(self, send: Send, outgoing: Outgoing) -> asyncio.Future[Reply]:
        """Send, with what the rules say happens to this call."""
        method = short_name(outgoing.path)
        rule = next((rule for rule in self._rules if fnmatchcase(method, rule.methods)), None)
        if rule is None:
            return send(outgoing)
        self._calls[method] += 1
        rng = random.Random(f"{self._seed} {method} {self._calls[method]}")  # noqa: S311 not for secrets
        fate = _fate(rule, rng, may_repeat=repeatable(outgoing.path))
        return asyncio.get_running_loop().create_task(_suffer(fate, send, outgoing))


class _Fate(NamedTuple):
    """What happens to one call."""

    late_seconds: float
    refused_as: grpc.StatusCode | None
    twice: bool
    lost_as: grpc.StatusCode | None


def _fate(rule: Rule, rng: random.Random, *, may_repeat: bool) -> _Fate:
    # Four throws for every call, so that the probability of one fault does not move the others.
    late, refused, twice, lost = (rng.random() for _ in range(4))
    return _Fate(
        late_seconds=rule.latency_seconds if late < rule.latency else 0.0,
        refused_as=rule.status_code if refused < rule.status else None,
        twice=may_repeat and twice < rule.duplicate,
        lost_as=rule.drop_code if lost < rule.drop else None,
    )


async def _suffer(fate: _Fate, send: Send, outgoing: Outgoing) -> Reply:
    if fate.late_seconds:
        await asyncio.sleep(min(fate.late_seconds, _remaining(outgoing)))
        if not _remaining(outgoing):
            return _on_purpose(grpc.StatusCode.DEADLINE_EXCEEDED)
    if fate.refused_as is not None:
        return _on_purpose(fate.refused_as)
    reply = await send(outgoing)
    if fate.twice and _remaining(outgoing):
        reply = await send(outgoing)
    if fate.lost_as is grpc.StatusCode.DEADLINE_EXCEEDED:
        await asyncio.sleep(_remaining(outgoing))
    return reply if fate.lost_as is None else _on_purpose(fate.lost_as)


def _remaining(outgoing: Outgoing) -> float:
    return max(0.0, outgoing.deadline - time.monotonic())


def _on_purpose(code: grpc.StatusCode) -> Reply:
    return Reply(code, details="a fault on purpose")


@cache
def repeatable(path: str) -> bool:
    """Whether the contract says that a repeat of this method is safe."""
    try:
        method = descriptor_pool.Default().FindMethodByName(path.lstrip("/").replace("/", "."))
    except KeyError:
        return False
    return bool(method.GetOptions().idempotency_level)


def _rule(methods: str, faults: str) -> Rule:
    rule = Rule(methods=methods)
    for fault in faults.split(","):
        name, _, value = fault.partition("=")
        chance, _, argument = value.partition(":")
        try:
            rule = _with_fault(rule, name, float(chance), argument)
        except (ValueError, KeyError):
            raise ValueError(f"not a fault: {fault!r} (see stoa.kit.channels.faults)") from None
    return rule


def _with_fault(rule: Rule, name: str, chance: float, argument: str) -> Rule:
    if not 0.0 <= chance <= 1.0:
        raise ValueError(chance)
    if name == "latency":
        return replace(rule, latency=chance, latency_seconds=float(argument))
    if name == "status":
        return replace(rule, status=chance, status_code=grpc.StatusCode[argument])
    if name == "duplicate" and not argument:
        return replace(rule, duplicate=chance)
    if name == "drop":
        code = grpc.StatusCode[argument] if argument else grpc.StatusCode.UNAVAILABLE
        if code in _DROPPED_AS:
            return replace(rule, drop=chance, drop_code=code)
    raise ValueError(name)


def _seed(text: str) -> int:
    try:
        return int(text.removeprefix("seed="))
    except ValueError:
        raise ValueError(f"not a seed: {text!r}") from None
