"""Run a program of PostgreSQL's on the embedded server as its superuser: psql, or pg_dump, pg_restore, …

    stoa psql order                                           a prompt on the database of order
    stoa psql order --command="SELECT count(*) FROM orders"
    stoa psql --program pg_dump order --format=custom --file=order.dump

What stands after the service goes to the program. It gets its password in the environment, never on a command line.
"""

from __future__ import annotations

import argparse
import os
from urllib.parse import unquote, urlsplit

from stoa.app import SERVICES, STORED
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.kit.nearest import choose
from stoa.runtime import account
from stoa.runtime.failure import Failure
from stoa.runtime.postgres import host_of

OURS = ("--data-dir", "--topology", "--database-url", "--name", "--program")
"""Options that no program of PostgreSQL's has: behind the service they would be lost, and another shop be asked."""
PROGRAMS = ("psql", "pg_dump", "pg_restore", "pgbench")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--program", choices=PROGRAMS, default=PROGRAMS[0], help="default: %(default)s")
    installation.add_arguments(parser)
    parser.add_argument("service", help="whose database")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="what the program is told")


async def run(arguments: argparse.Namespace, console: Console) -> None:  # noqa: ARG001 - the program speaks for itself
    """Become the program, so that its signals and its exit status are its own."""
    here = installation.installation_of(arguments)
    if arguments.service not in SERVICES:
        raise Failure(f"there is no service {arguments.service!r}", choose(arguments.service, sorted(SERVICES)))
    if arguments.service not in STORED:
        raise Failure(f"{arguments.service} has no database", f"choose from {', '.join(sorted(STORED))}")
    for word in arguments.rest:
        if word.partition("=")[0] in OURS:
            raise Failure(
                f"{word} stands behind the service, and would go to the program", "write it before the service"
            )
    if here.is_elsewhere:
        raise Failure("this command is for the embedded server", "take your own psql for a server of your own")
    access = await here.need()
    server = urlsplit(access.dsn)
    environment = {
        **here.environ,
        "PGHOST": host_of(access.dsn),
        "PGPORT": str(server.port),
        "PGUSER": server.username or "",
        "PGPASSWORD": unquote(server.password or ""),
        "PGDATABASE": access.role(STORED[arguments.service]),
    }
    # pg_restore alone does not take the database from its environment.
    told = ["--dbname", environment["PGDATABASE"]] if arguments.program == "pg_restore" else []
    program = account.programs(None) / arguments.program
    os.execve(program, [arguments.program, *told, *arguments.rest], environment)  # noqa: S606 - without a shell
