"""What the pages point at is there: links, files, variables, requests, decisions."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from docs.pages import PAGES, ROOT, inline_code, links, name, prose
from journeys.client import Shopper

from stoa.app import OURS

DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PARTS = ("Context", "Decision", "Consequences", "Rejected", "Enforced by")

KNOWN_ROOTS = ("src", "tests", "docs", "proto", "topologies", "tools", "bench", "requirements", ".ci", "examples")
# Of an installation, not of the repository; test_operations looks them up in a running one.
OF_AN_INSTALLATION = re.compile(r"(\.stoa|DATA_DIR|postgres|backup)/.*|(secrets\.json|admin\.txt)|/\w.*")
A_PATH = re.compile(r"(?:[\w.<>*-]+/)*[\w.<>*-]+(?:/|\.(?:py|md|sql|toml|proto|txt|html|binpb))")
METHODS = "GET|POST|PUT|PATCH|DELETE"

each_page = pytest.mark.parametrize("page", PAGES, ids=name)


@cache
def files() -> tuple[str, ...]:
    """Every file and folder of the repository that a page may name."""
    found = [path for root in KNOWN_ROOTS for path in (ROOT / root).rglob("*") if "__pycache__" not in path.parts]
    return tuple(f"/{path.relative_to(ROOT)}" for path in (*found, *ROOT.iterdir()))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page: Path):
    for link in links(page):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_page
def test_paths_exist(page: Path):
    for text in inline_code(page):
        if not A_PATH.fullmatch(text) or OF_AN_INSTALLATION.fullmatch(text):
            continue
        # `<name>` and `*` stand for any one piece; a page may leave out the beginning of a path.
        wanted = re.sub(r"<\w+>|\\\*", "[^/]+", re.escape(text.rstrip("/")).replace(r"\<", "<").replace(r"\>", ">"))
        assert any(re.search(f"/{wanted}$", file) for file in files()), text


@each_page
def test_variables_are_read_somewhere(page: Path):
    source = "".join(
        file.read_text()
        for folder in ("src/stoa", "tests/journeys", "tests/faults")
        for file in (ROOT / folder).rglob("*.py")
    )
    for variable in set(re.findall(r"STOA_[A-Z0-9_]+[A-Z0-9]\b", page.read_text())):
        settings = (ROOT / "docs" / "settings.md").read_text()
        of_a_process = re.fullmatch(r"STOA_(ORDER|PROCESS)_(HTTP|ADMIN|GRPC|DATABASE_URL)", variable)
        assert variable in source or f"`{variable}`" in settings or of_a_process, variable


@each_page
def test_lines_are_short(page: Path):
    """Of text: a row of a table is one line by nature, and the page of figures is written by a program."""
    if page == ROOT / "docs" / "bench.md":
        pytest.skip("generated")
    assert [line for line in page.read_text().splitlines() if len(line) > 130 and not line.startswith("|")] == []


async def test_requests_exist(visitor: Shopper):
    """`POST /orders/{order_id}/cancel` is described by the running shop, under whatever name of the parameter."""
    described: dict[str, Any] = (await visitor.ok("GET", "/api/openapi.json"))["paths"]
    known = [
        (method.upper(), re.sub(r"\{\w+\}", "[^/]+", path))
        for path, operations in described.items()
        for method in operations
    ]
    shown = {
        (name(page), method, path.removeprefix("/api/v1"))
        for page in PAGES
        if page.parent.name != "architectures"  # what others name, and test_architectures calls
        for text in inline_code(page)
        for method, path in re.findall(rf"^({METHODS}) (/[^\s?]*)", text)
    }
    assert len(shown) > 10
    for page, method, path in sorted(shown):
        assert any(method == verb and re.fullmatch(shape, path) for verb, shape in known), f"{page}: {method} {path}"


@pytest.mark.parametrize("decision", DECISIONS, ids=name)
def test_a_decision_has_its_form(decision: Path):
    lines = decision.read_text().splitlines()
    number = int(decision.name[:4])
    assert lines[0].startswith(f"# {number}. ")
    assert len(lines) <= 30, "a decision fits on a screen"
    assert tuple(re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", decision.read_text(), re.MULTILINE)) == PARTS


def test_decisions_are_numbered_without_a_gap_and_listed():
    assert [int(decision.name[:4]) for decision in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    listed = [link for link in links(ROOT / "docs" / "adr" / "README.md") if re.match(r"\d{4}-", link)]
    assert listed == [decision.name for decision in DECISIONS]
    titles = re.findall(r"^\d+\. \[(.+?)\]", (ROOT / "docs" / "adr" / "README.md").read_text(), re.MULTILINE)
    assert titles == [decision.read_text().splitlines()[0].split(". ", 1)[1] for decision in DECISIONS]


def test_every_folder_of_tests_is_listed():
    ours = {service.name for service in OURS}
    folders = {
        f"tests/{path.parent.name}/" for path in (ROOT / "tests").glob("*/test_*.py") if path.parent.name not in ours
    }
    assert folders <= set(inline_code(ROOT / "docs" / "testing.md"))


def test_every_page_is_listed():
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link).resolve() for link in links(index)}
    assert {page for page in PAGES if page != index and page.parent.name != "adr"} <= listed


@each_page
def test_inline_code_ends_where_its_line_does(page: Path):
    """Broken over two lines it would not be found by the tests above."""
    assert [line for line in prose(page).splitlines() if line.count("`") % 2] == []
