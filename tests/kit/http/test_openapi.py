"""The description says what the routes do, and documents of several processes become one."""

from __future__ import annotations

import msgspec
import pytest
from tests.asgi import ask
from tests.kit.http.shop import Shop, View, app_of, routes

from stoa.kit import problems
from stoa.kit.http.openapi import matrix, merge, openapi
from stoa.kit.http.routes import ANYONE, AnswerOf, BoundRoutes, FileOf, Routes
from stoa.kit.http.types import PageQuery

ALWAYS = ["400", "408", "413", "414", "422", "429", "431", "500", "503"]


def refs_in(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from refs_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from refs_in(each)


@pytest.fixture
def document():
    return openapi([routes.bind(Shop())], "/api/v1")


async def test_the_document(document):
    reply = await ask(app_of(Shop()), "GET", "/api/v1/openapi.json")
    assert reply.json == msgspec.json.decode(msgspec.json.encode(document))
    assert (document["openapi"], document["servers"]) == ("3.1.0", [{"url": "/api/v1"}])
    assert set(document["paths"]) == {
        "/things/{ref}",
        "/things",
        "/things/{thing_id}/history",
        "/baskets",
        "/orders",
        "/orders/{number}/cancel",
        "/own",
        "/own/{number}",
        "/boxes/{box_id}",
        "/vases/{ref}",
        "/windows/{ref}",
        "/doors",
        "/gates/main-gate",
        "/hooks",
        "/files/{name}",
        "/fails/{how}",
    }
    for ref in refs_in(document):
        node = document
        for part in ref.removeprefix("#/").split("/"):
            node = node[part]
    show = document["paths"]["/things/{ref}"]["get"]
    assert (show["summary"], show["description"], show["x-who"]) == ("One thing", "Everything about a thing.", "anyone")
    assert show["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ShopView"
    }
    assert show["security"] == [{}, {"token": []}]


def test_parameters_bodies_and_security(document):
    find = document["paths"]["/things"]["get"]
    assert {parameter["name"]: (parameter["in"], parameter["required"]) for parameter in find["parameters"]} == (
        dict.fromkeys(("limit", "cursor", "name", "cheap", "max_price"), ("query", False))
    )
    history = document["paths"]["/things/{thing_id}/history"]["get"]
    assert history["parameters"][0]["schema"] == {"type": "string", "format": "uuid"}
    assert history["security"] == [{"token": []}]
    order = document["paths"]["/orders"]["post"]
    assert [(each["name"], each["required"]) for each in order["parameters"]] == [("Idempotency-Key", True)]
    assert "requestBody" not in order
    add = document["paths"]["/baskets"]["post"]["requestBody"]
    assert add == {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ShopNewBasket"}}},
    }
    hook = document["paths"]["/hooks"]["post"]["requestBody"]
    assert hook["content"] == {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def test_parameters_are_said_once_for_a_file_and_in_the_docstring_of_a_query():
    class Found(PageQuery, frozen=True, kw_only=True):
        r"""What is found: all there is.

        name: as it is written, or
            as it sounds
        custom: what has this value
        """

        name: str = ""
        custom: dict[str, str] = msgspec.field(default_factory=dict)

    bins: Routes[Shop] = Routes("bins", about={"name": "The bin's name"})
    rest: Routes[Shop] = Routes("bins", about={"name": "Somebody's name", "bin": "The bin's number"})

    @bins.get("/bins/{name}/{bin}", query=Found, who=ANYONE)
    async def show_bin(shop, request): ...

    rest.include(bins)
    parameters = openapi([rest.bind(Shop())], "/api/v1")["paths"]["/bins/{name}/{bin}"]["get"]["parameters"]
    assert [(each["in"], each["name"], each["description"]) for each in parameters] == [
        ("path", "name", "The bin's name"),
        ("path", "bin", "The bin's number"),
        ("query", "limit", "how many items a page has at most"),
        ("query", "cursor", "the `next_cursor` of the page before, unchanged"),
        ("query", "name", "as it is written, or as it sounds"),
        ("query", "custom", "what has this value. By its name: `custom[color]=red`, or `custom.color=red`"),
    ]


def test_an_alias_is_an_operation_of_its_own_that_says_of_which(document):
    door, gate = document["paths"]["/doors"]["post"], document["paths"]["/gates/main-gate"]["post"]
    assert (door.pop("operationId"), door.pop("summary")) == ("knock", "Knock")
    assert (gate.pop("operationId"), gate.pop("summary")) == ("knockAtGatesMainGate", "The same as /doors")
    assert gate == door


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/windows/{ref}", ["200", "404"]),
        ("get", "/things/{thing_id}/history", ["200", "401", "404"]),
        ("delete", "/things/{ref}", ["204", "401", "403", "404", "409", "412"]),
        ("post", "/baskets", ["201", "401", "409", "412", "415"]),
        ("post", "/hooks", ["204", "401", "409", "412"]),
        ("post", "/doors", ["200", "412"]),
    ],
)
def test_the_statuses_of_a_route_follow_from_its_declaration(document, method, path, statuses):
    answers = document["paths"][path][method]["responses"]
    assert sorted(set(answers) - set(ALWAYS)) == statuses
    assert set(ALWAYS) <= set(answers)
    assert answers["503"] == {"$ref": "#/components/responses/Unavailable"}


def test_a_route_that_may_answer_more_says_so():
    more: Routes[Shop] = Routes("more")

    @more.post(
        "/things",
        answer=AnswerOf("other", "Thing"),
        status=201,
        others={202: View, 204: None},
        raises=(problems.PaymentRequired, problems.Forbidden),
        who=ANYONE,
    )
    async def make_one_thing(shop, request): ...

    operation = openapi([more.bind(Shop())], "/api/v1")["paths"]["/things"]["post"]
    assert operation["operationId"] == "makeThing"
    answers = operation["responses"]
    assert sorted(set(answers) - set(ALWAYS)) == ["201", "202", "204", "401", "402", "403", "409", "412"]
    shown = {status: answers[status].get("content", {}).get("application/json") for status in ("201", "202", "204")}
    assert shown == {
        "201": {"schema": {"$ref": "#/components/schemas/OtherThing"}},
        "202": {"schema": {"$ref": "#/components/schemas/MoreView"}},
        "204": None,
    }


def test_a_route_that_answers_with_a_file_says_of_what_types():
    files: Routes[Shop] = Routes("files")

    @files.get("/things.csv", answer=FileOf(("text/csv", "application/jsonl")), who=ANYONE)
    async def read_things(shop, request): ...

    document = openapi([files.bind(Shop())], "/api/v1")
    answer = document["paths"]["/things.csv"]["get"]["responses"]["200"]
    assert answer["content"] == {"text/csv": {}, "application/jsonl": {}}


def test_what_is_versioned_says_where_its_tag_goes(document):
    vases = document["paths"]["/vases/{ref}"]
    headers = {
        method: [
            each["name"] for each in operation["parameters"] if each["in"] == "header" and each["name"][:3] == "If-"
        ]
        for method, operation in vases.items()
    }
    assert headers == {"get": ["If-None-Match"], "put": ["If-Match"], "delete": ["If-Match"]}
    assert list(vases["get"]["responses"]["304"]["headers"]) == ["ETag"]
    assert "ETag" in vases["get"]["responses"]["200"]["headers"]
    assert "ETag" in vases["put"]["responses"]["200"]["headers"]
    assert "ETag" not in vases["delete"]["responses"]["204"]["headers"]
    assert "304" not in document["paths"]["/things/{ref}"]["get"]["responses"]


def test_a_key_is_promised_only_what_it_gets(document):
    promised = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "header"}
            key = named.get("Idempotency-Key")
            success = next(each for status, each in operation["responses"].items() if status.startswith("2"))
            assert ("Idempotent-Replay" in success.get("headers", {})) == (key is not None)
            if method != "get":
                promised[path] = (
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
    assert {"ShopView", "OtherView", "Problem"} <= set(merged["components"]["schemas"])
    assert merged["tags"] == [{"name": "other"}, {"name": "shop"}]
    assert set(merged["paths"]["/things/{ref}"]) == {"get", "delete"}
    assert msgspec.json.decode(msgspec.json.encode(merged)) == merged
    responses = merged["components"]["responses"]
    assert {"Unavailable", "Forbidden"} <= set(responses)
    assert "PaymentRequired" not in responses, "none of them answers it"


def test_operations_of_one_name_are_told_apart():
    documents = []
    for service in ("ours", "theirs"):
        own: Routes[Shop] = Routes(service)

        @own.get(f"/{service}", who=ANYONE)
        async def show_all(shop, request): ...

        documents.append(openapi([own.bind(Shop())], "/api/v1"))
    paths = merge(documents)["paths"]
    assert (paths["/ours"]["get"]["operationId"], paths["/theirs"]["get"]["operationId"]) == (
        "showAll",
        "theirs_showAll",
    )


def test_the_matrix_has_every_route():
    lines = matrix([routes.bind(Shop())])
    assert len(lines) == 19
    assert ("GET", "/things/{ref}", ANYONE) in [(line.method, line.path, line.who) for line in lines]


def test_of_two_who_say_what_a_problem_means_the_one_counts_that_says_more():
    """Each process says it by the classes that it has loaded, and one of an older release says nothing."""
    said = [{"status": 404, "title": "No such paper", "means": means, "remedy": ""} for means in ("", "There is none.")]
    for order in (said, said[::-1]):
        documents = [{**openapi([], "/api/v1"), "x-problems": {"no-such-paper": each}} for each in order]
        old = openapi([], "/api/v1")
        del old["x-problems"]
        assert merge([*documents, old])["x-problems"]["no-such-paper"] == said[1]
