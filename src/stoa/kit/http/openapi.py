"""OpenAPI 3.1 from the declarations, and the list of who may call what.

Schemas are named `<service>.<Struct>`, so that documents of several processes merge without a clash.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from stoa.kit import problems
from stoa.kit.http.routes import OPTIONAL, OWN, OWN_REQUIRED, REQUIRED, UNKEPT, BoundRoutes, Route, Who

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
a read then says so in `WWW-Authenticate`. Every 429 and 503 says in `Retry-After` when to come again."""

_VISITOR_PARAMETER = {
    "name": "Stoa-Visitor",
    "in": "header",
    "required": False,
    "description": "Tells a guest from others. It comes with the answer to a first keyed request, also as a cookie.",
    "schema": {"type": "string"},
}

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `type` is stable; `field` names the input at fault.",
    "properties": {
        "type": {"type": "string", "examples": ["/problems/out-of-stock"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "examples": ["items[0].quantity"]},
        "request_id": {"type": "string"},
    },
    "required": ["type", "title", "status", "detail"],
}

_REFUSALS = {
    "400": "The request cannot be read",
    "401": "No access token, or not a valid one",
    "403": "The caller may not",
    "404": "There is no such thing, or it is not the caller's",
    "409": "Not possible in the state that things are in",
    "413": "The body is too large",
    "415": "The body is not JSON",
    "422": "A value is not acceptable; `field` says which",
    "429": "Too many requests; `Retry-After` says when to come again",
    "503": "Something that is needed does not answer; the same request may work later",
}


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
    schemas: Document = {"Problem": _PROBLEM}
    for each in bound:
        types = [
            shape
            for route in each.routes
            for shape in (route.body, route.query, route.answer)
            if shape is not None and shape is not bytes
        ]
        refs, components = msgspec.json.schema_components(
            types, ref_template=f"#/components/schemas/{each.service}.{{name}}"
        )
        schemas |= {f"{each.service}.{name}": schema for name, schema in components.items()}
        schema_of = dict(zip(map(repr, types), refs, strict=True))
        for route in each.routes:
            path = prefix + route.path.replace(":uuid}", "}")
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, schema_of, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stoa", "version": "1", "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {status: _refusal(text) for status, text in _REFUSALS.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def merge(documents: Sequence[Document]) -> Document:
    """One document for the services of several processes."""
    merged: Document = {**documents[0], "paths": {}, "components": {**documents[0]["components"], "schemas": {}}}
    for document in documents:
        for path, operations in document["paths"].items():
            merged["paths"].setdefault(path, {}).update(operations)
        merged["components"]["schemas"] |= document["components"]["schemas"]
    merged["paths"] = dict(sorted(merged["paths"].items()))
    return merged


def _operation(route: Route, schema_of: dict[str, Document], schemas: Document) -> Document:
    operation: Document = {
        "tags": [route.service],
        "operationId": _id(route),
        "summary": route.summary,
        "description": _description(route),
        "x-who": route.who.name,
        "parameters": _parameters(route, schema_of, schemas),
        "responses": {str(route.status): _success(route, schema_of)}
        | {status: {"$ref": f"#/components/responses/{status}"} for status in _possible_refusals(route)},
    }
    if route.who.signed_in:
        operation["security"] = [{"token": []}]
    elif route.idempotency is not None:
        operation["security"] = [{}, {"token": []}]
    if route.body is bytes:
        operation["requestBody"] = {"content": {"*/*": {}}}
    elif route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema_of[repr(route.body)]}},
        }
    return {name: value for name, value in operation.items() if value not in ("", [])}


def _id(route: Route) -> str:
    """The handler's name; for an alias with the words of its path, because an id stands for one operation."""
    name = f"{route.service}.{route.handler.__name__}"
    if route.alias_of is None:
        return name
    return "_".join([name, "at", *(each.text.replace("-", "_") for each in route.segments)])


def _parameters(route: Route, schema_of: dict[str, Document], schemas: Document) -> list[Document]:
    parameters: list[Document] = [
        {
            "name": segment.text,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"} if segment.uuid else {"type": "string"},
        }
        for segment in route.segments
        if segment.parameter
    ]
    if route.query is not None:
        shape = schemas[schema_of[repr(route.query)]["$ref"].rsplit("/", 1)[1]]
        required = shape.get("required", [])
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": schema}
            for name, schema in shape["properties"].items()
        ]
    if route.idempotency not in {None, UNKEPT}:
        required = route.idempotency in {REQUIRED, OWN_REQUIRED}
        parameters.append(_KEY_PARAMETER | {"description": _promise(route), "required": required})
        if _counts_by_visitor(route):
            parameters.append(_VISITOR_PARAMETER)
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


def _possible_refusals(route: Route) -> list[str]:
    statuses = {"422", "429", "503"}
    if not route.who.forgiving:
        statuses.add("401")
    if route.who.roles:
        statuses.add("403")
    if any(segment.parameter for segment in route.segments):
        statuses.add("404")
    if route.idempotency is not None:
        statuses |= {"400", "409"}
    if route.body is not None:
        statuses |= {"413", "415"}
    return sorted(statuses)


def _success(route: Route, schema_of: dict[str, Document]) -> Document:
    if route.answer is None:
        return {"description": "Done"}
    return {"description": "Done", "content": {"application/json": {"schema": schema_of[repr(route.answer)]}}}


def _refusal(text: str) -> Document:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {problems.CONTENT_TYPE: {"schema": schema}}}
