"""The type of a problem leads to a page that says what it means: every type that the code has."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
from tests.asgi import ask
from tests.edge.town import Town

import stoa
from stoa.edge.gateway.headers import PAGE_POLICY
from stoa.edge.gateway.problem_pages import problem_page
from stoa.kit.problem_types import ProblemType, problem_types
from stoa.kit.problems import Problem
from stoa.testing.contract import ours

SLUG = re.compile(r'^    slug(?:: str)? = "([a-z0-9-]+)"$', re.MULTILINE)


def classes(kind=Problem):
    return [kind, *(each for sub in kind.__subclasses__() for each in classes(sub))]


@pytest.fixture(scope="module")
def types():
    ours()  # has everything loaded
    return problem_types()


def test_every_type_that_the_code_has_is_described(types):
    written = {slug for file in Path(stoa.__file__).parent.rglob("*.py") for slug in SLUG.findall(file.read_text())}
    assert len(written) > 100
    assert written <= types.keys()
    assert written <= ours().document["x-problems"].keys()


def test_a_type_means_one_thing(types):
    assert types
    said = defaultdict(set)
    for each in classes():
        if each.__module__.startswith("stoa."):
            said[each.slug].add((each.status, each.title))
    assert {slug: each for slug, each in said.items() if len(each) > 1} == {}


def test_who_gets_one_is_told_what_to_do(types):
    assert [slug for slug, each in types.items() if not (each.means or each.remedy)] == []


async def test_a_type_has_a_page_and_the_list_leads_there(types):
    gateway = Town().gateway()
    listed = (await ask(gateway, "GET", "/problems")).body.decode()
    for slug in types:
        path = f"/problems/{slug}"
        assert f'<a href="{path}">' in listed
        reply = await ask(gateway, "GET", path)
        assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert reply.headers["content-security-policy"] == PAGE_POLICY
        assert f"<code>{path}</code>" in reply.body.decode()


@pytest.mark.parametrize("rest", ["/", "/nothing", "out-of-stock", "/out-of-stock/"])
async def test_there_is_no_page_of_what_is_no_type(rest):
    path = f"/problems{rest}"
    assert (await ask(Town().gateway(), "GET", path)).problem == "no-such-path"


def test_what_a_package_says_is_shown_as_text():
    answer = problem_page({"odd": ProblemType(409, "<b>", "of `<i>`", "")}, "/problems/odd")
    assert answer is not None
    assert "<h1>&lt;b&gt;</h1>" in answer.body.decode()
    assert "of <code>&lt;i&gt;</code>" in answer.body.decode()
