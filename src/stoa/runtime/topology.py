"""Which services share a process, and where each process is found: `topologies/*.toml`, checked.

    summary = "what this shape is for"

    [process.order]
    services = ["cart", "checkout", "order", "payment"]
    gateway = false      # true for the one process that is the door
    http = 4003
    admin = 4093         # probes and metrics, for whoever runs it
    grpc = 4053          # left out where there is only one process

A service that no process names joins that of the one it is declared `beside` (`stoa.app`).

Everything is on 127.0.0.1 unless the environment says where a process is reached:
`STOA_ORDER_HTTP=order.shop.svc:4003`, `STOA_ORDER_GRPC=order.shop.svc:4053`. `STOA_ORDER_ADMIN=0.0.0.0:4093` is where
it listens for its operators, whatever STOA_BIND says.
"""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec

from stoa.app import SERVICES, STORED
from stoa.kit.nearest import choose
from stoa.runtime.failure import Failure

LOOPBACK = "127.0.0.1"

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


@dataclass(frozen=True)
class Address:
    """Where a process is reached."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class ProcessPlan:
    """One process: `admin` is for those who run it, `grpc` is None where nobody calls it from outside."""

    name: str
    services: tuple[str, ...]
    gateway: bool
    http: Address
    admin: Address
    grpc: Address | None

    @property
    def databases(self) -> tuple[str, ...]:
        """Of its services those that have one."""
        return tuple(name for name in self.services if name in STORED)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Of all its servers."""
        return tuple(each for each in (self.http, self.admin, self.grpc) if each is not None)


@dataclass(frozen=True)
class Topology:
    """All the processes; each service is in exactly one, and one of them is the gateway."""

    name: str
    summary: str
    processes: tuple[ProcessPlan, ...]

    def process(self, name: str) -> ProcessPlan:
        for plan in self.processes:
            if plan.name == name:
                return plan
        raise Failure(
            f"topology {self.name} has no process {name}", choose(name, [plan.name for plan in self.processes])
        )

    def home_of(self, service: str) -> ProcessPlan:
        """The process in which a service lives; `gateway` counts as one here."""
        return next(
            plan for plan in self.processes if service in plan.services or (service == "gateway" and plan.gateway)
        )

    @property
    def gateway(self) -> ProcessPlan:
        return self.home_of("gateway")


class _Process(msgspec.Struct, forbid_unknown_fields=True):
    services: list[str]
    http: Port
    admin: Port
    grpc: Port | None = None
    gateway: bool = False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    summary: str
    process: dict[Annotated[str, msgspec.Meta(pattern="^[a-z][a-z-]*$")], _Process]


def packaged() -> list[str]:
    """The names of the topologies that come with Stoa."""
    return sorted(Path(file.name).stem for file in _folder().iterdir() if file.name.endswith(".toml"))


def together() -> Topology:
    """Every service in one process behind no door: for a command that needs them for a moment."""
    any_port = Address(LOOPBACK, 0)
    plan = ProcessPlan("together", tuple(SERVICES), gateway=False, http=any_port, admin=any_port, grpc=None)
    return Topology("together", "", (plan,))


def load(name: str, environ: Mapping[str, str], *, port: int | None = None, admin_port: int | None = None) -> Topology:
    """The topology of that name, or in the file of that path. `port` and `admin_port` are the gateway's, over file and
    environment; the second moves with the first where nothing is said, so that two shops may share a machine.

    Raises `Failure` for one that cannot run.
    """
    path = Path(name) if name.endswith(".toml") else Path(str(_folder() / f"{name}.toml"))
    try:
        file = msgspec.convert(tomllib.loads(path.read_text()), _File)
    except OSError:
        raise Failure(f"there is no topology {name}", f"{choose(name, packaged())}, or a file.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Failure(f"topology {name} cannot be read: {error}", f"mend {path}") from None
    _place(file)
    topology = Topology(path.stem, file.summary, tuple(_plans(file, environ, port, admin_port)))
    for wrong in (*_misplaced(topology), *_unreachable(topology)):
        others = ", or choose another --port or --admin-port" if port or admin_port else ""
        raise Failure(f"topology {name}: {wrong}", f"mend {path}{others}")
    return topology


KINDS = ("http", "admin", "grpc")


def variable_of(process: str, kind: str) -> str:
    """The variable that says where a process's `http`, `admin` or `grpc` is reached."""
    return f"STOA_{process.upper().replace('-', '_')}_{kind.upper()}"


def _folder() -> importlib.resources.abc.Traversable:
    return importlib.resources.files("stoa") / "topologies"


def _plans(file: _File, environ: Mapping[str, str], port: int | None, admin_port: int | None) -> Iterator[ProcessPlan]:
    for name, process in file.process.items():
        http = _address(environ, variable_of(name, "http"), process.http)
        moved = port - process.http if process.gateway and port else 0
        admin = _address(environ, variable_of(name, "admin"), process.admin + moved)
        yield ProcessPlan(
            name=name,
            services=tuple(process.services),
            gateway=process.gateway,
            http=Address(http.host, port) if process.gateway and port else http,
            admin=Address(admin.host, admin_port) if process.gateway and admin_port else admin,
            grpc=_address(environ, variable_of(name, "grpc"), process.grpc) if process.grpc else None,
        )


def _place(file: _File) -> None:
    """Give what the file does not name to the process of its neighbor: a file of last year runs what came since."""
    homes = {service: process for process in file.process.values() for service in process.services}
    missing = [service for service in SERVICES.values() if service.name not in homes]
    while movable := [service for service in missing if service.beside in homes]:
        for service in movable:
            home = homes[str(service.beside)]
            home.services.append(service.name)
            homes[service.name] = home
            missing.remove(service)


def _address(environ: Mapping[str, str], variable: str, port: int) -> Address:
    text = environ.get(variable, "")
    if not text:
        return Address(LOOPBACK, port)
    address = address_of(text)
    if address is None:
        raise Failure(f"{variable}={text!r} is not an address", "write it as host:port")
    return address


def address_of(text: str) -> Address | None:
    """`host:port` as an address; None for what is none."""
    host, _, digits = text.rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", digits) or not 1 <= int(digits) <= 65535:
        return None
    return Address(host, int(digits))


def _misplaced(topology: Topology) -> Iterator[str]:
    placed = Counter(service for plan in topology.processes for service in plan.services)
    for service in placed.keys() - SERVICES.keys():
        yield f"there is no service {service}"
    for service, times in placed.items():
        if times > 1:
            yield f"service {service} is in {times} processes"
    for service in SERVICES.keys() - placed.keys():
        yield f"service {service} is in no process"


def _unreachable(topology: Topology) -> Iterator[str]:
    gateways = sum(plan.gateway for plan in topology.processes)
    if gateways != 1:
        yield f"{gateways} processes are the gateway, and it takes one"
    if len(topology.processes) > 1:
        for plan in topology.processes:
            if plan.grpc is None:
                yield f"process {plan.name} needs a grpc port for its neighbors"
    addresses = Counter(address for plan in topology.processes for address in plan.addresses)
    for address, times in addresses.items():
        if times > 1:
            yield f"{address} is given to {times} servers"
        if not 1 <= address.port <= 65535:
            yield f"{address} is no address"
