"""The walls of the house, default-deny: what a file may import is what is listed here, and the rest is refused.

Read from the source, so an import inside a function or under TYPE_CHECKING counts like any other.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import stoa
from stoa.app import SERVICES

SOURCE = Path(stoa.__file__).parent
PEOPLE_WHO_WIRE = {"app", "audit", "cli", "retail", "runtime", "testing"}
"""Not services: they put the house together or look at it as an operator does."""


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively: write the whole name"
            # `from stoa.services import order` imports a package too.
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def breaches(folder: Path, allowed: tuple[str, ...]) -> list[str]:
    """Imports of Stoa in `folder` from outside `allowed`."""
    return [
        f"{file.relative_to(SOURCE.parent)}:{line} imports {name}"
        for file in sorted(folder.rglob("*.py"))
        for line, name in imports_of(file)
        if name.split(".")[0] == "stoa" and not any(f"{name}.".startswith(f"{part}.") for part in allowed)
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_kit_contracts_and_itself(service: str) -> None:
    allowed = ("stoa.kit", "stoa.ports", "stoa.contracts", f"stoa.services.{service}")
    found = breaches(SOURCE / "services" / service, allowed)
    assert not found, (
        f"{service} reaches over the wall:\n  "
        + "\n  ".join(found)
        + "\nTo ask another service, list it under `calls` in stoa/app.py and use its generated stub:"
        + '\n  SomeServiceStub(resources.channel("some"))'
        + "\nTo react to what it does, list the event under `hears` and write a handler."
        + "\nWhat two services share and is no commerce belongs into stoa.kit."
    )


def test_every_package_under_services_is_a_service() -> None:
    packages = {path.name for path in (SOURCE / "services").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert packages == set(SERVICES)


def test_kit_imports_nothing_else_of_stoa_but_contracts() -> None:
    found = breaches(SOURCE / "kit", ("stoa.kit", "stoa.contracts"))
    assert not found, "kit knows no commerce and no process; pass in what it needs:\n  " + "\n  ".join(found)


def test_what_a_transaction_is_asked_is_imported_from_db() -> None:
    found = [
        f"{file.relative_to(SOURCE.parent)}:{line} imports {name}"
        for file in sorted(SOURCE.rglob("*.py"))
        for line, name in imports_of(file)
        if name.startswith("stoa.kit.transaction") and file != SOURCE / "kit" / "db.py"
    ]
    assert not found, "packages build on these names in stoa.kit.db, and there is one way to each:\n  " + "\n  ".join(
        found
    )


def test_a_port_imports_nothing_but_kit() -> None:
    found = breaches(SOURCE / "ports", ("stoa.kit", "stoa.ports"))
    assert not found, "a package from outside stands behind a port, and knows no service:\n  " + "\n  ".join(found)


def test_the_edge_goes_through_contracts() -> None:
    found = breaches(SOURCE / "edge", ("stoa.kit", "stoa.contracts", "stoa.edge"))
    assert not found, "the gateway asks services through their stubs or over HTTP:\n  " + "\n  ".join(found)


def test_nobody_but_the_builder_imports_a_service() -> None:
    allowed = ("stoa.kit", "stoa.ports", "stoa.contracts", "stoa.edge", "stoa.app", *_wirers())
    found = [
        line
        for name in PEOPLE_WHO_WIRE - {"app"}
        for line in breaches(SOURCE / name, allowed)
        if "imports stoa.services." in line
    ]
    assert not found, "services are built by stoa.runtime.hosted, by name, and used through stubs:\n  " + "\n  ".join(
        found
    )


def test_there_is_no_other_room_in_the_house() -> None:
    rooms = {path.stem for path in SOURCE.iterdir() if path.is_dir() or path.suffix == ".py"}
    known = {"__init__", "__pycache__", "contracts", "edge", "kit", "ports", "services", "topologies"} | PEOPLE_WHO_WIRE
    assert rooms <= known, f"{rooms - known}: say here what it may import"


def _wirers() -> tuple[str, ...]:
    return tuple(f"stoa.{name}" for name in PEOPLE_WHO_WIRE)
