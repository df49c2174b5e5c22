"""The description says what the routes do, and documents of several processes become one."""

from __future__ import annotations

import msgspec
from tests.asgi import ask
from tests.kit.http.shop import Shop, app_of, routes

from stoa.kit.http.openapi import matrix, merge, openapi
from stoa.kit.http.routes import ANYONE, BoundRoutes


def refs_in(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from refs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs_in(each)


async def test_the_document():
    app = app_of(Shop())
    reply = await ask(app, "GET", "/api/v1/openapi.json")
    document = reply.json
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {
        "/api/v1/things/{ref}",
        "/api/v1/things",
        "/api/v1/things/{thing_id}/history",
        "/api/v1/baskets",
        "/api/v1/orders",
        "/api/v1/orders/{number}/cancel",
        "/api/v1/own",
        "/api/v1/hooks",
        "/api/v1/files/{name}",
        "/api/v1/fails/{how}",
    }
    for ref in refs_in(document):
        node = document
        for part in ref.removeprefix("#/").split("/"):
            node = node[part]
    show = document["paths"]["/api/v1/things/{ref}"]["get"]
    assert (show["summary"], show["description"], show["x-who"]) == ("One thing", "Everything about a thing.", "anyone")
    assert show["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/shop.View"
    }
    assert "security" not in show


async def test_parameters_bodies_and_security():
    document = openapi([routes.bind(Shop())], "/api/v1")
    find = document["paths"]["/api/v1/things"]["get"]
    assert {parameter["name"]: parameter["in"] for parameter in find["parameters"]} == dict.fromkeys(
        ("limit", "cursor", "name", "cheap", "max_price"), "query"
    )
    history = document["paths"]["/api/v1/things/{thing_id}/history"]["get"]
    assert history["parameters"][0]["schema"] == {"type": "string", "format": "uuid"}
    assert (history["security"], sorted(history["responses"])) == (
        [{"token": []}],
        ["200", "401", "404", "422", "429", "503"],
    )
    order = document["paths"]["/api/v1/orders"]["post"]
    assert [(each["name"], each["required"]) for each in order["parameters"]] == [("Idempotency-Key", True)]
    add = document["paths"]["/api/v1/baskets"]["post"]
    assert add["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/shop.NewBasket"
    }
    sku = document["components"]["schemas"]["shop.Line"]["properties"]["sku"]
    assert (sku["maxLength"], sku["examples"]) == (64, ["85123A"])
    assert "403" in document["paths"]["/api/v1/things/{ref}"]["delete"]["responses"]


def test_documents_merge():
    bound = routes.bind(Shop())
    first = openapi([BoundRoutes("shop", bound.target, bound.routes[:2])], "/api/v1")
    second = openapi([BoundRoutes("other", bound.target, bound.routes[2:])], "/api/v1")
    merged = merge([first, second])
    assert set(merged["paths"]) == set(openapi([bound], "/api/v1")["paths"])
    assert {"shop.View", "other.View", "Problem"} <= set(merged["components"]["schemas"])
    assert set(merged["paths"]["/api/v1/things/{ref}"]) == {"get", "delete"}
    assert msgspec.json.decode(msgspec.json.encode(merged)) == merged


def test_the_matrix_has_every_route():
    lines = matrix([routes.bind(Shop())])
    assert len(lines) == 11
    assert ("GET", "/things/{ref}", ANYONE) in [(line.method, line.path, line.who) for line in lines]
