"""From request to answer: who may, what is read, what comes back, and what an attacker gets."""

from __future__ import annotations

import asyncio
import json
import logging
from gzip import compress
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import pytest
from tests.asgi import ask, scope_of
from tests.kit.http.shop import Shop, app_of, routes
from tests.signing import bearer, token

from stoa.kit.context import Principal
from stoa.kit.http import app as layer
from stoa.kit.http import asgi, edge
from stoa.kit.http.decoding import decode_body
from stoa.kit.http.openapi import matrix
from stoa.kit.http.refusals import MalformedBody
from stoa.kit.idempotency import IdempotencyKeys
from stoa.kit.telemetry.logs import Json
from stoa.kit.tokens import SessionEnded

ID = "01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f"
LINE = {"sku": "85123A", "quantity": 2}
BASKET = {"lines": [LINE]}


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def app(shop):
    return app_of(shop)


# Answers


async def test_a_read(app):
    reply = await ask(app, "GET", "/api/v1/things/lamp")
    assert (reply.status, reply.json) == (200, {"text": "lamp", "user_id": None, "client": "192.0.2.7"})
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-length"] == str(len(reply.body))


async def test_head_is_get_without_the_body(app):
    get = await ask(app, "GET", "/api/v1/things/lamp", headers={"x-request-id": "same"})
    head = await ask(app, "HEAD", "/api/v1/things/lamp", headers={"x-request-id": "same"})
    assert (head.status, head.headers, head.body) == (200, get.headers, b"")


async def test_a_handler_may_choose_status_and_headers(app):
    reply = await ask(app, "POST", "/api/v1/baskets", BASKET)
    assert (reply.status, reply.headers["location"]) == (201, "/api/v1/baskets/1")
    raw = await ask(app, "GET", "/api/v1/files/a.csv")
    assert (raw.status, raw.headers["content-type"], raw.body) == (200, "text/csv", b"a,b\n")


async def test_no_answer_is_204(app, shop):
    reply = await ask(app, "DELETE", "/api/v1/things/lamp", headers=bearer(token(roles=("admin",))))
    assert (reply.status, reply.body, shop.ran) == (204, b"", ["removed lamp"])
    assert "content-length" not in reply.headers


async def test_an_unknown_path_and_a_wrong_method(app):
    assert (await ask(app, "GET", "/api/v1/nothing")).problem == "no-such-path"
    assert (await ask(app, "GET", "/things/lamp")).problem == "no-such-path"
    assert (await ask(app, "GET", f"/api/v1/things/{ID[:-1]}/history")).problem == "no-such-id thing_id"
    reply = await ask(app, "PATCH", "/api/v1/things/lamp")
    assert (reply.status, reply.problem, reply.headers["allow"]) == (405, "method-not-allowed", "DELETE, GET, HEAD")
    assert (await ask(app, "POST", "/api/v1/things/lamp", headers={"x-http-method-override": "DELETE"})).status == 405


async def test_an_expected_failure_is_a_problem_document(app):
    reply = await ask(app, "GET", "/api/v1/fails/expected", headers={"x-request-id": "r1"})
    assert reply.json == {
        "type": "/problems/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "Only 3 are left.",
        "field": "items[0].quantity",
        "available": 3,
        "request_id": "r1",
    }
    assert reply.headers["content-type"] == "application/problem+json"
    assert (await ask(app, "GET", "/api/v1/fails/later")).headers["retry-after"] == "7"


@pytest.mark.parametrize("how", ["unexpected", "panicking"])
async def test_an_unexpected_failure_tells_nothing_and_is_logged_with_its_traceback(app, caplog, how):
    reply = await ask(app, "GET", f"/api/v1/fails/{how}")
    assert (reply.status, reply.problem) == (500, "internal-error")
    assert b"hunter2" not in reply.body
    assert b"RuntimeError" not in reply.body
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert record.route == "/fails/{how}"


async def test_what_takes_too_long_is_given_up(app, monkeypatch):
    monkeypatch.setattr(layer, "LONGEST_REQUEST_SECONDS", 0.01)
    assert (await ask(app, "GET", "/api/v1/fails/slowly")).problem == "overdue"


# Context


async def test_the_context_is_the_callers_or_a_new_one(app, shop):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    reply = await ask(app, "GET", "/api/v1/things/a", headers={"x-request-id": "abc-1", "traceparent": parent})
    assert reply.headers["x-request-id"] == "abc-1"
    assert (shop.seen[0].request_id, shop.seen[0].trace_id) == ("abc-1", "0af7651916cd43dd8448eb211c80319c")
    for bad in ("", "a b", "x" * 129, "a\nb", "<script>"):
        reply = await ask(app, "GET", "/api/v1/things/a", headers={"x-request-id": bad, "traceparent": "rubbish"})
        assert reply.headers["x-request-id"] == shop.seen[-1].request_id != bad
    assert shop.seen[-1].remaining() > 29


async def test_the_principal_is_in_the_context(app, shop):
    await ask(app, "GET", "/api/v1/things/a", headers=bearer(token("ada")))
    assert shop.seen[0].principal == Principal("ada", "ada@example.com", frozenset({"customer"}), "session of ada")
    await ask(app, "GET", "/api/v1/things/a")
    assert shop.seen[1].principal is None


async def test_the_client_is_the_connections_other_end_unless_the_gateway_says(shop):
    app = app_of(shop, edge_secret="between us")
    spoofed = {"x-forwarded-for": "203.0.113.9", "x-stoa-client": "203.0.113.9", "x-stoa-edge": "guess"}
    assert (await ask(app, "GET", "/api/v1/things/a", headers=spoofed)).json["client"] == "192.0.2.7"
    told = {"x-stoa-client": "203.0.113.9", "x-stoa-edge": "between us"}
    assert (await ask(app, "GET", "/api/v1/things/a", headers=told)).json["client"] == "203.0.113.9"
    nobody = {"x-stoa-client": "203.0.113.9", "x-stoa-edge": ""}
    assert (await ask(app_of(shop), "GET", "/api/v1/things/a", headers=nobody)).json["client"] == "192.0.2.7"


# Who may

CALLERS = {"guest": None, "customer": ("customer",), "seller": ("seller",), "admin": ("customer", "admin")}
EXPECTED = {
    "anyone": {"guest": True, "customer": True, "seller": True, "admin": True},
    "signed in": {"guest": False, "customer": True, "seller": True, "admin": True},
    "public": {"guest": True, "customer": True, "seller": True, "admin": True},
    "owner": {"guest": False, "customer": True, "seller": True, "admin": True},
    "who may things.things.remove or things.things.remove_own": {
        "guest": False,
        "customer": False,
        "seller": True,
        "admin": True,
    },
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("access", matrix([routes.bind(Shop())]), ids=lambda each: f"{each.method} {each.path}")
async def test_every_route_admits_whom_it_declares(app, access, caller):
    path = access.path.replace("{thing_id:uuid}", ID).replace("{ref}", "lamp").replace("{how}", "expected")
    held = CALLERS[caller]
    headers = bearer(token(roles=held)) if held else {}
    reply = await ask(app, access.method, f"/api/v1{path}", headers=headers)
    refused = 403 if held else 401
    if EXPECTED[access.who.name][caller]:
        assert reply.status not in {401, 403}
    else:
        assert reply.status == refused
        assert reply.headers.get("www-authenticate") == ("Bearer" if refused == 401 else None)


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "bearer", "", "Bearer null", "Token abc", "Bearer a.b.c d"],
)
async def test_a_bad_token_is_401_also_where_guests_may(app, shop, authorization):
    reply = await ask(app, "GET", "/api/v1/things/lamp", headers={"authorization": authorization})
    assert (reply.status, reply.problem, shop.seen) == (401, "invalid-token", [])


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer x", "Basic YTpi", "", f"Bearer {token(exp=1)}"])
async def test_where_nobody_has_to_be_known_a_bad_token_counts_as_none_and_is_told(app, shop, authorization):
    reply = await ask(app, "GET", "/api/v1/windows/lamp", headers={"authorization": authorization})
    assert (reply.status, reply.json["user_id"]) == (200, None)
    assert reply.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    draft = await ask(app, "GET", "/api/v1/windows/draft", headers={"authorization": authorization})
    assert (draft.status, draft.headers["www-authenticate"]) == (404, 'Bearer error="invalid_token"')
    reply = await ask(app, "POST", "/api/v1/doors", headers={"authorization": authorization})
    assert (reply.status, reply.json["user_id"], shop.ran) == (200, None, ["knock"])
    assert reply.json["text"] == ("expired-token" if authorization.startswith("Bearer ey") else "invalid-token")
    assert "www-authenticate" not in reply.headers


async def test_where_nobody_has_to_be_known_a_good_token_counts(app):
    reply = await ask(app, "GET", "/api/v1/windows/draft", headers=bearer(token("ada")))
    assert (reply.status, reply.json["user_id"]) == (200, "ada")
    assert "www-authenticate" not in reply.headers
    assert "www-authenticate" not in (await ask(app, "GET", "/api/v1/windows/lamp")).headers


async def test_what_the_gateway_found_wrong_with_a_token_counts_and_nobody_elses_word_does(shop):
    app = app_of(shop, edge_secret="between us")
    refused = edge.Found("192.0.2.7", refused=SessionEnded("Sign in again."))
    told = dict(edge.headers_for({edge.SCOPE: refused}, "between us"))
    reply = await ask(app, "GET", "/api/v1/things/a", headers=told)
    assert (reply.status, reply.problem, shop.seen) == (401, "session-ended", [])
    assert (await ask(app, "GET", "/api/v1/windows/a", headers=told)).status == 200
    assert (await ask(app, "POST", "/api/v1/doors", headers=told)).json["text"] == "session-ended"
    claimed = told | {"x-stoa-edge": "guess"}
    assert (await ask(app, "GET", "/api/v1/things/a", headers=claimed)).status == 200


async def test_an_act_is_found_at_each_of_its_paths():
    shop = Shop()
    app = app_of(shop)
    assert (await ask(app, "POST", "/api/v1/doors")).json == (await ask(app, "POST", "/api/v1/gates/main-gate")).json
    assert shop.ran == ["knock", "knock"]
    assert (await ask(app, "GET", "/api/v1/gates/main-gate")).headers["allow"] == "POST"


async def test_two_tokens_are_refused(app):
    pairs = [("authorization", f"Bearer {token('ada')}"), ("authorization", f"Bearer {token('eve')}")]
    assert (await ask(app, "GET", "/api/v1/things/lamp", headers=pairs)).problem == "bad-header authorization"


async def test_nobody_learns_from_a_body_whether_they_may(app, shop):
    reply = await ask(app, "POST", "/api/v1/orders", raw=b"{", headers={"content-type": "application/json"})
    assert reply.status == 401


# Bodies

JSON = {"content-type": "application/json"}


def basket(text: bytes) -> bytes:
    return b'{"lines":[{"sku":"a","quantity":1}],' + text + b"}"


@pytest.mark.parametrize("note", ["Cafe\u0301", "Caf\u00e9"])
@pytest.mark.parametrize("escaped", [True, False])
async def test_a_text_has_one_spelling_however_it_is_written(app, shop, note, escaped):
    sent = json.dumps({**BASKET, "note": note * 25, "labels": {note: note}}, ensure_ascii=escaped)
    assert (await ask(app, "POST", "/api/v1/baskets", raw=sent.encode(), headers=JSON)).status == 201
    assert (shop.baskets[0].note, shop.baskets[0].labels) == ("Caf\u00e9" * 25, {"Caf\u00e9": "Caf\u00e9"})
    named = await ask(app, "GET", f"/api/v1/things?name={quote(note)}")
    assert named.json == (await ask(app, "GET", "/api/v1/things?name=Caf%C3%A9")).json


async def test_other_values_of_a_body_stay_as_they_are_when_it_is_spelled_anew(app, shop):
    raw = b'{"lines":[{"sku":"a","quantity":7}],"note":"\\u0065\\u0301\\n\\ud83d\\udc4b\\"","email":null}'
    assert (await ask(app, "POST", "/api/v1/baskets", raw=raw, headers=JSON)).status == 201
    assert shop.baskets[0].note == '\u00e9\n\U0001f44b"'
    assert (shop.baskets[0].lines[0].quantity, shop.baskets[0].email) == (7, None)


@pytest.mark.parametrize("half", [b"\\ud800", b"\\udc00", b"a\\ud83d and more", b"\\ud83d\\u0041"])
async def test_half_of_a_surrogate_pair_is_said_to_be_no_character(app, half):
    reply = await ask(app, "POST", "/api/v1/baskets", raw=basket(b'"note":"' + half + b'"'), headers=JSON)
    assert reply.json["detail"] == "The body is not well-formed JSON: half of a surrogate pair is no character."
    broken = await ask(app, "POST", "/api/v1/baskets", raw=b'{"note":', headers=JSON)
    assert broken.json["detail"] == "The body is not well-formed JSON: Input data was truncated."


@pytest.mark.parametrize("nothing", [b"", b" \n"])
async def test_an_empty_body_is_said_to_be_empty(app, nothing):
    reply = await ask(app, "POST", "/api/v1/baskets", raw=nothing, headers=JSON)
    assert (reply.status, reply.json["detail"]) == (400, "The body is empty.")


BAD_BODIES = {
    b"": "malformed-body",
    b"{": "malformed-body",
    b'{"lines": [}': "malformed-body",
    b"nonsense": "malformed-body",
    b'{"lines":[]} {"lines":[]}': "malformed-body",
    b'\xef\xbb\xbf{"lines":[]}': "malformed-body",
    b'{"lines":[],"note":"\xff"}': "malformed-body",
    b'{"lines":[],"note":"a\x00b"}': "malformed-body",
    basket(b'"note":"\\ud800"'): "malformed-body",
    basket(b'"note":"\xed\xa0\x80"'): "malformed-body",
    b'{"lines":[{"sku":"a","quantity":NaN}]}': "malformed-body",
    b'{"lines":[{"sku":"a","quantity":1,"quantity":5}]}': "malformed-body lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":1},{"sku":"b","sku":"b","quantity":1}]}': "malformed-body lines[1].sku",
    b'{"lines":[],"lines":[]}': "malformed-body lines",
    basket(b'"note":"a" , "n\\u006fte" : "b"'): "malformed-body note",
    basket(b'"labels":{"a":"x","b":"y","a":"x"}'): "malformed-body labels.a",
    basket('"labels":{"e\u0301":"x","\u00e9":"y"}'.encode()): "malformed-body labels.\u00e9",
    basket(b'"labels":{"e\\u0301":"x","\\u00e9":"y"}'): "malformed-body labels.\u00e9",
    basket(b'"price":{"amount":1,"currency":"GBP","amount":1}'): "malformed-body price.amount",
    b"[]": "unprocessable body",
    b"null": "unprocessable body",
    b'"text"': "unprocessable body",
    b"{}": "unprocessable lines",
    b'{"lines":null}': "unprocessable lines",
    b'{"lines":[{"quantity":1}]}': "unprocessable lines[0].sku",
    b'{"lines":[{"sku":"a","quantity":"1"}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":1},{"sku":"b","quantity":0}]}': "unprocessable lines[1].quantity",
    b'{"lines":[{"sku":"a","quantity":-1}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":1.5}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":true}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":[1]}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":{"$gt":0}}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":1e309}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":9223372036854775808}]}': "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":' + b"9" * 400 + b"}]}": "unprocessable lines[0].quantity",
    b'{"lines":[{"sku":"a","quantity":1,"price":1}]}': "unprocessable lines[0].price",
    b'{"lines":[{"sku":"","quantity":1}]}': "unprocessable lines[0].sku",
    b'{"lines":[{"sku":"a b","quantity":1}]}': "unprocessable lines[0].sku",
    b'{"lines":[{"sku":"a\\n","quantity":1}]}': "unprocessable lines[0].sku",
    b'{"lines":[{"sku":"' + b"a" * 65 + b'","quantity":1}]}': "unprocessable lines[0].sku",
    b'{"lines":[' + b'{"sku":"a","quantity":1},' * 3 + b'{"sku":"a","quantity":1}]}': "unprocessable lines",
    basket(b'"total":0'): "unprocessable total",
    basket(b'"__proto__":{}'): "unprocessable __proto__",
    basket(b'"note":"' + b"a" * 101 + b'"'): "unprocessable note",
    basket(b'"note":"a\\u0000b"'): "unprocessable note",
    basket(b'"labels":{"a":"\\u0000"}'): "unprocessable labels.a",
    basket(b'"labels":{"\\u0000":"a"}'): "unprocessable labels",
    basket(b'"labels":{"a":"   "}'): "unprocessable labels.a",
    basket(b'"labels":{"a":"x","b c":"   ","d":"  "}'): "unprocessable labels.b c",
    basket(b'"email":"ada"'): "unprocessable email",
    basket(b'"email":"ada@example.com\\n"'): "unprocessable email",
    basket(b'"email":"a b@example.com"'): "unprocessable email",
    basket(b'"price":{"amount":-1,"currency":"GBP"}'): "unprocessable price.amount",
    basket(b'"price":{"amount":1,"currency":"gbp"}'): "unprocessable price.currency",
    basket(b'"price":{"amount":1,"currency":"GBP\\n"}'): "unprocessable price.currency",
    basket(b'"address":{"name":"A","line1":"B","city":"C","country":"GBR"}'): "unprocessable address.country",
    basket(b'"address":{"name":"A","line1":"B","city":" ","country":"GB"}'): "unprocessable address.city",
    b'{"lines":' + b"[" * 200_000: "unprocessable lines[0]",
    b'{"deep":' + b"[" * 200_000 + b"]" * 200_000 + b"}": "unprocessable deep",
    b'{"lines":[],"note":' + b'{"a":' * 100_000: "unprocessable note",
}


@pytest.mark.parametrize(("raw", "problem"), BAD_BODIES.items(), ids=lambda each: repr(each[:40]))
async def test_a_bad_body_is_refused_with_its_field_and_changes_nothing(app, shop, raw, problem):
    reply = await ask(app, "POST", "/api/v1/baskets", raw=raw, headers=JSON)
    assert reply.problem == problem
    assert reply.status == (400 if problem.startswith("malformed-body") else 422)
    assert shop.baskets == []


async def test_the_same_field_in_several_objects_is_no_repetition(app, shop):
    lines = [{"sku": "a", "quantity": 1}, {"sku": "a", "quantity": 1}]
    body = {"lines": lines, "note": '"note":1,"note":2', "labels": {"sku": "a", "note": "b"}}
    reply = await ask(app, "POST", "/api/v1/baskets", body)
    assert reply.status == 201
    assert [line.sku for line in shop.baskets[0].lines] == ["a", "a"]


async def test_hostile_texts_are_just_texts(app, shop):
    for text in ("'; DROP TABLE users; --", "<script>alert(1)</script>", "{{7*7}}", "\u202e", "💡", "a\nb\tc"):
        reply = await ask(app, "POST", "/api/v1/baskets", {**BASKET, "note": text})
        assert (reply.status, reply.json["text"]) == (201, text)
    reply = await ask(app, "POST", "/api/v1/baskets", raw=basket(b'"note":"\\\\u0000"'), headers=JSON)
    assert (reply.status, reply.json["text"]) == (201, "\\u0000")


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_what_does_not_say_it_is_json_is_415(app, shop, content_type):
    headers = {} if content_type is None else {"content-type": content_type}
    reply = await ask(app, "POST", "/api/v1/baskets", raw=b'{"lines":[]}', headers=headers)
    assert (reply.status, reply.problem, shop.baskets) == (415, "unsupported-media-type", [])


async def test_a_compressed_body_is_415(app, shop):
    for raw in (compress(b'{"lines":[]}'), b'{"lines":[]}'):
        reply = await ask(app, "POST", "/api/v1/baskets", raw=raw, headers={**JSON, "content-encoding": "gzip"})
        assert (reply.status, reply.problem, shop.baskets) == (415, "unsupported-media-type", [])
    plain = await ask(
        app, "POST", "/api/v1/baskets", raw=b'{"lines":[]}', headers={**JSON, "content-encoding": "Identity"}
    )
    assert plain.status == 201


async def test_no_depth_of_a_body_is_a_fault_of_ours():
    # The decoder and the search for what stands twice end at depths of their own.
    refused = set()
    for depth in range(100, 1100):
        try:
            decode_body(b'{"it":' + b"[" * depth + b"]" * depth + b"}", "application/json", dict[str, Any])
        except MalformedBody as problem:
            refused.add(problem.detail)
    assert refused == {"The body is nested too deeply."}


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
async def test_json_may_be_spelled_as_it_is(app, content_type):
    reply = await ask(app, "POST", "/api/v1/baskets", raw=b'{"lines":[]}', headers={"content-type": content_type})
    assert reply.status == 201


async def test_a_route_without_a_body_refuses_one(app, shop):
    signed = {**bearer(token()), "idempotency-key": "k", **JSON}
    assert (
        await ask(app, "POST", "/api/v1/orders", raw=b'{"total":1}', headers=signed)
    ).problem == "unprocessable body"
    assert shop.ran == []
    assert (await ask(app, "POST", "/api/v1/orders", raw=b"{}", headers=signed)).status == 200


async def test_a_raw_body_comes_as_it_is(app, shop):
    reply = await ask(app, "POST", "/api/v1/hooks", raw=b"any thing", headers={"content-type": "text/plain"})
    assert (reply.status, shop.ran) == (204, ["any thing"])


async def test_a_body_over_the_limit_is_refused_as_soon_as_it_is(app, shop):
    announced = {"content-type": "application/json", "content-length": str(layer.MOST_BODY_BYTES + 1)}
    reply = await ask(app, "POST", "/api/v1/baskets", headers=announced, chunks=[])
    assert (reply.status, reply.problem, reply.json["limit"]) == (413, "body-too-large", 1024 * 1024)

    reply = await ask(app, "POST", "/api/v1/baskets", headers=JSON, chunks=[b" " * 65536] * 40)
    assert (reply.status, shop.baskets) == (413, [])


async def test_a_body_that_does_not_come_is_not_waited_for(app, shop, monkeypatch):
    monkeypatch.setattr(asgi, "BODY_SECONDS", 0.02)
    replies: list[dict[str, Any]] = []

    async def receive():
        if not pieces:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    async def send(message):
        replies.append(message)

    pieces = [b"{"]
    await app(scope_of("POST", "/api/v1/baskets", JSON.items(), "192.0.2.7"), receive, send)
    assert (replies[0]["status"], (b"connection", b"close") in replies[0]["headers"]) == (408, True)
    assert shop.baskets == []


async def test_the_largest_body_is_read(app):
    text = b'{"lines":[]' + b" " * (layer.MOST_BODY_BYTES - 12) + b"}"
    assert len(text) == layer.MOST_BODY_BYTES
    assert (await ask(app, "POST", "/api/v1/baskets", raw=text, headers=JSON)).status == 201


async def test_who_hangs_up_gets_no_answer_and_has_no_effect(app, shop):
    reply = await ask(app, "POST", "/api/v1/baskets", headers=JSON, chunks=[])
    assert (reply.status, shop.baskets) == (0, [])


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "ten", "9" * 40, ""])
async def test_a_strange_length_is_refused(app, length):
    reply = await ask(app, "POST", "/api/v1/baskets", headers={**JSON, "content-length": length}, chunks=[b"{}"])
    assert reply.status in {400, 413}


# Queries


async def test_a_query_is_decoded(app):
    reply = await ask(app, "GET", "/api/v1/things?limit=5&name=white%20lamp+%26&cheap=true&max_price=10")
    assert reply.json["items"][0]["text"] == "white lamp & 5 True 10"
    assert (await ask(app, "GET", "/api/v1/things")).json["items"][0]["text"] == "None 20 False None"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", "unprocessable limit"),
        ("limit=101", "unprocessable limit"),
        ("limit=ten", "unprocessable limit"),
        ("limit=", "unprocessable limit"),
        ("limit=1&limit=2", "unprocessable limit"),
        ("limit[]=1", "unprocessable limit[]"),
        ("name=a%00b", "unprocessable name"),
        ("name=", "unprocessable name"),
        ("name=%ff", "bad-request"),
        ("cheap=perhaps", "unprocessable cheap"),
        ("max_price=99999999999999999999", "unprocessable max_price"),
        ("max_price=null", "unprocessable max_price"),
        ("cursor=" + "a" * 1001, "unprocessable cursor"),
        ("role=admin", "unprocessable role"),
        ("&".join(f"a{number}=1" for number in range(101)), "bad-request"),
    ],
)
async def test_a_bad_query_is_refused_with_its_field(app, query, problem):
    assert (await ask(app, "GET", f"/api/v1/things?{query}")).problem == problem


@pytest.mark.parametrize(
    ("asked", "problem", "mend"),
    [
        ("things?x=1", "unprocessable x", ": choose from name, cheap, max_price, limit, cursor"),
        (
            "things?lmit=5",
            "unprocessable lmit",
            ": did you mean limit? choose from name, cheap, max_price, limit, cursor",
        ),
        ("things/lamp?x=1", "unprocessable x", ""),
    ],
)
async def test_an_unknown_parameter_is_told_with_those_that_there_are(app, asked, problem, mend):
    refused = await ask(app, "GET", f"/api/v1/{asked}")
    name = problem.split()[1]
    assert (refused.problem, refused.json["detail"]) == (problem, f"There is no parameter {name!r} here{mend}.")


# Idempotency keys


@pytest.fixture
async def keyed(database, shop):
    return app_of(shop, IdempotencyKeys(await database("cart")), edge_secret="between us")


def guest(visitor: str, key: str = "k") -> dict[str, str]:
    """The headers of a guest's keyed request, as the gateway passes it on."""
    told = edge.headers_for({edge.SCOPE: edge.Found("192.0.2.7", visitor)}, "between us")
    return {"idempotency-key": key, **dict(told)}


@pytest.mark.parametrize("key", ["", "a b", "ä", "a\x00", "x" * 256])
async def test_a_bad_key_is_refused(keyed, shop, key):
    reply = await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers={"idempotency-key": key})
    assert (reply.problem, shop.ran) == ("bad-header Idempotency-Key", [])


async def test_a_missing_key_is_named(keyed, shop):
    reply = await ask(keyed, "POST", "/api/v1/orders", headers=bearer(token()))
    assert (reply.status, reply.problem, shop.ran) == (400, "idempotency-key-required Idempotency-Key", [])


async def test_two_keys_are_refused(keyed, shop):
    pairs = [("idempotency-key", "a"), ("idempotency-key", "b")]
    assert (await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers=pairs)).problem == "bad-header idempotency-key"


async def test_a_repeat_gets_the_very_same_answer(keyed, shop):
    headers = {**bearer(token("ada")), "idempotency-key": "k"}
    first = await ask(keyed, "POST", "/api/v1/orders", headers=headers)
    second = await ask(keyed, "POST", "/api/v1/orders", headers=headers)
    assert (first.status, first.body, second.body) == (
        200,
        b'{"text":"order 1","user_id":null,"client":""}',
        first.body,
    )
    assert second.headers["idempotent-replay"] == "true"
    assert "idempotent-replay" not in first.headers
    assert shop.ran == ["ada k"]


async def test_a_key_belongs_to_its_user_and_its_route(keyed, shop):
    for user in ("ada", "eve"):
        headers = {**bearer(token(user)), "idempotency-key": "k"}
        assert (await ask(keyed, "POST", "/api/v1/orders", headers=headers)).status == 200
        assert (await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers=headers)).status == 200
    assert (await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers=guest("v1"))).status == 200
    assert shop.ran == ["ada k", "1", "eve k", "1", "1"]


async def test_two_guests_of_one_address_have_keys_of_their_own(keyed, shop):
    first, second, again = [
        await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers=guest(visitor)) for visitor in ("v1", "v2", "v1")
    ]
    assert (first.json["text"], second.json["text"]) == ("cancel 1", "cancel 2")
    assert (again.body, again.headers["idempotent-replay"], shop.ran) == (first.body, "true", ["1", "1"])
    assert [each.headers["stoa-visitor"] for each in (first, second, again)] == ["v1", "v2", "v1"]
    # And where nothing tells them apart, nobody gets another's answer.
    for _ in range(2):
        reply = await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers={"idempotency-key": "k"})
        assert not {"idempotent-replay", "stoa-visitor"} & set(reply.headers)
    assert len(shop.ran) == 4
    claimed = {"idempotency-key": "k", "stoa-visitor": "v1", "x-stoa-visitor": "v1", "x-stoa-edge": "guess"}
    assert (await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers=claimed)).json["text"] == "cancel 5"


async def test_a_guests_key_counts_within_what_the_guest_holds(keyed, shop):
    other = ID.replace("5", "6")
    replies = [
        await ask(keyed, "POST", f"/api/v1/boxes/{box}", BASKET, {"idempotency-key": "k"})
        for box in (ID, other, ID.upper())
    ]
    assert [reply.json["text"] for reply in replies[:2]] == ["fill 1", "fill 2"]
    # The same box in another spelling is another request under the same key.
    assert replies[2].problem == "idempotency-key-reused Idempotency-Key"
    assert (await ask(keyed, "POST", f"/api/v1/boxes/{ID}", BASKET, {"idempotency-key": "k"})).body == replies[0].body
    assert shop.ran == [ID, other]
    # What anybody can guess is nothing that a guest holds.
    for _ in range(2):
        assert (await ask(keyed, "POST", "/api/v1/boxes/me", BASKET, {"idempotency-key": "k"})).status == 200
    assert shop.ran == [ID, other, "me", "me"]


async def test_a_user_keeps_keys_of_old_whatever_box_they_are_for(keyed, shop):
    headers = {**bearer(token("ada")), "idempotency-key": "k"}
    assert (await ask(keyed, "POST", f"/api/v1/boxes/{ID}", BASKET, headers)).status == 200
    other = await ask(keyed, "POST", f"/api/v1/boxes/{ID.replace('5', '6')}", BASKET, headers)
    assert (other.problem, shop.ran) == ("idempotency-key-reused Idempotency-Key", [ID])


async def test_the_same_key_for_another_path_is_another_request(keyed, shop):
    headers = {**bearer(token("ada")), "idempotency-key": "k"}
    assert (await ask(keyed, "POST", "/api/v1/orders/1/cancel", headers=headers)).status == 200
    reply = await ask(keyed, "POST", "/api/v1/orders/2/cancel", headers=headers)
    assert (reply.status, reply.problem) == (422, "idempotency-key-reused Idempotency-Key")
    assert shop.ran == ["1"]


async def test_what_could_not_be_read_claims_nothing(keyed, shop):
    headers = guest("v1")
    assert (await ask(keyed, "POST", "/api/v1/baskets", {"lines": "x"}, headers)).status == 422
    assert (await ask(keyed, "POST", "/api/v1/baskets", BASKET, headers)).status == 201
    assert (await ask(keyed, "POST", "/api/v1/baskets", BASKET, headers)).headers["location"] == "/api/v1/baskets/1"
    assert len(shop.baskets) == 1


async def test_a_handler_may_do_it_itself(keyed):
    for _ in range(2):
        reply = await ask(keyed, "POST", "/api/v1/own", headers={"idempotency-key": "k"})
        assert reply.json["text"] == "k"
        assert "idempotent-replay" not in reply.headers
    missing = await ask(keyed, "POST", "/api/v1/own/1", headers=bearer(token()))
    assert missing.problem == "idempotency-key-required Idempotency-Key"


@pytest.mark.parametrize("key", ["k", "a b", "x" * 256])
async def test_where_no_answer_is_kept_a_key_is_not_looked_at(keyed, shop, key):
    for _ in range(2):
        reply = await ask(keyed, "POST", "/api/v1/doors", headers=guest("v1", key))
        assert (reply.status, set(reply.headers) & {"idempotent-replay", "stoa-visitor"}) == (200, set())
    assert shop.ran == ["knock", "knock"]


# Logs


@pytest.mark.parametrize("target", [f"/api/v1/boxes/{ID}", f"/api/v1/BOXES/{ID}", f"/api/v1/boxes/{ID}/"])
async def test_what_a_guest_holds_is_in_no_log(app, caplog, target):
    caplog.set_level(logging.DEBUG)
    await ask(app, "POST", target, BASKET)
    await ask(app, "POST", "/api/v1/orders/7/cancel")
    await ask(app, "POST", "/api/v1/boxes/me", BASKET)
    shown = [record.path for record in caplog.records if record.message == "answered"]
    assert shown[0] in {f"/api/v1/boxes/~{sha256(ID.encode()).hexdigest()[:8]}", ""}
    assert shown[1:] == ["/api/v1/orders/7/cancel", "/api/v1/boxes/me"]
    assert all(ID not in Json("shop", {}).format(record) for record in caplog.records)
