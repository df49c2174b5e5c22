"""Ports of 127.0.0.1 where nobody listens, for the servers that tests start."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket

from stoa.runtime import topology

HOST = "127.0.0.1"
_RANGE = range(10_000, 32_000)
"""Below those that the system gives to whoever connects: a connection of anybody's may take one of these between the
choice and the start, and one who asks there before the server listens can reach himself."""
_AT_ONCE = 128
"""How far apart the processes of one test run begin to look: each has its own part, as long as none needs more."""

_from_here = itertools.cycle(_RANGE)
for _ in range(os.getpid() * _AT_ONCE % len(_RANGE)):
    next(_from_here)


def free_ports(count: int) -> list[int]:
    """That many different ones; they come again only when the whole range has been given."""
    ports: list[int] = []
    for port in itertools.islice(_from_here, len(_RANGE)):
        if len(ports) == count:
            break
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            ports.append(port)
    assert len(ports) == count, f"{HOST} has no {count} free ports"
    return ports


def free_addresses(shape: str) -> dict[str, str]:
    """An environment that moves every process of this topology to free ports."""
    names = [
        topology.variable_of(plan.name, kind)
        for plan in topology.load(shape, {}).processes
        for kind, address in (("http", plan.http), ("admin", plan.admin), ("grpc", plan.grpc))
        if address is not None
    ]
    return {name: f"{HOST}:{port}" for name, port in zip(names, free_ports(len(names)), strict=True)}
