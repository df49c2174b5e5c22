"""A Python prompt with the services at hand, in which `await` works; a script comes on stdin.

    >>> await auth.GetUser(auth_pb2.GetUserRequest(email="admin@stoa.example"))
    >>> await db.order.fetchval("SELECT count(*) FROM orders")

    echo 'print(await db.order.fetchval("SELECT count(*) FROM orders"))' | stoa shell

Each service's stub has its name, its messages are in `<name>_pb2`, its database is `db.<name>`. All services are in
this process, beside a shop that may run; what they announce goes out with the shop, now or at its next start. Ctrl-C
ends what is under way, Ctrl-D the shell.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import code
import contextlib
import inspect
import signal
import sys
import threading
import traceback
from concurrent.futures import CancelledError
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any

from stoa.app import SERVICES
from stoa.cli import installation
from stoa.cli.console import Console
from stoa.cli.processes import configure_logs, read_settings, whole_process
from stoa.runtime.process import Process

SCRIPT, PROMPT = "<stdin>", "<console>"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    installation.add_arguments(parser)


async def run(arguments: argparse.Namespace, console: Console) -> int:
    """The status of a script is 1 where it raises."""
    here = installation.installation_of(arguments)
    configure_logs("shell", read_settings(here.environ))
    async with here.existing() as access, whole_process(access, here) as process:
        names = _names(process)
        if not sys.stdin.isatty():
            return await _run_script(await asyncio.to_thread(sys.stdin.buffer.read), names)
        console.say(
            f"Stoa: {', '.join(sorted(SERVICES))}, their messages in order_pb2 and so on, and db.order and so on."
        )
        console.say("`await` works. Ctrl-C ends what is under way, Ctrl-D the shell.")
        await _Prompt(names).run()
        return 0


def _names(process: Process) -> dict[str, Any]:
    names: dict[str, Any] = {
        "__name__": "__main__",
        "db": SimpleNamespace(**{each.service.name: each.stored.db for each in process.services if each.stored}),
    }
    for name in SERVICES:
        for contract in _contracts_of(name):
            stub = getattr(sys.modules[f"{contract}_grpc"], f"{name.title()}ServiceStub")
            names[name] = stub(process.neighbors.operator_channel(name))
            names[f"{name}_pb2"] = sys.modules[contract]
    return names


def _contracts_of(name: str) -> list[str]:
    """The modules of the service's messages, ours or a package's: its servicer has loaded them, if it has any."""
    return [each for each in sys.modules if each.endswith(f".{name}_pb2") and f"{each}_grpc" in sys.modules]


async def _run_script(text: bytes, names: dict[str, Any]) -> int:
    try:
        await _evaluate(compile(text, SCRIPT, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    except Exception as error:
        _tell(error)
        return 1
    return 0


def _tell(error: BaseException) -> None:
    """From where what was written begins: what runs it is of no interest to who wrote it."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename not in {SCRIPT, PROMPT}:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)


async def _evaluate(compiled: CodeType, names: dict[str, Any]) -> None:
    """What has an `await` is a coroutine; anything else is done when it is called."""
    under_way = FunctionType(compiled, names)()
    if inspect.iscoroutine(under_way):
        await under_way


class _Prompt(code.InteractiveConsole):
    """Reads in a thread of its own; what is read is done on the loop, where the services are."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names, PROMPT)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._names = names
        self._loop = asyncio.get_running_loop()
        self._under_way: asyncio.Task[Any] | None = None

    async def run(self) -> None:
        """Until the end of the input."""
        _complete(self._names)
        ended = asyncio.Event()

        def read() -> None:
            with contextlib.suppress(SystemExit):
                self.interact(banner="", exitmsg="")
            self._loop.call_soon_threadsafe(ended.set)

        self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        # A daemon: who is told to stop does not wait for a line.
        threading.Thread(target=read, name="prompt", daemon=True).start()
        await ended.wait()

    def runcode(self, compiled: CodeType) -> None:
        done = asyncio.run_coroutine_threadsafe(self._do(compiled), self._loop)
        try:
            left = done.result()
        except CancelledError:
            self.write("ended\n")
        except Exception as error:
            _tell(error)
        else:
            if left is not None:
                raise left

    async def _do(self, compiled: CodeType) -> SystemExit | None:
        """What `exit()` raises ends the prompt, not the loop."""
        self._under_way = asyncio.current_task()
        try:
            await _evaluate(compiled, self._names)
        except SystemExit as left:
            return left
        finally:
            self._under_way = None
        return None

    def _interrupt(self) -> None:
        if self._under_way is not None:
            self._under_way.cancel()


def _complete(names: dict[str, Any]) -> None:
    """The tab key completes names, where this Python has readline."""
    try:
        import readline  # noqa: PLC0415 - not in every Python
        import rlcompleter  # noqa: PLC0415
    except ImportError:
        return
    readline.set_completer(rlcompleter.Completer(names).complete)
    readline.parse_and_bind("tab: complete")
