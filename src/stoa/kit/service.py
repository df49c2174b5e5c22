"""How a service is declared (an entry of `stoa.app`), what it is given, and what it gives back.

Each `stoa.services.<name>` offers `build(resources: Resources) -> Parts`. It is called once in each
process that the topology gives the service to; nothing at import time opens anything.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import grpc.aio

from stoa.kit.crash_points import Reach
from stoa.kit.db import Database, Transaction
from stoa.kit.events import Event
from stoa.kit.permissions import Permission, Permissions

if TYPE_CHECKING:
    from stoa.kit.http.routes import BoundRoutes
    from stoa.kit.outbox import Outbox
    from stoa.kit.streams import Stream
    from stoa.kit.tokens import Verifier

SettingsT = TypeVar("SettingsT")
T = TypeVar("T")

Handler = Callable[[Transaction, Event], Awaitable[None]]
"""When X is announced, do Y: runs in the transaction that also marks the event as done."""

BatchHandler = Callable[[Transaction, Sequence[Event]], Awaitable[Sequence[Event]]]
"""Does what is better done at once of the events that share a transaction; those it answers with are left for their
handlers, one after the other.

What it logs or announces of one of them it does under `context.fresh(traceparent=event.traceparent)`.

Better at once is locking: where other transactions of the service lock many rows, handlers that lock theirs in
the order of arrival would deadlock with those. And what one statement does for many.
"""

StreamHandler = Callable[[Transaction, Sequence[Mapping[str, Any]]], Awaitable[None]]
"""What to do with the next events of a stream: runs in the transaction that also marks them as read."""


@dataclass(frozen=True, kw_only=True)
class PublicRead:
    """A GET whose answer to a guest is everybody's: the gateway keeps it, as bytes, and answers without the service.

    A path that ends in a parameter shows one thing, whose id the answer has under `id`; any other shows many.
    """

    path: str
    changed_by: tuple[str, ...]
    """The events that drop it: where it shows one thing, those about that thing."""
    keep_seconds: float = 5.0
    """How old it may become if none of them arrives; the operator's STOA_GATEWAY_REMEMBER_SECONDS may say less."""
    more_for: tuple[str, ...] = ()
    """Permissions: who has one of them is shown more than a guest, by the service itself, and as it is now."""
    by_group: bool = False
    """Whether who is in a customer group is shown something else, in the same way."""


@dataclass(frozen=True)
class LargestBody:
    """What one endpoint takes, `POST /products/bulk`, where that is not what any does (`stoa.kit.http.app`)."""

    endpoint: str
    most_bytes: int


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service on the page `stoa.app`: all that others have to know of it without running it."""

    name: str
    paths: tuple[str, ...] = ()
    """Its REST API: the methods of each path, as its routes declare them: `GET PUT /products/{product}`."""
    public: tuple[PublicRead, ...] = ()
    sign_ins: tuple[str, ...] = ()
    """Of these the POSTs by which somebody could guess: an address may ask for fewer of them."""
    bodies: tuple[LargestBody, ...] = ()
    """Of these the ones that take more, or less: what may be more than any other the gateway passes on as it comes."""
    secretive: bool = False
    """Whether its answers hold what opens something: they are never compressed, which would tell of it."""
    calls: tuple[str, ...] = ()
    announces: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    gets_personal: bool = False
    """Whether it is told what is personal in what it hears: only where it could not do its work without."""
    streams: tuple[str, ...] = ()
    """The topics of behavior events that it writes, such as `product-views`: what is much, and no fact of the shop."""
    follows: tuple[str, ...] = ()
    """The topics that it reads, whoever writes them."""
    shares: tuple[str, ...] = ()
    """Its settings that belong to the whole shop: `currency` is STOA_CURRENCY, unless its own is set."""
    numbers: tuple[str, ...] = ()
    """The sequences that number what people hold in their hands, as an order: none of it is given twice, also by a shop
    that was restored and does not know what it gave last."""
    beside: str | None = None
    """Whose process it joins where a topology does not name it; None where every topology has to."""
    permissions: tuple[Permission, ...] = ()
    """What its routes may ask for: a route that asks for another does not start."""
    store: Literal["postgres"] | None = "postgres"
    """Where its data is: in a database of its own, or it has none. Without one it answers and calls, and no more:
    events, streams and stored answers commit with what they are about."""
    package: str = ""
    """Where its code is, with `build` and `migrations/`; of ours by its name."""
    audit: str | None = None
    """The module that has its `INVARIANTS`, for `stoa audit`; those of ours are in `stoa.audit`."""
    api: int | None = None
    """Of a package from outside: the version of `stoa.kit.api` that it is written for."""

    def __post_init__(self) -> None:
        if not self.package:
            object.__setattr__(self, "package", f"stoa.services.{self.name}")
        endpoints = set(self.endpoints)
        for endpoint in (
            *(("GET", each.path) for each in self.public),
            *(("POST", each) for each in self.sign_ins),
            *self.largest_bodies,
        ):
            if endpoint not in endpoints:
                raise ValueError(f"{' '.join(endpoint)} is not among the paths of {self.name}")

    @property
    def endpoints(self) -> Iterator[tuple[str, str]]:
        """Each method and path of its REST API."""
        for line in self.paths:
            *methods, path = line.split(" ")
            for method in methods:
                yield method, path

    @property
    def largest_bodies(self) -> dict[tuple[str, ...], int]:
        """How many bytes a body may have, by method and path, where that is declared."""
        return {tuple(each.endpoint.split(" ")): each.most_bytes for each in self.bodies}


def folder_of(service: Service) -> Path:
    """Where the service's code is. It is looked up and not imported."""
    spec = importlib.util.find_spec(service.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package {service.package}")
    return Path(spec.submodule_search_locations[0])


@dataclass(frozen=True)
class Job:
    """Work that falls due. `run` does what is due, and is safe to repeat and to run in several processes.

    It answers in how many seconds the next falls due, as far as can be known by now, or None; it also runs when
    something has happened that may have made work, and now and then for what others have left. With
    `every_seconds` it runs only when so much time has passed.
    """

    name: str
    run: Callable[[], Awaitable[float | None]]
    every_seconds: float = 0.0


class Resources(Protocol):
    """What a service gets from its process."""

    service: Service
    outbox: Outbox
    verifier: Verifier
    permissions: Permissions
    """Of all installed services."""
    files: Path
    """Its folder for what it keeps as files: every process of the service on this machine has the same, and a backup
    has what is in it. It may not be there yet."""
    cache: Path
    """Its folder for what it can make anew: this process has it alone, and whoever needs room may remove it while the
    shop is stopped. It may not be there yet."""
    shop_folder: Path | None
    """The shop's own files: of a package's service those in the folder that has its name."""

    @property
    def db(self) -> Database:
        """Its database. Raises `UndeclaredStore` where `stoa.app` says that it has none."""

    reach: Reach
    """Where a crash test may have the process die: `resources.reach("giftwrap:chosen")`; else it does nothing."""

    def settings(self, shape: type[SettingsT]) -> SettingsT:
        """The service's settings: `STOA_<SERVICE>_<FIELD>` over the dataclass's defaults, read once."""

    def provider(self, port: str, own: Mapping[str, Callable[[], T]], name: str, setting: str) -> T:
        """Who stands behind a port of `stoa.ports`: of that `name`, built by us as in `own` or by an installed package.

        `setting` is the field of the service's settings that named it. Raises `BadSetting` where there is none.
        """

    def channel(self, callee: str) -> grpc.aio.Channel:
        """The channel for a generated stub. Raises `UndeclaredCall` unless `stoa.app` allows the edge."""

    def stream(self, topic: str) -> Stream:
        """Where it appends behavior events. Raises `UndeclaredStream` unless `stoa.app` lists it under `streams`."""


class UndeclaredStore(Exception):
    """A service asked for its database, and its line in `stoa.app` says that it has none."""


class UndeclaredCall(Exception):
    """A service asked for a neighbor that its line in `stoa.app` does not list under `calls`."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a service gives its process to run.

    `servicers` are the generated `add_XServicer_to_server` functions with their servicer bound;
    `handlers` has one entry for each event type that the service hears, `batch_handler` goes before them; `followers`
    has one for each topic that it follows; `start` runs when everything around is up, `stop` before the database
    closes; `measure` sets its gauges; `check` raises while it cannot answer though its database does, and `/readyz`
    says so; `check_own` raises where nothing here will change that, and the process is not ready. `notices` are what
    whoever starts the shop should know of how it is set up.
    """

    routes: BoundRoutes | None = None
    servicers: Sequence[Callable[[Any], None]] = ()
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    batch_handler: BatchHandler | None = None
    followers: Mapping[str, StreamHandler] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    start: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    measure: Callable[[], Awaitable[None]] | None = None
    check: Callable[[], Awaitable[None]] | None = None
    check_own: Callable[[], Awaitable[None]] | None = None
    notices: Sequence[str] = ()
