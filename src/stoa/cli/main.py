"""The entry point: finds the command, runs it under our signals, and says what went wrong in one line."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import re
import signal
import sys
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any, NoReturn

import stoa
from stoa.cli.console import Console
from stoa.kit import packages
from stoa.kit.nearest import choose, nearest
from stoa.kit.packages import BadPackage
from stoa.kit.problems import Problem
from stoa.runtime import files
from stoa.runtime.failure import Failure, failure_of

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("stoa.cli.up", "start a whole shop on this machine: database, services, gateway"),
    "serve": ("stoa.cli.serve", "run one process of a topology, as a container does"),
    "postgres": ("stoa.cli.postgres", "run the embedded database server alone"),
    "migrate": ("stoa.cli.migrate", "make the databases and bring them up to date"),
    "seed": ("stoa.cli.seed", "add the administrator and the demo assortment, if they are not there"),
    "user": ("stoa.cli.user", "make an account, give one a role, or another password"),
    "import": (
        "stoa.cli.import_",
        "bring products, or a real retailer's goods and customers, into the shop",
    ),
    "export": ("stoa.cli.export", "write all products into a file that can be imported again"),
    "replay": ("stoa.cli.replay", "buy a sales history again through the public API, then audit"),
    "audit": ("stoa.cli.audit", "check the nine invariants over all services"),
    "repair": ("stoa.cli.repair", "set right what stock is counted wrong, and say what was changed"),
    "parked": ("stoa.cli.parked", "list the events that wait for a person, have them tried again, or discard one"),
    "events": ("stoa.cli.events", "follow what the services announce, or deliver it again"),
    "reindex": ("stoa.cli.reindex", "build the search indexes anew, beside those that answer until then"),
    "acts": ("stoa.cli.acts", "list what staff and operators did, with before and after"),
    "backup": ("stoa.cli.backup", "write all databases, as they are at one moment, into a new folder"),
    "restore": ("stoa.cli.restore", "make a shop out of a backup"),
    "rotate-key": ("stoa.cli.rotate_key", "make the next key that signs access tokens now"),
    "shell": ("stoa.cli.shell", "a Python prompt with the services at hand"),
    "psql": ("stoa.cli.psql", "run psql, pg_dump or pg_restore on the embedded server"),
    "routes": ("stoa.cli.routes", "list the REST API: who may, which service answers, what a repeat does"),
    "secrets": ("stoa.cli.secrets", "print what one process needs to be given, and nothing that is another's"),
    "settings": ("stoa.cli.settings", "show every setting as it will be read, and where it comes from"),
    "doctor": ("stoa.cli.doctor", "look over an installation and say what to mend"),
    "new": ("stoa.cli.new", "write the skeleton of a service of your own, in a package beside Stoa"),
    "contracts": ("stoa.cli.contracts", "generate the Python of a package's proto files"),
}
"""Name, module and what it does. A new command is a file and a line here."""

RUN_A_TOPOLOGY = frozenset({"up", "serve"})
"""To the others it is the same which one runs."""


SERVE = frozenset({"up", "serve", "postgres"})
"""They end when they are told to. Whatever else is told to has not done its work."""
SIGNALED = 128
"""Beside which the number of a signal makes an exit status, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, 1 for a failure that was told, 2 for a wrong command line, 130 or 143 where a signal cut it
    short."""
    words = list(sys.argv[1:] if argv is None else argv)
    unreadable = [repr(word) for word in words if not _is_text(word)]
    unreadable += [name for name, value in os.environ.items() if name.startswith("STOA_") and not _is_text(value)]
    if unreadable:
        print(f"stoa: {unreadable[0]} is no text in UTF-8; write it so", file=sys.stderr)
        return 2
    name = words[0] if words else "--help"
    console = Console()
    try:
        if name in {"-h", "--help"}:
            print(_overview(), flush=True)
            return 0 if words else 2
        if name == "--version":
            print("\n".join([f"stoa {stoa.__version__}", *packages.told()]), flush=True)
            return 0
        return _run(name, words[1:], console)
    except BadPackage as bad:
        console.failure(Failure(str(bad), "upgrade or uninstall it"))
    except Failure as failure:
        console.failure(failure)
    except Problem as problem:
        # A service said no, or does not answer.
        console.failure(failure_of(problem, "the log says more"))
    except BrokenPipeError:
        # Who read what we say has read enough. What is left of it goes nowhere, also at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if not files.is_full(error):
            raise
        # Files of ours say it themselves: as a rule it is where our output goes.
        console.failure(Failure(f"{error.filename or 'what it says'} cannot be written", files.mend_of(error)))
    return 1


def _run(name: str, words: Sequence[str], console: Console) -> int:
    if name not in COMMANDS:
        print(f"stoa: there is no command {name!r}; {choose(name, COMMANDS)}", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(COMMANDS[name][0])
    except KeyboardInterrupt:
        # Before the loop runs that would have heard it: nothing was begun.
        return SIGNALED + signal.SIGINT
    parser = _Parser(
        prog=f"stoa {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    module.add_arguments(parser)
    arguments = parser.parse_args(words)
    variables = importlib.import_module("stoa.cli.variables")
    topology = getattr(arguments, "topology", os.environ.get("STOA_TOPOLOGY", ""))
    for line in variables.warnings(os.environ, topology, runs=name in RUN_A_TOPOLOGY):
        console.warning(line)
    told = run_until_signal(module.run(arguments, console))
    return 0 if told is None or (name in SERVE and told > SIGNALED) else told


def _is_text(word: str) -> bool:
    """Not bytes that Python only carries along: they can be neither shown nor stored."""
    return word.encode(errors="replace").decode() == word


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line and what was meant, without the password that may stand in it."""

    def error(self, message: str) -> NoReturn:
        super().error(re.sub(r"://\S*@", "://***@", message) + "".join(self._meant(message)))

    def _meant(self, message: str) -> Iterator[str]:
        """The option or the choice that is nearest to what is not there."""
        if found := re.search(r"invalid choice: '([^']+)' \(choose from (.*)\)", message):
            words, known = [found[1]], re.findall(r"[\w-]+", found[2])
        else:
            words = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
            known = list(_options(self)) if message.startswith("unrecognized arguments") else []
        for word in words:
            if meant := nearest(word, known):
                yield f"; did you mean {meant}?"


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Of the command, and of its acts if it has some."""
    for action in parser._actions:  # noqa: SLF001 - argparse tells nobody what it knows
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for act in action.choices.values():
                yield from _options(act)


def run_until_signal(work: Coroutine[Any, Any, int | None]) -> int | None:
    """Run on one event loop until done. The first SIGINT or SIGTERM cancels it: what it opened closes itself, and the
    status is that of the signal."""
    if not os.environ.get("PYTHONBREAKPOINT"):
        sys.breakpointhook = _debug
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_canceled_by_signal(work))


async def _canceled_by_signal(work: Coroutine[Any, Any, int | None]) -> int | None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work)
    asked = 0

    def stop(by: int) -> None:
        # Stopping is bounded in time: asking twice would only leave something half stopped.
        nonlocal asked
        if not asked:
            asked = by
            task.cancel()

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stop, each)
    with contextlib.suppress(asyncio.CancelledError):
        return await task
    return SIGNALED + asked


def _debug() -> None:
    """`breakpoint()`, without the debugger's own idea of Ctrl-C: it would take ours away for good."""
    import pdb  # noqa: PLC0415, T100 - for whoever has written breakpoint()

    pdb.Pdb(nosigint=True).set_trace(sys._getframe(1))  # noqa: SLF001 - where that stands


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: stoa <command> [options]",
            "",
            *lines,
            "",
            "stoa <command> --help says more; stoa --version says which Stoa this is.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
