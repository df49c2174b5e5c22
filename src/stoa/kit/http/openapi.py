"""OpenAPI 3.1 from the declarations, and the list of who may call what.

Every operation says each status that it may answer: what follows from its declaration, what the gateway and this
layer refuse whatever the route is, and what the declaration adds (`others`, `raises`). Tests compare it with every
answer that they get, so a status that is missing here fails the test that saw it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import convert, to_builtins

from stoa.kit import problems
from stoa.kit.http.routes import (
    OPTIONAL,
    OWN,
    OWN_REQUIRED,
    OWNER,
    REQUIRED,
    SIGNED_IN,
    UNKEPT,
    AnswerOf,
    BoundRoutes,
    FileOf,
    Route,
    Who,
)
from stoa.kit.http.schemas import REF, Schema, Schemas, about_members, component
from stoa.kit.http.streaming import BodyStream
from stoa.kit.problem_types import ProblemType, fullest, problem_types

Document = dict[str, Any]

_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "examples": ["order-7f3a"]},
}
_KEPT = "A repeat with the same key changes nothing and gets the first answer."
_OWN = "A repeat with the same key takes effect once; what it gets is said above."
_OF_THE_CALLER = " The key is the caller's own."
_OF_THE_HOLDER = " The key is the user's own, or counts for a guest within this {held}."
_OF_THE_VISITOR = " The key is the user's own, or a guest's who sends the Stoa-Visitor that the first answer brought."
_UNKEPT = "No answer is kept: an Idempotency-Key is not looked at."

_ABOUT = """\
A shop: browse, fill a cart, order, follow up.

An operation that takes an `Idempotency-Key` may be sent again under it; on any other a key is not looked at.
An access token that is not good is 401 where the caller has to be known, and counts as none where nobody has to be;
a read then says so in `WWW-Authenticate`. Every 429 and 503 says in `Retry-After` when to come again.

What is edited has a `version` and an `ETag`. Of two who send that ETag, or the version in quotes, as `If-Match`, the
second gets 412 and has changed nothing. An operation that takes no `If-Match` refuses it.

A member of a body that may be left out may be null as well, which is the same; where null is among its values it is
one, and in a PATCH it clears what was there."""

_VISITOR_PARAMETER = {
    "name": "Stoa-Visitor",
    "in": "header",
    "required": False,
    "description": "Tells a guest from others. It comes with the answer to a first keyed request, also as a cookie.",
    "schema": {"type": "string"},
}

_MEMBERS = {
    "style": "deepObject",
    "explode": True,
    "example": {},  # else Swagger UI makes some up, and sends them
}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` is stable, and where a page says what it means and what to do; `field` names the "
    "input at fault. Some have more members.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/out-of-stock"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "format": "int32"},
        "detail": {"type": "string"},
        "field": {"type": "string", "examples": ["items[0].quantity"]},
        "request_id": {"type": "string", "description": "Under which the logs have the request."},
    },
    "required": ["type", "title", "status", "detail"],
}

_WHEN = {"Retry-After": {"description": "In how many seconds.", "schema": {"type": "integer", "format": "int32"}}}
_WHO = {"WWW-Authenticate": {"description": "That a bearer token is wanted.", "schema": {"type": "string"}}}

_REFUSALS: dict[int, tuple[str, str, Document]] = {
    400: ("BadRequest", "The request cannot be read", {}),
    401: ("Unauthorized", "No access token, or not a valid one", _WHO),
    402: ("PaymentRequired", "The payment was refused", {}),
    403: ("Forbidden", "The caller may not", {}),
    404: ("NotFound", "There is no such thing, or it is not the caller's", {}),
    408: ("RequestTimeout", "The request did not come in time", {}),
    409: ("Conflict", "Not possible in the state that things are in", {}),
    412: ("PreconditionFailed", "It is not what `If-Match` says, or nothing here has versions", {}),
    413: ("ContentTooLarge", "The body is too large", {}),
    414: ("UriTooLong", "Path and query are too long", {}),
    415: ("UnsupportedMediaType", "The body is not JSON, or compressed", {}),
    422: ("UnprocessableContent", "A value is not acceptable; `field` says which", {}),
    429: ("TooManyRequests", "Too many requests; `Retry-After` says when to come again", _WHEN),
    431: ("HeadersTooLarge", "The headers are too large", {}),
    500: ("Fault", "The fault is ours", {}),
    503: ("Unavailable", "Something that is needed does not answer; the same request may work later", _WHEN),
}
_ALWAYS = (400, 408, 413, 414, 422, 429, 431, 500, 503)
"""Whatever the route: how a request comes, how often and to whom, and a query that nobody declared."""

_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what you have seen: it changes only if it is still that. 412 where it is not.",
    "schema": {"type": "string"},
}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of an answer that you keep.",
    "schema": {"type": "string"},
}
ETAG = {
    "ETag": {"description": "For `If-None-Match`, and `If-Match` where that is taken.", "schema": {"type": "string"}}
}
UNCHANGED = {"304": {"description": "It is what you keep", "headers": ETAG}}

_ELSEWHERE = {"Location": {"description": "Its path now.", "schema": {"type": "string"}}}
_REPLAY = {"Idempotent-Replay": {"description": "`true`: the first answer again.", "schema": {"type": "string"}}}


@dataclass(frozen=True)
class Access:
    """One line of the authorization matrix."""

    method: str
    path: str
    who: Who


def matrix(bound: Sequence[BoundRoutes]) -> list[Access]:
    """Every route with who may call it, for a test that walks them all."""
    return [Access(route.method, route.path, route.who) for each in bound for route in each.routes]


def openapi(bound: Sequence[BoundRoutes], prefix: str) -> Document:
    """The document of these services, whose paths stand under `prefix`."""
    paths: dict[str, Document] = {}
    components: dict[str, Schema] = {"Problem": _PROBLEM}
    for each in bound:
        schemas = Schemas(each.service)
        successes = [_successes(route, schemas) for route in each.routes]
        for route, success in zip(each.routes, successes, strict=True):
            path = route.path.replace(":uuid}", "}")
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, success, schemas)
        components |= schemas.components
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stoa", "version": "1", "description": _ABOUT},
        "servers": [{"url": prefix}],
        "tags": [{"name": each.service} for each in bound],
        "x-problems": to_builtins(problem_types()),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "responses": {name: _refusal(text, headers) for name, text, headers in _REFUSALS.values()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def merge(documents: Sequence[Document]) -> Document:
    """One document for the services of several processes, with no more components than it uses, and with the types of
    problem that this process has beside theirs."""
    merged: Document = {**documents[0], "paths": {}, "components": {**documents[0]["components"]}}
    # A process of an older release says none.
    theirs = (convert(each.get("x-problems", {}), dict[str, ProblemType]) for each in documents)
    types = fullest(item for some in (problem_types(), *theirs) for item in some.items())
    merged["x-problems"] = to_builtins(types)
    merged["tags"] = sorted((tag for each in documents for tag in each["tags"]), key=lambda tag: str(tag["name"]))
    schemas: dict[str, Schema] = {}
    taken: set[str] = set()
    for document in documents:
        for path, operations in document["paths"].items():
            merged["paths"].setdefault(path, {}).update(operations)
            for operation in operations.values():
                # A package from outside does not know what others call theirs.
                if operation["operationId"] in taken:
                    operation["operationId"] = f"{operation['tags'][0]}_{operation['operationId']}"
                taken.add(operation["operationId"])
        schemas |= document["components"]["schemas"]
    merged["paths"] = dict(sorted(merged["paths"].items()))
    merged["components"]["schemas"] = dict(sorted(schemas.items()))
    used = set(_refs(merged["paths"]))
    responses = merged["components"]["responses"].items()
    merged["components"]["responses"] = {
        name: each for name, each in responses if f"#/components/responses/{name}" in used
    }
    return merged


def _refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from _refs(each)
    elif isinstance(value, list):
        for each in value:
            yield from _refs(each)


def _operation(route: Route, successes: Document, schemas: Schemas) -> Document:
    operation: Document = {
        "tags": [route.service],
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": _description(route),
        "x-who": route.who.name,
        "parameters": _parameters(route, schemas),
        "responses": successes
        | {
            str(status): {"$ref": f"#/components/responses/{_REFUSALS[status][0]}"}
            for status in _possible_refusals(route)
        },
        "security": [{"token": []}] if route.who.signed_in else [{}, {"token": []}],
    }
    if route.body in {bytes, BodyStream}:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    elif route.body is not None:
        operation["requestBody"] = {
            "required": not route.body_optional,
            "content": {"application/json": {"schema": schemas.body(route.body)}},
        }
    return {name: value for name, value in operation.items() if value not in ("", [])}


def operation_id(route: Route) -> str:
    """`list_products` as `listProducts`: a method's name in most languages, and in the others made from it. `one` tells
    a handler from the act that it calls: `cancel_one_order` is `cancelOrder`. An alias has the words of its path, too.
    """
    name = route.handler.__name__.replace("_one_", "_")
    if route.alias_of is not None:
        name = "_".join([name, "at", *(each.text.replace("-", "_") for each in route.segments)])
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _in_query(name: str, schema: Schema, said: str, *, required: bool) -> Document:
    parameter = {"name": name, "in": "query", "required": required, "schema": schema}
    if schema.get("type") == "object":
        # One that has members of the shop's own, as custom fields are.
        parameter |= _MEMBERS
        said = f"{said}. By its name: `{name}[color]=red`, or `{name}.color=red`".removeprefix(". ")
    return parameter | ({"description": said} if said else {})


def _parameters(route: Route, schemas: Schemas) -> list[Document]:
    parameters: list[Document] = [
        {
            "name": segment.text,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"} if segment.uuid else {"type": "string"},
        }
        | ({"description": route.about[segment.text]} if segment.text in route.about else {})
        for segment in route.segments
        if segment.parameter
    ]
    if route.query is not None:
        said = about_members(route.query)
        parameters += [
            _in_query(name, schema, said.get(name, ""), required=required)
            for name, required, schema in schemas.members(route.query)
        ]
    if route.idempotency not in {None, UNKEPT}:
        required = route.idempotency in {REQUIRED, OWN_REQUIRED}
        parameters.append(_KEY_PARAMETER | {"description": _promise(route), "required": required})
        if _counts_by_visitor(route):
            parameters.append(_VISITOR_PARAMETER)
    if route.tagged and route.idempotency is None:
        parameters.append(IF_NONE_MATCH)
    if route.versioned:
        parameters.append(_IF_MATCH)
    return parameters


def _description(route: Route) -> str:
    said = inspect.cleandoc(route.handler.__doc__ or "")
    return f"{said}\n\n{_UNKEPT}".strip() if route.idempotency is UNKEPT else said


def _promise(route: Route) -> str:
    """What a repeat with the same key gets, and whose the key is."""
    if route.idempotency in {OWN, OWN_REQUIRED}:
        return _OWN
    if route.who.signed_in:
        return _KEPT + _OF_THE_CALLER
    if route.capability is not None:
        return _KEPT + _OF_THE_HOLDER.format(held=route.capability)
    return _KEPT + _OF_THE_VISITOR


def _counts_by_visitor(route: Route) -> bool:
    return route.idempotency in {OPTIONAL, REQUIRED} and not route.who.signed_in and route.capability is None


def _possible_refusals(route: Route) -> list[int]:
    statuses = {*_ALWAYS, *(each.status for each in route.raises)}
    if not route.who.forgiving:
        statuses.add(401)
    if route.who.signed_in and route.who not in {SIGNED_IN, OWNER}:
        statuses.add(403)
    if any(segment.parameter for segment in route.segments):
        statuses.add(404)
    if route.idempotency is not None:
        statuses.add(412)
    if route.idempotency not in {None, UNKEPT}:
        statuses.add(409)
    if route.body not in {None, bytes, BodyStream}:
        statuses.add(415)
    return sorted(statuses)


def _successes(route: Route, schemas: Schemas) -> Document:
    answers = {route.status: route.answer, **route.others}
    headers = {} if route.idempotency in {None, UNKEPT} else _REPLAY
    described = {
        str(status): _success(status, answer, headers | (ETAG if route.tagged and answer else {}), schemas)
        for status, answer in sorted(answers.items())
    }
    return described | (UNCHANGED if route.tagged and route.idempotency is None else {})


def _success(status: int, answer: Any, headers: Document, schemas: Schemas) -> Document:
    if status == 301:
        return {"description": "It has another name by now", "headers": _ELSEWHERE}
    success: Document = {"description": {201: "Made", 202: "Under way"}.get(status, "Done")}
    if headers:
        success["headers"] = headers
    if isinstance(answer, AnswerOf):
        success["content"] = {"application/json": {"schema": {"$ref": REF + component(answer.service, answer.struct)}}}
    elif isinstance(answer, FileOf):
        # Bytes of a type have no schema in OpenAPI 3.1.
        success["content"] = {kind: {} for kind in answer.content_types}
    elif answer is not None:
        success["content"] = {"application/json": {"schema": schemas.answer(answer)}}
    return success


def _refusal(text: str, headers: Document) -> Document:
    content = {problems.CONTENT_TYPE: {"schema": {"$ref": REF + "Problem"}}}
    return {"description": text, "content": content} | ({"headers": headers} if headers else {})
