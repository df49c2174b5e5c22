"""What an operator may set about a process as such; each service and the gateway have their own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from stoa.kit.settings import Days, Positive, WholeSeconds

PoolSize = Annotated[int, Meta(ge=1, le=1000)]
LogLevel = Annotated[str, Meta(pattern="^(?i:debug|info|warning|error|critical)$")]
LogFormat = Literal["", "json", "text"]

BEHIND_SECONDS = 7.0
"""For all that stops behind the doors, once the requests have had their time: milliseconds, unless somebody holds a
lock or the database is silent. What is not done then is taken up by the next start, or by another process."""


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """`STOA_<NAME>`."""

    bind: str = "127.0.0.1"
    """The interface that servers listen on: only this machine's own. A container says 0.0.0.0."""

    pool_size: PoolSize = 3
    """Connections of each service in this process, at most; a relay has one more. Fifteen services that all announce
    something take 60 of a PostgreSQL's 100. Because writes are gathered into batches more were not faster on two
    cores."""

    most_connections: Positive = 900
    """HTTP connections at a time. When another comes, the one that has waited longest for its caller gives way, of the
    address that has most of them; only where all are at work is the new one told 503. Below the 1,024 files that a
    process may open on most machines, with room for databases and neighbors. A shop that raises the one may raise the
    other."""

    finish_seconds: WholeSeconds = 10
    """How long requests and calls in flight may take to finish when the process stops; who would take longer is told to
    come again. What follows takes 7 s at most, and an embedded database server 12: within the 30 s that orchestrators
    grant."""

    stream_days: Days = 7
    """How long behavior events are kept, read or not: a follower that is away for longer misses what is older, and one
    that comes new begins with the oldest."""

    shop_folder: Path | None = None
    """The shop's own files, used before ours of the same name: templates of mails are in `mails`, the gateway's
    pages (`landing.html`, `stoa.css`, `docs.html`, `docs.js`) in `pages`."""

    force_grpc: bool = False
    """Send calls between services of one process over the wire too: for tests."""

    faults: str = ""
    """Faults on purpose in every call (stoa.kit.channels.faults): for tests."""

    log_level: LogLevel = "INFO"
    """Of everything: DEBUG adds a line for each read."""

    log_format: LogFormat = ""
    """`json` or `text`; empty is text at a terminal and JSON elsewhere."""

    @property
    def stop_seconds(self) -> float:
        """What a process takes at most to stop."""
        return self.finish_seconds + BEHIND_SECONDS
