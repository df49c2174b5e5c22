"""docs/architectures.md and the pages under it: what they say stands here is called, looked up or listed, and what they
say is not here yet must really be missing, so that a row changes when the shop does."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from docs.pages import ROOT, inline_code, name, table
from google.protobuf import descriptor_pool
from packaging.requirements import Requirement

from stoa import contracts
from stoa.app import SERVICES, subscribers
from stoa.kit.http.refusals import MethodNotAllowed, NoSuchId, NoSuchPath
from stoa.runtime.access import DEFAULT_NAME
from stoa.testing import Shop

INDEX = ROOT / "docs" / "architectures.md"
PAGES = sorted((ROOT / "docs" / "architectures").glob("*.md"))
HEADER = "| there | stands as | here | why, or which part |"
SAME, ALIAS, SPELLING, NOT_YET = VERDICTS = ("the same", "alias", "another spelling", "not yet")

AN_ENDPOINT = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/\S*)")
A_PARAMETER = re.compile(r"\{\w+\}|:\w+")
ANY_ID = "00000000-0000-7000-8000-000000000000"


@dataclass(frozen=True)
class Thing:
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Row:
    page: str
    section: str
    there: str
    verdict: str
    here: tuple[Thing, ...]
    why: str

    def __str__(self) -> str:
        return f"{self.page}, {self.section}: {self.there}"

    @property
    def endpoint(self) -> tuple[str, str] | None:
        """What the document calls, if this row is about that."""
        found = AN_ENDPOINT.search(self.there) if self.section == "Endpoints" else None
        return (found[1], found[2].partition("?")[0].rstrip("`")) if found else None


@cache
def rows_of(page: Path) -> list[Row]:
    rows = []
    for text in page.read_text().split("\n## ")[1:]:
        section, _, rest = text.partition("\n")
        for line in rest.partition(f"\n{HEADER}\n")[2].splitlines()[1:]:
            if not line.startswith("|"):
                break
            there, verdict, here, why = (cell.strip() for cell in line.strip("|").split("|"))
            things = tuple(Thing(*found) for found in re.findall(r"(\w+) `([^`]+)`", here))
            assert ", ".join(f"{each.kind} `{each.name}`" for each in things) == here, line
            rows.append(Row(page.stem, section, there, verdict, things, why))
    return rows


ROWS = [row for page in PAGES for row in rows_of(page)]
each_page = pytest.mark.parametrize("page", PAGES, ids=name)


def parts() -> set[str]:
    """What is missing belongs to one of these."""
    return {part for part, _ in table(INDEX, "| part | what it brings |")}


@dataclass(frozen=True)
class World:
    shop: Shop
    described: dict[tuple[str, str], str]
    """The summary of each operation, by its method and its path with `{}` for parameters."""


@pytest.fixture(scope="module")
async def world(shop: Shop) -> World:
    async with shop.http.get("/api/openapi.json") as answer:
        paths: dict[str, Any] = (await answer.json())["paths"]
    return World(
        shop,
        {
            (verb.upper(), shape(path)): operation.get("summary", "")
            for path, verbs in paths.items()
            for verb, operation in verbs.items()
        },
    )


def shape(path: str) -> str:
    return A_PARAMETER.sub("{}", re.sub(r"^/api(/v1)?", "", path))


def shaped(method: str, path: str) -> str:
    return f"{method} {shape(path)}"


async def answers(world: World, method: str, path: str) -> bool:
    """Whether the gateway leads there: to whatever a guest without a body is told."""
    async with world.shop.http.request(method, A_PARAMETER.sub(ANY_ID, path)) as answer:
        if answer.status < 400:
            return True
        slug = (await answer.json())["type"].rpartition("/")[2]
        return slug not in {NoSuchPath.slug, NoSuchId.slug, MethodNotAllowed.slug}


async def _endpoint(world: World, wanted: str) -> bool:
    method, path = wanted.split(" ")
    return (method, shape(path)) in world.described and await answers(world, method, f"/api/v1{path}")


async def _rpc(world: World, wanted: str) -> bool:
    service, _, rpc = wanted.partition(".")
    __import__(f"{contracts.__name__}.{service}.v1.{service}_pb2")
    found = descriptor_pool.Default().FindServiceByName(f"stoa.{service}.v1.{service.capitalize()}Service")
    return rpc in found.methods_by_name


async def _service(world: World, wanted: str) -> bool:
    """A service, or one of the processes that own no data: what stands at the edge, and the faces."""
    homes = [ROOT / "src" / "stoa" / folder / wanted for folder in ("edge", "web", "services")]
    return wanted in SERVICES or any(home.is_dir() for home in homes)


async def _database(world: World, wanted: str) -> bool:
    return wanted in {f"{DEFAULT_NAME}_{service}" for service in world.shop.databases}


async def _table(world: World, wanted: str) -> bool:
    service, _, relation = wanted.partition(".")
    if service not in world.shop.databases:
        return False
    return bool(await world.shop.databases[service].fetchval("SELECT to_regclass($1) IS NOT NULL", relation))


async def _column(world: World, wanted: str) -> bool:
    service, relation, column = wanted.split(".")
    found = "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = $1 AND column_name = $2)"
    return bool(await world.shop.databases[service].fetchval(found, relation, column))


async def _index(world: World, wanted: str) -> bool:
    service, _, index = wanted.partition(".")
    found = "SELECT EXISTS (SELECT FROM pg_indexes WHERE indexname = $1)"
    return bool(await world.shop.databases[service].fetchval(found, index))


async def _partitioned(world: World, wanted: str) -> bool:
    service, _, relation = wanted.partition(".")
    found = "SELECT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = $1::regclass)"
    return bool(await world.shop.databases[service].fetchval(found, relation))


async def _event(world: World, wanted: str) -> bool:
    return any(wanted in service.announces for service in SERVICES.values())


async def _heard(world: World, wanted: str) -> bool:
    """`order.placed by notification`"""
    event, _, hearer = wanted.partition(" by ")
    return hearer in subscribers(event)


async def _topology(world: World, wanted: str) -> bool:
    return (ROOT / "topologies" / f"{wanted}.toml").exists()


async def _port(world: World, wanted: str) -> bool:
    """`three-services/user http 4001`"""
    where, kind, number = wanted.split(" ")
    topology, _, process = where.partition("/")
    if not await _topology(world, topology):
        return False
    processes = tomllib.loads((ROOT / "topologies" / f"{topology}.toml").read_text())["process"]
    return int(number) == processes.get(process, {}).get(kind)


async def _package(world: World, wanted: str) -> bool:
    """A library that is installed, or offered as an extra; by a word of its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"].get("optional-dependencies", {}).values()
    asked = [*project["project"]["dependencies"], *(each for extra in extras for each in extra)]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    return any(wanted in package for package in (*(Requirement(each).name for each in asked), *locked))


async def _file(world: World, wanted: str) -> bool:
    return any(ROOT.glob(wanted))


async def _setting(world: World, wanted: str) -> bool:
    """By its name, or by a word of it."""
    variables = [text for text in inline_code(ROOT / "docs" / "settings.md") if text.startswith("STOA_")]
    return any(wanted in variable for variable in variables)


EXISTS: dict[str, Callable[[World, str], Awaitable[bool]]] = {
    "endpoint": _endpoint,
    "rpc": _rpc,
    "service": _service,
    "database": _database,
    "table": _table,
    "column": _column,
    "index": _index,
    "partitioned": _partitioned,
    "event": _event,
    "heard": _heard,
    "topology": _topology,
    "port": _port,
    "package": _package,
    "file": _file,
    "setting": _setting,
}


@each_page
async def test_what_a_row_says_is_so(page: Path, world: World):
    wrong = []
    for row in rows_of(page):
        for thing in row.here:
            there = await EXISTS[thing.kind](world, thing.name)
            if there == (row.verdict == NOT_YET):
                wrong.append(f"{row}: {thing} is {'here by now' if there else 'missing'}")
    assert wrong == []


@each_page
async def test_what_a_document_calls_answers_as_it_is_written_there(page: Path, world: World):
    for row in rows_of(page):
        if row.endpoint and row.verdict in {SAME, ALIAS}:
            method, path = row.endpoint
            assert (method, shape(path)) in world.described, row
            assert await answers(world, method, path), row
        if row.verdict == ALIAS:
            assert row.endpoint, row
            (known_by,) = (each.name.split(" ")[1] for each in row.here)
            assert world.described[method, shape(path)] == f"The same as {known_by}"


@each_page
def test_the_same_has_the_same_name(page: Path):
    wrong = []
    for row in rows_of(page):
        called = {_called(thing) for thing in row.here if thing.kind in CALLED_BY_ITS_NAME}
        there = {shaped(*row.endpoint)} if row.endpoint else {each for each in called if each in row.there.lower()}
        if row.verdict == SAME and called - there:
            wrong.append(f"{row}: {', '.join(sorted(called - there))}")
    assert wrong == []


CALLED_BY_ITS_NAME = {"endpoint", "rpc", "service", "database", "table", "column", "event", "port"}


def _called(thing: Thing) -> str:
    """What a document would call it: `orders` of the table `order.orders`."""
    if thing.kind == "endpoint":
        return shaped(*thing.name.split(" "))
    if thing.kind == "event":
        return thing.name
    return re.split(r"[ ./]", thing.name)[-1].removeprefix(f"{DEFAULT_NAME}_").lower()


@each_page
def test_a_row_has_its_form(page: Path):
    for row in rows_of(page):
        assert row.verdict in VERDICTS, row
        assert row.here, row
        assert row.verdict != NOT_YET or row.why.partition(":")[0] in parts(), row


def test_the_rows_are_counted():
    """Whoever takes a row away has to say so here."""
    header = "| document | page | the same | alias | another spelling | not yet | rows |"
    counted = [
        [f"[{page.stem}](architectures/{page.name})"]
        + [str(sum(row.verdict == verdict for row in rows_of(page))) for verdict in VERDICTS]
        + [str(len(rows_of(page)))]
        for page in PAGES
    ]
    assert sorted(line[1:] for line in table(INDEX, header)) == counted


def test_every_row_is_in_a_table_that_is_read():
    for page in PAGES:
        lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
        heads = 2 * page.read_text().count(HEADER)
        assert len(rows_of(page)) == len(lines) - heads, name(page)


def test_every_part_is_waited_for():
    waited_for = {row.why.partition(":")[0] for row in ROWS if row.verdict == NOT_YET}
    assert waited_for == parts()
