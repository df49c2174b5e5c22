"""Show every setting as the processes will read it, and where its value comes from; exit status 1 if one is no good.

What may hold a secret is not shown. docs/settings.md says what each is for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping

from rich.markup import escape

from stoa.app import SERVICES
from stoa.cli import effective, installation
from stoa.cli.console import Console
from stoa.cli.effective import HIDDEN, Effective
from stoa.cli.installation import Installation
from stoa.runtime import secrets
from stoa.runtime import topology as topologies
from stoa.runtime.access import place_of, variable_of_url
from stoa.runtime.topology import Topology, variable_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--changed", action="store_true", help="only what is not the default")
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> int:
    here = installation.installation_of(arguments)
    topology = topologies.load(here.topology, here.environ)
    wrong = 0
    shown = [
        ("commands", list(_of_commands(here))),
        ("credentials", list(_credentials(here))),
        ("addresses", list(_addresses(topology, here.environ))),
        *effective.sections(here.environ),
    ]
    for title, settings in shown:
        listed = [each for each in settings if not arguments.changed or each.source != "default"]
        if listed:
            console.say(f"[bold]{escape(title)}[/]")
        for each in listed:
            color = "dim" if each.source == "default" else "default"
            console.say(f"  [{color}]{each.variable} = {escape(each.value) or '(empty)'}  ({each.source})[/]")
            if each.wrong:
                wrong += 1
                console.say(f"  [red]  {escape(each.wrong)}[/]")
    return 1 if wrong else 0


def _of_commands(here: Installation) -> Iterator[Effective]:
    yield _told(here, "STOA_DATA_DIR", str(here.data_dir.path), installation.DATA_DIR)
    yield _told(here, "STOA_TOPOLOGY", here.topology, installation.TOPOLOGY)
    place = place_of(here.database_url) if here.database_url else ""
    yield _told(here, "STOA_DATABASE_URL", here.database_url, "")._replace(value=place or "the embedded server")
    kept = "data directory" if here.data_dir.has_name() else "default"
    yield Effective("STOA_NAME", here.name, _source(here, "STOA_NAME", here.given_name) if here.given_name else kept)
    if here.environ.get(secrets.VARIABLE):
        yield Effective(secrets.VARIABLE, HIDDEN, "environment")
    elif here.data_dir.secrets.exists():
        yield Effective(secrets.VARIABLE, HIDDEN, "data directory")
    else:
        yield Effective(secrets.VARIABLE, "none yet", "default")


def _credentials(here: Installation) -> Iterator[Effective]:
    """What processes may be given one by one: where a service's database is may be seen."""
    given = here.given
    for service in SERVICES:
        if service in given:
            yield Effective(variable_of_url(service), place_of(given[service]), "environment")
        else:
            yield Effective(variable_of_url(service), "derived", "default")
    words = secrets.words_given(here.environ)
    for word in secrets.WORDS:
        yield Effective(word, HIDDEN, "environment") if word in words else Effective(word, "derived", "default")


def _told(here: Installation, variable: str, value: str, default: str) -> Effective:
    return Effective(variable, value, "default" if value == default else _source(here, variable, value))


def _source(here: Installation, variable: str, value: str) -> str:
    return "environment" if here.environ.get(variable) == value else "option"


def _addresses(topology: Topology, environ: Mapping[str, str]) -> Iterator[Effective]:
    for plan in topology.processes:
        for kind in topologies.KINDS:
            variable = variable_of(plan.name, kind)
            if (address := getattr(plan, kind)) is not None:
                yield Effective(variable, str(address), "environment" if environ.get(variable) else "default")
