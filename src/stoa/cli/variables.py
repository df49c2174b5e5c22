"""The variables of the environment that Stoa reads, and those that only look like it: misspelled, mostly.

An operator may have variables of the same prefix for other purposes, so they are told and nothing is refused.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import stoa
from stoa.app import SERVICES, STORED
from stoa.kit import crash_points
from stoa.kit.packages import offered
from stoa.kit.service import Service, folder_of
from stoa.kit.settings import variable_of_all
from stoa.ports.choice import PORTS, group_of, prefix_of
from stoa.runtime import topology as topologies
from stoa.runtime.access import variable_of_url
from stoa.runtime.failure import Failure
from stoa.runtime.secrets import WORDS

PREFIX = "STOA_"

COMMANDS = frozenset({"STOA_DATA_DIR", "STOA_TOPOLOGY", "STOA_DATABASE_URL", "STOA_NAME", "STOA_SECRET", *WORDS})
"""Read by the commands, before there is anything that a settings class could belong to."""
TESTS = frozenset({crash_points.VARIABLE, "STOA_FAULT_SEED", "STOA_JOURNEY_TOPOLOGY"})
"""Read by tests, or by what runs for one."""

# A cluster gives every container the addresses of its services: one called `stoa-order` is STOA_ORDER_PORT=tcp://….
_OF_THE_CLUSTER = re.compile(r"STOA_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_ADDRESS_OF_THE_CLUSTER = re.compile(r"(tcp|udp|sctp)://.*")


class Setting(NamedTuple):
    variable: str
    default: str
    why: str
    shared: str = ""
    """The variable that it has in common with the settings of other services."""


def sections(services: Mapping[str, Service] = SERVICES) -> Iterator[tuple[str, list[Setting]]]:
    """The settings by who reads them, out of the text of the settings classes: nothing is imported for it."""
    source = Path(stoa.__file__).parent
    yield "Processes", list(_settings_in(source / "runtime" / "settings.py", PREFIX))
    yield "gateway", list(_settings_in(source / "edge" / "gateway" / "settings.py", "STOA_GATEWAY_"))
    for name, service in sorted(services.items()):
        settings = folder_of(service) / "settings.py"
        yield (
            name,
            list(_settings_in(settings, f"{PREFIX}{name.upper()}_", service.shares)) if settings.exists() else [],
        )


def unknown(environ: Mapping[str, str], topology: str) -> dict[str, str]:
    """What begins with our prefix and is read by nothing, each with the nearest name that is; empty where none is near.

    `topology` is the one that is asked for: its processes have variables, as those of every packaged one.
    """
    ours = [name for name, value in environ.items() if name.startswith(PREFIX) and not _is_of_the_cluster(name, value)]
    if COMMANDS.issuperset(ours):
        return {}
    known = {*COMMANDS, *TESTS, *_addresses(topology), *map(variable_of_url, STORED)}
    settings = [setting for _, section in sections() for setting in section]
    known.update(each for setting in settings for each in (setting.variable, setting.shared))
    prefixes = tuple(f"{PREFIX}{prefix_of(port, point.name)}_" for port in PORTS for point in offered(group_of(port)))
    return {
        name: "".join(difflib.get_close_matches(name, sorted(known), n=1))
        for name in sorted(ours)
        if name not in known and not name.startswith(prefixes)
    }


def of_others(environ: Mapping[str, str], topology: str) -> list[str]:
    """The addresses of processes that `topology` does not have and another packaged one has: nothing listens there."""
    try:
        own = set(_addresses_in(topology))
    except Failure:
        return []  # the command says it
    others = set(_addresses(topology)) - own
    return sorted(
        name for name, value in environ.items() if name in others and value and not _is_of_the_cluster(name, value)
    )


def told_of_others(names: Iterable[str], topology: str) -> str:
    """What `of_others` found, in one line."""
    return f"topology {topology} has nothing for {', '.join(names)} to be the address of"


def told(unread: Mapping[str, str]) -> str:
    """What `unknown` found, in one line."""
    names = (f"{name} ({nearest}?)" if nearest else name for name, nearest in unread.items())
    return f"nothing reads {', '.join(names)}"


def warnings(environ: Mapping[str, str], topology: str, *, runs: bool) -> Iterator[str]:
    """What a command says of the environment before it begins; `runs` if it runs processes of the topology."""
    if unread := unknown(environ, topology):
        yield told(unread)
    if runs and (others := of_others(environ, topology)):
        yield told_of_others(others, topology)


def _is_of_the_cluster(name: str, value: str) -> bool:
    return bool(
        _OF_THE_CLUSTER.fullmatch(name) or (name.endswith("_PORT") and _ADDRESS_OF_THE_CLUSTER.fullmatch(value))
    )


def _addresses(topology: str) -> Iterator[str]:
    for name in {*topologies.packaged(), topology}:
        try:
            processes = topologies.load(name, {}).processes
        except Failure:
            continue  # the command says it
        for plan in processes:
            yield from (topologies.variable_of(plan.name, kind) for kind in topologies.KINDS)


def _addresses_in(topology: str) -> Iterator[str]:
    for plan in topologies.load(topology, {}).processes:
        yield from (topologies.variable_of(plan.name, kind) for kind in topologies.KINDS if getattr(plan, kind))


def _settings_in(file: Path, prefix: str, shared: Collection[str] = ()) -> Iterator[Setting]:
    """The fields of the file's settings class; the text under a field is its reason."""
    classes = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    for node in classes:
        if not node.name.endswith("Settings"):
            continue
        for field, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                default = ast.unparse(field.value).strip("'") if field.value else "must be set"
                default = {"True": "true", "False": "false", "()": "", "None": ""}.get(default, default)
                name = field.target.id
                of_all = variable_of_all(name) if name in shared else ""
                yield Setting(prefix + name.upper(), default, _text(following), of_all)


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(inspect.cleandoc(node.value.value).split()).replace("|", "\\|")
    return ""
