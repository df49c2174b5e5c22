"""How a service declares its REST API: a route says its path, its types, who may and how it repeats.

    routes: Routes[Cart] = Routes("cart")

    @routes.post("/cart/{cart_id}/items", body=NewItem, answer=CartView, status=201, who=ANYONE)
    async def add_item(cart: Cart, request: Request[NewItem]) -> CartView: ...

    parts = Parts(routes=routes.bind(cart))

Paths stand without `/api/v1`. `{sku}` takes any one segment, `{order_id:uuid}` only a UUID (anything
else is 404 before the handler runs). A fixed segment wins over a parameter, whatever the order.
A `capability` is a path parameter that nobody can guess: who knows it may, so logs never have it.
A body is JSON decoded strictly into `body`; `body=bytes` takes any content as it came, `body=BodyStream` while it
comes: its handler's effect is one that it has when it has seen the end, and nobody can keep its answer under a key,
which counts for one body that is known whole. `Streamed` is such an answer. A route that
declares no body refuses one, except for an empty object; one where nothing must be said may come without. `also` are
other paths to the same, for those who know it by them. An answer that has a `version` has an `ETag`. A mutation
that is `versioned` changes only what is as the caller has seen it (`preconditions`); any other refuses an `If-Match`.

What clients are told is made from this. A route that may answer more says so: `others={202: CheckoutView}` for a
success of another status, `raises=(OutOfStock,)` for a problem whose status no route of its kind has (`openapi.py`
beside this says which those are). What the parameters of paths are is said once for a file, `Routes("cart", about=
{"cart_id": "The cart's id"})`, and those of a query in its docstring, a line for each: `limit: how many there are`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, Protocol

import msgspec
from starlette.datastructures import Headers
from typing_extensions import TypeVar

from stoa.kit import problems
from stoa.kit.context import Principal
from stoa.kit.http.preconditions import ANYTHING, IfMatch
from stoa.kit.http.streaming import BodyStream
from stoa.kit.permissions import OF_OWN

S = TypeVar("S")
BodyT = TypeVar("BodyT")
QueryT = TypeVar("QueryT")
AnswerT = TypeVar("AnswerT")
BodyT_co = TypeVar("BodyT_co", default=None, covariant=True)
QueryT_co = TypeVar("QueryT_co", default=None, covariant=True)


@dataclass(frozen=True)
class Who:
    """Who may call a route. `permissions`, of which one is enough, are none where being signed in, or nothing, is.

    `forgiving`: a token that is not good counts as none. Without it such a token is 401, also where a guest may.
    """

    name: str
    signed_in: bool = True
    permissions: frozenset[str] = frozenset()
    forgiving: bool = False

    def admits(self, principal: Principal | None) -> bool:
        if principal is None:
            return not self.signed_in
        return not self.permissions or any(map(principal.may, self.permissions))


PUBLIC = Who("public", signed_in=False, forgiving=True)
"""Guests too, and nobody has to be known for it: signing in and out, and what everybody may read."""
ANYONE = Who("anyone", signed_in=False)
"""Guests too, for themselves: who sends a token means to be somebody, and must not become a guest unawares."""
SIGNED_IN = Who("signed in")
OWNER = Who("owner")
"""Signed in, and the handler looks only among the caller's own: what is another's is 404."""


def may(permission: str, *, own: bool = False) -> Who:
    """Signed in, and holds this permission; or with `own` the one for what is his, and the handler sees to that."""
    names = (permission, permission + OF_OWN) if own else (permission,)
    return Who(f"who may {' or '.join(names)}", permissions=frozenset(names))


class Idempotency(Enum):
    """What a mutation does with the `Idempotency-Key` header.

    A key counts for one caller and one route. The caller is a user; a guest is told from other guests by the
    `capability` in the path, or else by the visitor id that the gateway gives out (`stoa.kit.http.edge`).
    """

    OPTIONAL = "optional"
    """Honored when sent: claimed before the work, and a repeat gets the stored answer."""
    REQUIRED = "required"
    """The same, and a request without it is refused."""
    OWN = "own"
    """The handler takes `request.idempotency_key` and keys the effect itself, for one caller only."""
    OWN_REQUIRED = "own, required"
    """The same, and a request without it is refused."""
    UNKEPT = "unkept"
    """No answer is kept, because it holds a secret or a repeat is harmless: a key that is sent is not looked at."""


OPTIONAL = Idempotency.OPTIONAL
REQUIRED = Idempotency.REQUIRED
OWN = Idempotency.OWN
OWN_REQUIRED = Idempotency.OWN_REQUIRED
UNKEPT = Idempotency.UNKEPT


class Request(msgspec.Struct, Generic[BodyT_co, QueryT_co], frozen=True):
    """What a handler gets: everything in it was checked against the declaration.

    `client` is the caller's address as the gateway saw it, `raw` the bytes of the body, `path` the
    decoded parameters. `principal` is None for a guest; on a `PUBLIC` route `refused` then says what was
    wrong with the token, if one came.
    """

    body: BodyT_co
    query: QueryT_co
    path: Mapping[str, str] = msgspec.field(default_factory=dict)
    principal: Principal | None = None
    refused: problems.Problem | None = None
    idempotency_key: str | None = None
    if_match: IfMatch = ANYTHING
    headers: Headers = msgspec.field(default_factory=Headers)
    client: str = ""
    raw: bytes = b""

    @property
    def caller(self) -> Principal:
        """Who is signed in. Raises `Unauthorized` for a guest."""
        if self.principal is None:
            raise problems.Unauthorized("This needs a signed-in user: send an access token as Authorization: Bearer.")
        return self.principal

    @property
    def user_id(self) -> str:
        """The same, by their id."""
        return self.caller.user_id

    @property
    def groups(self) -> tuple[str, ...]:
        """The caller's customer groups, in one order; a guest is in none."""
        return tuple(sorted(self.principal.groups)) if self.principal else ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose status or headers differ from the declaration's. `body` None sends none."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer that is not JSON of a struct."""

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Streamed(msgspec.Struct, frozen=True):
    """An answer that is sent while it is made, and made no faster than its caller takes it: of any size.

    `length` is how many bytes it will have, where that is known. Once it has begun it has the caller's time and not a
    request's; who goes away ends it. One that fails on the way breaks off, and its caller sees that.
    """

    pieces: AsyncGenerator[bytes, None]
    content_type: str
    length: int | None = None
    status: int = 200
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class AnswerOf:
    """The type of an answer that another service's struct is: passed on as `Raw`, as that service gave it."""

    service: str
    struct: str


@dataclass(frozen=True, slots=True)
class FileOf:
    """The type of an answer that is a file, a `Raw` or a `Streamed`, in one of these content types."""

    content_types: tuple[str, ...]


Handler = Callable[[Any, Request[Any, Any]], Awaitable[Any]]
TypedHandler = Callable[[S, Request[BodyT, QueryT]], Awaitable[AnswerT | Answer | Raw | Streamed | None]]
Declare = Callable[[TypedHandler[S, BodyT, QueryT, AnswerT]], TypedHandler[S, BodyT, QueryT, AnswerT]]
"""The decorator: a type checker sees that the handler takes and gives what the route declares."""


@dataclass(frozen=True)
class Segment:
    """One piece of a path: fixed `text`, or a parameter of that name."""

    text: str
    parameter: bool = False
    uuid: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """One declaration, at one of its paths. `idempotency` is None for reads; `capability` names a path parameter;
    `alias_of` is the path that it is known by, where this is another; `about` says what its parameters are. `tagged`:
    its answer has an `ETag`, because it says its `version`; `versioned`: its handler looks at `If-Match`."""

    service: str
    method: str
    path: str
    alias_of: str | None
    segments: tuple[Segment, ...]
    handler: Handler
    who: Who
    body: Any
    body_optional: bool
    query: Any
    answer: Any
    status: int
    others: Mapping[int, Any]
    raises: Sequence[type[problems.Problem]]
    idempotency: Idempotency | None
    capability: str | None
    tagged: bool
    versioned: bool
    summary: str
    about: Mapping[str, str]

    def shown(self, path: Mapping[str, str]) -> str:
        """The path as logs may have it: with its parameters, but of a capability only what tells it from others."""
        pieces = [_shown(each.text, path, self.capability) if each.parameter else each.text for each in self.segments]
        return "/" + "/".join(pieces)


def _shown(name: str, path: Mapping[str, str], capability: str | None) -> str:
    value = path[name]
    # Whoever says "me" holds nothing: a token says who it is.
    if name != capability or value == "me":
        return value
    return f"~{hashlib.sha256(value.lower().encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class BoundRoutes:
    """A service's routes with the object that its handlers take first."""

    service: str
    target: Any
    routes: Sequence[Route]


_PARAMETER = re.compile(r"\{([a-z][a-z0-9_]*)(:uuid)?\}")
_FIXED = re.compile(r"[A-Za-z0-9._~-]+")


def segments_of(path: str) -> tuple[Segment, ...]:
    """The pieces of a declared path. Raises `ValueError` for one that could not be matched exactly."""
    if not path.startswith("/"):
        raise ValueError(f"a path starts with a slash: {path}")
    segments = []
    for piece in path[1:].split("/"):
        if match := _PARAMETER.fullmatch(piece):
            segments.append(Segment(match[1], parameter=True, uuid=match[2] is not None))
        elif _FIXED.fullmatch(piece):
            segments.append(Segment(piece))
        else:
            raise ValueError(f"{piece!r} in {path} is neither a plain segment nor {{name}} nor {{name:uuid}}")
    names = [each.text for each in segments if each.parameter]
    if len(names) != len(set(names)):
        raise ValueError(f"a parameter stands twice in {path}")
    return tuple(segments)


def _may_be_empty(body: Any) -> bool:
    """Whether nothing in it must be said: an act then comes without it, too. Not what sets or changes something: there
    a body that was lost would pass for one that says little."""
    return body not in {None, bytes, BodyStream} and not any(each.required for each in msgspec.structs.fields(body))


NOTHING_ELSE: Mapping[int, Any] = MappingProxyType({})
MOVED: Mapping[int, Any] = MappingProxyType({301: None})
"""The `others` of a read whose path may be one that the thing had before."""


def moved(path: str) -> Answer:
    """To where it is now: `path` stands without `/api/v1`, as routes do. Nobody on the way keeps that, for another
    thing may have the name next."""
    return Answer(301, headers={"location": f"/api/v1{path}"})


class Mutation(Protocol[S]):
    """The decorator of a route that changes something: `routes.post`, `put`, `patch` and `delete`."""

    def __call__(
        self,
        path: str,
        *,
        who: Who,
        body: type[BodyT] | None = None,
        query: type[QueryT] | None = None,
        answer: type[AnswerT] | AnswerOf | FileOf | None = None,
        status: int | None = None,
        others: Mapping[int, type[AnswerT] | None] = NOTHING_ELSE,
        raises: Sequence[type[problems.Problem]] = (),
        idempotent: Idempotency = OPTIONAL,
        capability: str | None = None,
        versioned: bool = False,
        summary: str = "",
        also: Sequence[str] = (),
    ) -> Declare[S, BodyT, QueryT, AnswerT]: ...


class Routes(Generic[S]):
    """The routes of one service. `S` is the type of what `bind` will be given; `about` says once what each parameter of
    their paths is, by its name."""

    def __init__(self, service: str, *, about: Mapping[str, str] | None = None) -> None:
        self.service = service
        self._about = about or {}
        self._routes: dict[tuple[str, str], Route] = {}
        self.post: Mutation[S] = partial(self._declare, "POST")
        """Makes something, or does something to it."""
        self.put: Mutation[S] = partial(self._declare, "PUT")
        """Sets the whole of something: naturally safe to repeat."""
        self.patch: Mutation[S] = partial(self._declare, "PATCH")
        """Changes the members that are sent."""
        self.delete: Mutation[S] = partial(self._declare, "DELETE")
        """Takes something away."""

    def bind(self, target: S) -> BoundRoutes:
        """The routes with the service's object: what goes into `Parts`."""
        return BoundRoutes(self.service, target, tuple(self._routes.values()))

    def include(self, others: Routes[S]) -> None:
        """Those of another file of the service, too; of a parameter of which it says nothing holds what is said here.
        Raises `ValueError` where both declare the same."""
        if twice := self._routes.keys() & others._routes.keys():
            raise ValueError(f"{' '.join(min(twice))} is declared twice")
        for declared, route in others._routes.items():
            self._routes[declared] = replace(route, about={**self._about, **route.about})

    def get(
        self,
        path: str,
        *,
        who: Who,
        query: type[QueryT] | None = None,
        answer: type[AnswerT] | FileOf | None = None,
        status: int | None = None,
        others: Mapping[int, type[AnswerT] | None] = NOTHING_ELSE,
        raises: Sequence[type[problems.Problem]] = (),
        capability: str | None = None,
        summary: str = "",
        also: Sequence[str] = (),
    ) -> Declare[S, None, QueryT, AnswerT]:
        """A read. HEAD is answered too."""
        return self._declare(
            "GET",
            path,
            who=who,
            query=query,
            answer=answer,
            status=status,
            others=others,
            raises=raises,
            idempotent=None,
            capability=capability,
            summary=summary,
            also=also,
        )

    def _declare(
        self,
        method: str,
        path: str,
        *,
        who: Who,
        body: Any = None,
        query: Any = None,
        answer: Any = None,
        status: int | None = None,
        others: Mapping[int, Any] = NOTHING_ELSE,
        raises: Sequence[type[problems.Problem]] = (),
        idempotent: Idempotency | None = OPTIONAL,
        capability: str | None = None,
        versioned: bool = False,
        summary: str = "",
        also: Sequence[str] = (),
    ) -> Callable[[Any], Any]:
        paths = {each: segments_of(each) for each in (path, *also)}
        if body is BodyStream and idempotent not in {OWN, OWN_REQUIRED, UNKEPT}:
            raise ValueError(f"{method} {path} streams its body: no answer can be kept, so it is OWN or UNKEPT")
        tagged = "version" in getattr(answer, "__struct_fields__", ())
        for each, segments in paths.items():
            if (method, each) in self._routes:
                raise ValueError(f"{method} {each} is declared twice")
            if capability is not None and capability not in [one.text for one in segments if one.parameter]:
                raise ValueError(f"there is no parameter {capability!r} in {each}")

        def declare(handler: Handler) -> Handler:
            for each, segments in paths.items():
                self._routes[method, each] = Route(
                    service=self.service,
                    method=method,
                    path=each,
                    alias_of=None if each == path else path,
                    segments=segments,
                    handler=handler,
                    who=who,
                    body=body,
                    body_optional=method == "POST" and _may_be_empty(body),
                    query=query,
                    answer=answer,
                    status=status or (204 if answer is None else 200),
                    others=others,
                    raises=raises,
                    idempotency=idempotent,
                    capability=capability,
                    tagged=tagged,
                    versioned=versioned,
                    summary=summary if each == path else f"The same as {path}",
                    about=self._about,
                )
            return handler

        return declare
