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
        "/api/v1/own/{number}",
        "/api/v1/boxes/{box_id}",
        "/api/v1/vases/{ref}",
        "/api/v1/windows/{ref}",
        "/api/v1/doors",
        "/api/v1/gates/main-gate",
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


def test_an_alias_is_an_operation_of_its_own_that_says_of_which():
    paths = openapi([routes.bind(Shop())], "/api/v1")["paths"]
    door, gate = paths["/api/v1/doors"]["post"], paths["/api/v1/gates/main-gate"]["post"]
    assert (door.pop("operationId"), door.pop("summary")) == ("shop.knock", "Knock")
    assert (gate.pop("operationId"), gate.pop("summary")) == ("shop.knock_at_gates_main_gate", "The same as /doors")
    assert gate == door


def test_a_key_is_promised_only_what_it_gets():
    document = openapi([routes.bind(Shop())], "/api/v1")
    promised = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "header"}
            key = named.get("Idempotency-Key")
            if method != "get":
                promised[path.removeprefix("/api/v1")] = (
                    key and (key["required"], key["description"]),
                    "Stoa-Visitor" in named,
                    "not looked at" in operation.get("description", ""),
                )
    kept = "A repeat with the same key changes nothing and gets the first answer."
    mine = f"{kept} The key is the caller's own."
    held = f"{kept} The key is the user's own, or counts for a guest within this box_id."
    visitors = (
        f"{kept} The key is the user's own, or a guest's who sends the Stoa-Visitor that the first answer brought."
    )
    own = "A repeat with the same key takes effect once; what it gets is said above."
    assert promised == {
        "/baskets": ((False, visitors), True, False),
        "/orders": ((True, mine), False, False),
        "/orders/{number}/cancel": ((False, visitors), True, False),
        "/own": ((False, own), False, False),
        "/own/{number}": ((True, own), False, False),
        "/boxes/{box_id}": ((False, held), False, False),
        "/doors": (None, False, True),
        "/gates/main-gate": (None, False, True),
        "/hooks": ((False, visitors), True, False),
        "/things/{ref}": ((False, mine), False, False),
        "/vases/{ref}": ((False, visitors), True, False),
    }


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
    assert len(lines) == 19
    assert ("GET", "/things/{ref}", ANYONE) in [(line.method, line.path, line.who) for line in lines]
