"""The embedded database server: PostgreSQL from a wheel, as a child of ours.

It listens on 127.0.0.1 and on a socket in its own folder, asks for a password (SCRAM), and dies with us:
on Linux the kernel sends it SIGINT when its parent vanishes, which it takes as "shut down, quickly and
cleanly". On other systems a killed parent leaves it running; the next start ends it first. Whoever starts
it holds the lock of the data directory, so a server that is found running there is nobody's.

    postgres/data      the cluster, made in a temporary folder beside it and renamed when whole
    postgres/port      the port it had last, taken again if it is free
    postgres/log       what the server says: its starts and stops, warnings and worse

The cluster's collation is the built-in C.UTF-8: order by code point, upper and lower case for all of
Unicode, and the same on every machine for ever. Collations of libc and ICU change their order from
release to release, and silently break indexes when they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from stoa.runtime import account as accounts
from stoa.runtime import children, files, postmaster
from stoa.runtime.failure import Failure

log = logging.getLogger(__name__)

SUPERUSER = "postgres"

# What one machine with a shop, its database and a browser can spare: some 60 MB for the server at rest.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    # Its working directory, the cluster: nobody else may enter it, and whoever the server runs as may write there.
    "unix_socket_directories": ".",
    # What the services may have in one process, the same again for a neighbor, a command or a dump, and some room.
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    # Worker processes for reading ahead cost memory and bring nothing while the data fits in the page cache.
    "io_method": "sync",
    "jit": "off",
    "max_logical_replication_workers": "0",
    # Who waits so long may wait for somebody who waits for him. A batch that does makes others wait.
    "deadlock_timeout": "200ms",
    "autovacuum_max_workers": "2",
    # For each database in turn, also at rest: every look is a process that starts, and two transactions.
    "autovacuum_naptime": "60s",
    # Of a table with statistics of fifty rows PostgreSQL plans to read all, and a shop that has just opened has soon
    # more. Without statistics, and with those of a thousand rows, it plans by index.
    "autovacuum_analyze_threshold": "1000",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    # The details of a refusal are the values that were refused: e-mail addresses, ids of guests' carts.
    "log_error_verbosity": "terse",
    "timezone": "UTC",
    # After a crash everything is brought to the disk first: by one call for the file system where there is one,
    # not by one for each of some four thousand files.
    "recovery_init_sync_method": "syncfs" if sys.platform == "linux" else "fsync",
}

# For a server that is thrown away afterwards: nothing need reach the disk.
NOT_DURABLE: Mapping[str, str] = {**SETTINGS, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_LONGEST_SOCKET_PATH_BYTES = 103
"""What every system takes: Linux takes 107."""
_LOG_LIMIT_BYTES = 10_000_000
_READY_WITHIN_SECONDS = 120.0
MOST_LOOK_SECONDS = _READY_WITHIN_SECONDS + 60.0
"""What one look takes at most: the old server's end, a pause, and the new one's recovery."""
_QUICK_SECONDS = 1.0
"""Before anybody asks what else there is to end."""
MOST_STOP_SECONDS = _QUICK_SECONDS + postmaster.MOST_END_SECONDS
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0
_CALM_SECONDS = 60.0


class Postgres:
    """One server over the folder `home`. `start`, then `look` again and again (`stoa.runtime.watch`), then `stop`."""

    def __init__(self, home: Path, password: str, *, settings: Mapping[str, str] = SETTINGS) -> None:
        self.home = home
        self.port = 0
        self._password = password
        self._settings = settings
        self._account = accounts.of_server()
        self._programs = accounts.programs(self._account)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = _SHORTEST_PAUSE
        if self._account and sys.platform != "linux":
            raise Failure("only on Linux can Stoa run the database as root", "start it as an ordinary user")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def dsn(self, database: str = "postgres") -> str:
        """How a superuser connects to `database`."""
        return _dsn(self._password, cluster_of(self.home), self.port, database)

    async def start(self) -> None:
        """Make the cluster if there is none, stop what a killed predecessor left, start, and wait until it is ready."""
        with files.writing(self.home):
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self.home.glob("initializing-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        cluster = cluster_of(self.home)
        if cluster.exists():
            _refuse_other_major(cluster)
            await _end_leftovers(cluster)
            await self._launch(cluster)
        else:
            with files.writing(self.home):
                await self._initialize(cluster)
            await asyncio.gather(self._launch(cluster), asyncio.to_thread(self._sync_to_disk))

    async def look(self) -> None:
        """Start the server again if it died, after a pause that doubles from 0.2 s to 30 s, or is being stopped by
        somebody else: a smart shutdown (SIGTERM) takes nobody new, and waits for ever for pools that stay."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            if not self._is_stopping(process):
                return
            log.warning("somebody told the database server to stop; finishing that, and starting it again")
            await self._end(process)
        else:
            lived = time.monotonic() - self._started
            self._pause = _SHORTEST_PAUSE if lived > _CALM_SECONDS else min(self._pause * 2, _LONGEST_PAUSE)
            log.error("the database server died; starting it again", extra={"pause_seconds": self._pause})
            await asyncio.sleep(self._pause)
            await _end_leftovers(cluster_of(self.home))
        # The port stays: every pool knows it.
        await self._launch(cluster_of(self.home), port=self.port)

    async def stop(self) -> None:
        """Shut down cleanly, rolling back the transactions in progress; what does not end by that is killed.

        Nothing of the server is left, in `MOST_STOP_SECONDS` at most.
        """
        if self._process is not None:
            await self._end(self._process)
            self._process = None

    async def _initialize(self, cluster: Path) -> None:
        """Into a folder beside it that is renamed when whole: a crash leaves nothing half made."""
        scratch = Path(tempfile.mkdtemp(prefix="initializing-", dir=self.home))
        reading, writing = os.pipe()
        if self._account:
            os.chown(scratch, self._account.uid, self._account.gid)
            # initdb opens /dev/stdin anew, which only the owner of the pipe may.
            os.fchown(reading, self._account.uid, self._account.gid)
        os.write(writing, self._password.encode())
        os.close(writing)
        command: list[str | Path] = [
            self._programs / "initdb",
            "-D",
            self._seen_from_inside(scratch),
            f"--username={SUPERUSER}",
            "--pwfile=/dev/stdin",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            # `start` does this while the server comes up.
            "--no-sync",
            "--no-instructions",
        ]
        with tempfile.TemporaryFile(dir=self.home) as said:
            process = children.spawn(
                command,
                folder=scratch,
                environment=_environment(),
                when_parent_dies=signal.SIGKILL,
                account=self._account,
                stdin=reading,
                output=said,
            )
            os.close(reading)
            finished = await children.ended(process, _READY_WITHIN_SECONDS)
            said.seek(0)
            text = said.read().decode(errors="replace")
        if not finished or process.returncode != 0:
            process.kill()
            shutil.rmtree(scratch, ignore_errors=True)
            raise _not_created(self.home, text)
        scratch.rename(cluster)  # noqa: ASYNC240 - a system call that touches no data

    async def _launch(self, cluster: Path, port: int = 0) -> None:
        log_path = self.home / "log"
        with files.writing(log_path):
            if log_path.exists() and log_path.stat().st_size > _LOG_LIMIT_BYTES:
                log_path.rename(self.home / "log.1")
            log_path.touch(mode=0o600)
        for _ in range(3):
            self.port = port or _free_port(preferred=_port_before(self.home / "port"))
            options = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
            with log_path.open("ab") as said:
                self._process = children.spawn(
                    [self._programs / "postgres", "-D", self._seen_from_inside(cluster), *options],
                    folder=cluster,
                    environment=_environment(),
                    when_parent_dies=signal.SIGINT,
                    account=self._account,
                    output=said,
                )
            self._started = time.monotonic()
            if await _ready(self._process, cluster):
                if _number_in(self.home / "port") != self.port:
                    files.write(self.home / "port", f"{self.port}\n")
                return
        # On a full disk there is no room for its reason either.
        if files.is_disk_full(self.home):
            raise Failure(f"the database server does not start: the disk of {self.home} is full", "make room on it")
        raise Failure("the database server does not start", f"its reason is at the end of {log_path}")

    async def _end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        # As a rule that is all, and a server that ended well has waited for its helpers.
        if not await children.ended(process, _QUICK_SECONDS) or process.returncode != 0:
            await postmaster.end(cluster_of(self.home))
            await children.ended(process, _QUICK_SECONDS)

    def _is_stopping(self, process: subprocess.Popen[bytes]) -> bool:
        lines = postmaster.pid_file(cluster_of(self.home))
        return len(lines) > 7 and lines[0] == str(process.pid) and lines[7] == "stopping"

    def _sync_to_disk(self) -> None:
        if self._settings.get("fsync") != "off":
            os.sync()

    def _seen_from_inside(self, folder: Path) -> Path:
        """The path by which the server, whose working directory it is, reaches `folder` whoever it runs as."""
        return Path("/proc/self/cwd") if self._account else folder.absolute()


def cluster_of(home: Path) -> Path:
    return home / "data"


def major_of(cluster: Path) -> int:
    """The PostgreSQL that wrote the cluster; 0 where there is none."""
    return _number_in(cluster / "PG_VERSION")


def port_of_running(home: Path) -> int | None:
    """The port of the server that is ready over `home`; None where none is. For a process that did not start it."""
    cluster = cluster_of(home)
    lines = postmaster.pid_file(cluster)
    return int(lines[3]) if postmaster.running(cluster) and len(lines) > 7 and lines[7] == "ready" else None


def dsn_of_running(home: Path, password: str) -> str | None:
    """How a superuser connects to the server that runs over `home`; None where none does."""
    port = port_of_running(home)
    return _dsn(password, cluster_of(home), port, "postgres") if port else None


def host_of(dsn: str) -> str:
    """What PostgreSQL's own programs call `--host`: an address, or the folder of a socket."""
    return unquote(urlsplit(dsn).netloc.rpartition("@")[2].rpartition(":")[0])


def _dsn(password: str, cluster: Path, port: int, database: str) -> str:
    """By the server's socket, which takes two thirds of the time, or by TCP where no socket's path may be so long."""
    folder = cluster.absolute()
    socket_path = folder / f".s.PGSQL.{port}"
    host = "127.0.0.1"
    if len(os.fsencode(socket_path)) <= _LONGEST_SOCKET_PATH_BYTES and socket_path.is_socket():
        host = quote(str(folder), safe="")
    return f"postgresql://{SUPERUSER}:{password}@{host}:{port}/{database}"


async def _ready(process: subprocess.Popen[bytes], cluster: Path) -> bool:
    """Wait for the word that the server writes into its pid file, as pg_ctl does; False if it ended instead."""
    give_up = time.monotonic() + _READY_WITHIN_SECONDS
    while process.poll() is None:
        lines = postmaster.pid_file(cluster)
        if len(lines) > 7 and lines[0] == str(process.pid) and lines[7] == "ready":
            return True
        if time.monotonic() > give_up:
            await postmaster.end(cluster)
            raise Failure(
                f"the database server is not ready after {_READY_WITHIN_SECONDS:.0f} s",
                "it may still be recovering from a crash: start again",
            )
        await asyncio.sleep(0.01)
    return False


async def _end_leftovers(cluster: Path) -> None:
    """What a server left that was killed: itself, or helpers of it that do not know yet."""
    if not (cluster / postmaster.PID_FILE).exists():
        return
    leftovers = postmaster.working_in(cluster)
    if leftovers:
        log.warning("ending what a database server left behind", extra={"pids": [each.pid for each in leftovers]})
        await postmaster.end(cluster)
    # A pid file without a server is left over from a crash, and so is a socket's. PostgreSQL sees that too,
    # unless the pid belongs to another process by now; we know that it is not ours.
    for leftover in (cluster / postmaster.PID_FILE, *cluster.glob(".s.PGSQL.*")):  # noqa: ASYNC240 - one short folder
        leftover.unlink(missing_ok=True)


def _not_created(home: Path, said: str) -> Failure:
    """`said` by initdb: the reason, and then that it cleans up behind itself."""
    found = re.search(r"(?:FATAL|error): +(.*)", said)
    reason = found[1] if found else " ".join(said.split())
    mend = "make room on its disk" if os.strerror(errno.ENOSPC) in said else "mend that, and start again"
    return Failure(f"the database could not be created in {home}: {reason}", mend)


def _refuse_other_major(cluster: Path) -> None:
    major = major_of(cluster)
    if major != accounts.MAJOR:
        raise Failure(
            f"{cluster} was written by PostgreSQL {major or 'of an unknown version'} and this is {accounts.MAJOR}",
            "use the Stoa that wrote it to dump the databases, and another --data-dir",
        )


def _number_in(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0


def _port_before(file: Path) -> int:
    """The port that the server had last; 0 where nothing says it."""
    port = _number_in(file)
    if file.exists() and not 1 <= port <= 65535:
        log.warning("the port that the database had is not in its file; it takes another", extra={"file": str(file)})
        return 0
    return port


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise Failure("there is no free port on 127.0.0.1", "see what listens there")


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
