"""Who changes something says which version they have seen, and nobody's condition is passed over."""

from __future__ import annotations

import asyncio

import pytest
from tests.asgi import ask
from tests.kit.http.shop import Shop, Vase, app_of, routes
from tests.signing import bearer, token

from stoa.kit import problems
from stoa.kit.http.preconditions import ANYTHING, IfMatch, VersionMismatch, coded, etag_of, if_match_of, known_tag
from stoa.kit.http.refusals import BadHeader
from stoa.kit.idempotency import IdempotencyKeys

BLUE = "/api/v1/vases/blue"
RED = {"color": "red"}


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def app(shop):
    return app_of(shop)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ANYTHING),
        (["*"], IfMatch(sent=True)),
        ([" * "], IfMatch(sent=True)),
        (['"3"'], IfMatch(True, frozenset({3}))),
        (['"3-5f3a"'], IfMatch(True, frozenset({3}))),
        (['"3-5f3a-gzip"'], IfMatch(True, frozenset({3}))),
        (['"3", "4-ab"'], IfMatch(True, frozenset({3, 4}))),
        ([' ,"3" ,, "4",'], IfMatch(True, frozenset({3, 4}))),
        (['"3"', '"4"'], IfMatch(True, frozenset({3, 4}))),
        (['W/"3"'], IfMatch(True, frozenset())),
        (['W/"3", "4"'], IfMatch(True, frozenset({4}))),
        (['"of,another"'], IfMatch(True, frozenset())),
        (['""'], IfMatch(True, frozenset())),
        (['"3x"', '"-3"', '"+3"', '"1234567890123456789"'], IfMatch(True, frozenset())),
    ],
)
def test_what_if_match_says(lines, expected):
    assert if_match_of(lines) == expected


@pytest.mark.parametrize("line", ["3", '"3', "'3'", 'w/"3"', '*, "3"', '"3" "4"', "", ",", '"3";q=1', '"a\x00b"'])
def test_what_it_cannot_say(line):
    with pytest.raises(BadHeader) as refusal:
        if_match_of([line])
    assert (refusal.value.slug, refusal.value.field) == ("bad-header", "If-Match")


def test_a_long_line_is_read_at_once():
    with pytest.raises(BadHeader):
        if_match_of([", \t" * 5000 + '"'])


@pytest.mark.parametrize(
    ("expected", "version", "holds"),
    [
        (ANYTHING, 3, True),
        (ANYTHING, None, True),
        (IfMatch(sent=True), 3, True),
        (IfMatch(sent=True), None, False),
        (IfMatch(True, frozenset({2, 3})), 3, True),
        (IfMatch(True, frozenset({2})), 3, False),
        (IfMatch(True, frozenset()), 3, False),
        (IfMatch(True, frozenset({3})), None, False),
    ],
)
def test_what_is_expected(expected, version, holds):
    if holds:
        expected.check(version)
        return
    with pytest.raises(VersionMismatch) as refusal:
        expected.check(version)
    assert refusal.value.document()["now"] == version


def test_a_tag_is_of_one_version_and_of_one_body():
    tags = {etag_of(3, b"a"), etag_of(3, b"b"), etag_of(4, b"a"), coded(etag_of(3, b"a"), "gzip")}
    assert len(tags) == 4
    assert if_match_of([", ".join(tags)]) == IfMatch(True, frozenset({3, 4}))


@pytest.mark.parametrize(
    ("lines", "known"),
    [
        (['"3-ab"'], '"3-ab"'),
        (['W/"3-ab"'], '"3-ab"'),
        (['"3-ab-gzip"'], '"3-ab-gzip"'),
        (['"x", "3-ab-br"'], '"3-ab-br"'),
        (['"x"', '"3-ab"'], '"3-ab"'),
        (["*"], '"3-ab"'),
        (['"3"'], None),
        (['"3-abc"'], None),
        (['"3-ab-zstd"'], None),
        (["3-ab"], None),
    ],
)
def test_what_the_caller_has_already(lines, known):
    assert known_tag(lines, '"3-ab"') == known


async def test_a_read_has_a_tag_and_is_not_sent_twice(app, shop):
    reply = await ask(app, "GET", BLUE)
    tag = reply.headers["etag"]
    assert tag == etag_of(3, reply.body)
    assert (await ask(app, "HEAD", BLUE)).headers["etag"] == tag
    for sent in (tag, f'"x", W/{tag}', coded(tag, "gzip"), "*"):
        same = await ask(app, "GET", BLUE, headers={"if-none-match": sent})
        assert (same.status, same.body, "content-length" in same.headers) == (304, b"", False)
        assert same.headers["etag"] == (coded(tag, "gzip") if "gzip" in sent else tag)
    # What is shown may change while nobody edits it.
    shop.vases["blue"] = Vase("blue", 3, price=6)
    assert (await ask(app, "GET", BLUE, headers={"if-none-match": tag})).status == 200
    assert (await ask(app, "GET", "/api/v1/vases/none", headers={"if-none-match": "*"})).problem == "not-found"


async def test_the_tag_of_a_read_and_of_a_change_lets_one_change_pass(app, shop):
    tag = (await ask(app, "GET", BLUE)).headers["etag"]
    first = await ask(app, "PUT", BLUE, RED, {"if-match": tag})
    assert (first.status, first.json["version"]) == (200, 4)
    late = await ask(app, "PUT", BLUE, {"color": "green"}, {"if-match": tag})
    assert (late.problem, late.json["now"]) == ("version-mismatch If-Match", 4)
    assert late.status == 412
    assert shop.vases["blue"].color == "red"
    second = await ask(app, "PUT", BLUE, {"color": "green"}, {"if-match": first.headers["etag"]})
    assert (second.status, shop.vases["blue"].color) == (200, "green")
    assert (await ask(app, "DELETE", BLUE, headers={"if-match": tag})).status == 412
    assert (await ask(app, "DELETE", BLUE, headers={"if-match": second.headers["etag"]})).status == 204


async def test_of_many_editors_one_wins(app, shop):
    tag = (await ask(app, "GET", BLUE)).headers["etag"]
    asked = [ask(app, "PUT", BLUE, {"color": f"color {at}"}, {"if-match": tag}) for at in range(8)]
    replies = await asyncio.gather(*asked)
    assert sorted(each.status for each in replies) == [200] + [412] * 7
    winner = next(each for each in replies if each.status == 200)
    assert (shop.vases["blue"].color, shop.vases["blue"].version) == (winner.json["color"], 4)


async def test_what_is_not_there_matches_nothing(app, shop):
    for sent in ("*", '"1"'):
        reply = await ask(app, "PUT", "/api/v1/vases/new", RED, {"if-match": sent})
        assert (reply.problem, reply.json["now"]) == ("version-mismatch If-Match", None)
    assert "new" not in shop.vases
    made = await ask(app, "PUT", "/api/v1/vases/new", RED)
    assert (made.status, made.headers["etag"]) == (201, etag_of(1, made.body))


async def test_a_condition_that_nobody_would_look_at_is_refused(app, shop):
    admin = bearer(token(roles=("admin",)))
    for sent in ("*", '"3"'):
        reply = await ask(app, "DELETE", "/api/v1/things/lamp", headers={**admin, "if-match": sent})
        assert (reply.status, reply.problem) == (412, "nothing-to-match If-Match")
    none = await ask(app, "PUT", BLUE, RED, {"if-none-match": "*"})
    assert (none.status, none.problem) == (412, "nothing-to-match If-None-Match")
    assert (await ask(app, "PUT", BLUE, RED, {"if-match": "3"})).problem == "bad-header If-Match"
    assert (shop.ran, shop.vases["blue"].version) == ([], 3)
    # Nobody learns from it whether they were allowed.
    assert (await ask(app, "DELETE", "/api/v1/things/lamp", headers={"if-match": "*"})).status == 401


async def test_a_repeat_under_its_key_is_no_second_change(shop, database):
    app = app_of(shop, IdempotencyKeys(await database("cart")))
    ada = bearer(token("ada"))
    tag = (await ask(app, "GET", BLUE)).headers["etag"]
    sent = {"idempotency-key": "k", "if-match": tag, **ada}
    first = await ask(app, "PUT", BLUE, RED, sent)
    again = await ask(app, "PUT", BLUE, RED, sent)
    assert (again.status, again.body, again.headers["etag"]) == (200, first.body, first.headers["etag"])
    other = await ask(app, "PUT", BLUE, RED, {**sent, "if-match": first.headers["etag"]})
    assert other.problem == "idempotency-key-reused Idempotency-Key"
    assert shop.vases["blue"].version == 4


def test_a_declaration_shows_who_has_a_tag_and_who_looks_at_one():
    shown = [(each.method, each.path, each.tagged) for each in routes.bind(Shop()).routes if each.versioned]
    assert shown == [("PUT", "/vases/{ref}", True), ("DELETE", "/vases/{ref}", False)]
    assert [each.path for each in routes.bind(Shop()).routes if each.tagged] == ["/vases/{ref}"] * 2


def test_a_mismatch_passes_between_services():
    problem = problems.decode(VersionMismatch(4).encode())
    assert (type(problem), problem.type) == (problems.PreconditionFailed, "/problems/version-mismatch")
    assert problem.members["now"] == 4
