"""The processes of a shop as children of `stoa up`: what each is told, and who looks after them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from stoa.cli.installation import Installation
from stoa.cli.processes import read_settings
from stoa.cli.variables import of_others, unknown
from stoa.runtime import children
from stoa.runtime.failure import Failure
from stoa.runtime.supervisor import Supervisor, serve_command
from stoa.runtime.topology import Topology, variable_of

_COMMAND_SECONDS = 60.0


class Supervised:
    """The processes of one topology, on the installation `here`, whose database server runs."""

    def __init__(self, here: Installation, topology: Topology) -> None:
        self._topology = topology
        self._options = ["--data-dir", str(here.data_dir.path), "--topology", here.topology]
        gateway = topology.gateway
        self._environment = {
            **here.environ,
            "STOA_DATABASE_URL": here.database_url,
            # --port moved it for us: its process and its neighbors must know.
            variable_of(gateway.name, "http"): str(gateway.http),
            variable_of(gateway.name, "admin"): str(gateway.admin),
        }
        for name in (*unknown(here.environ, here.topology), *of_others(here.environ, here.topology)):
            # It is told already, and each process would tell it again.
            del self._environment[name]
        if sys.stderr.isatty():
            self._environment.setdefault("STOA_LOG_FORMAT", "text")
        self._stop_seconds = read_settings(here.environ).stop_seconds + 1.0

    def supervisor(self, *, without: str = "") -> Supervisor:
        """Of all processes but one that runs elsewhere. Not started yet."""
        supervisor = Supervisor(
            self._environment, sys.stderr, prefixed=sys.stderr.isatty(), stop_seconds=self._stop_seconds
        )
        for plan in self._topology.processes:
            if plan.name != without:
                supervisor.add(plan.name, serve_command(plan.name, self._options), plan.admin)
        return supervisor

    async def run(self, command: str) -> None:
        """A command of ours that ends by itself, in a process of its own: this one need not hold every service, and
        that one has the code as it is now. Raises `Failure`."""
        child = children.spawn(
            [sys.executable, "-m", "stoa.cli.main", command, *self._options],
            folder=Path.cwd(),
            environment=self._environment,
            when_parent_dies=signal.SIGTERM,
            output=subprocess.DEVNULL,
            errors=None,
        )
        try:
            if not await children.ended(child, _COMMAND_SECONDS) or child.returncode != 0:
                raise Failure(f"`stoa {command}` did not succeed", "its reason is above; the next start tries again")
        finally:
            await children.stop(child, [(signal.SIGTERM, 10.0)])
