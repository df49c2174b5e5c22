"""A database in a file and back: PostgreSQL's own `pg_dump` and `pg_restore`, which come with the embedded server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stoa.runtime import account, children, files
from stoa.runtime.access import without_password
from stoa.runtime.failure import Failure

_STOP_SECONDS = 5.0
_REASON = re.compile(r"pg_(?:dump|restore): error: (.*)")


async def dump(dsn: str, snapshot: str, file: Path) -> None:
    """Everything in the database, as `snapshot` sees it. Raises `Failure`."""
    with files.writing(file):
        file.touch(mode=0o600)  # noqa: ASYNC240 - a system call that touches no data
    await _run("pg_dump", dsn, ["--format=custom", f"--snapshot={snapshot}", f"--file={file}"], file)


async def load(dsn: str, file: Path) -> None:
    """All of the file into an empty database, or nothing; it belongs to whom we connect as. Raises `Failure`."""
    options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", str(file)]
    await _run("pg_restore", dsn, options, file)


async def _run(program: str, dsn: str, options: Sequence[str], file: Path) -> None:
    url = urlsplit(dsn)
    user, _, place = url.netloc.rpartition("@")
    # Everybody may read a command line, and only we the environment.
    shown = url._replace(netloc=f"{user.partition(':')[0]}@{place}").geturl()
    environment = {**os.environ, "PGPASSWORD": unquote(url.password or ""), "LC_ALL": "C"}
    with tempfile.TemporaryFile() as said:
        process = children.spawn(
            [account.programs(None) / program, f"--dbname={shown}", *options],
            folder=Path.cwd(),
            environment=environment,
            when_parent_dies=signal.SIGTERM,
            stdin=subprocess.DEVNULL,
            output=said,
        )
        try:
            while not await children.ended(process, within_seconds=3600.0):
                pass
        finally:
            await children.stop(process, [(signal.SIGTERM, _STOP_SECONDS)])
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode != 0:
        found = _REASON.search(text)
        reason = found[1] if found else " ".join(text.split()) or f"it ended with status {process.returncode}"
        raise Failure(
            f"{program} of {url.path.strip('/')} did not succeed: {without_password(reason, dsn)}",
            f"mend that, and begin anew ({file})",
        )
