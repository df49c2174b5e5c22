"""Logs on stderr: one JSON object a line, with the ids that join what happened in several services.

    log = logging.getLogger(__name__)
    log.info("order placed", extra={"order_id": order.id, "total": order.total.amount})

What `extra` holds becomes members of the object. At a terminal the same is written for people.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from stoa.kit import context

_OWN_MEMBERS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET_NAME = re.compile(r"password|secret|token|authorization|cookie|card|cvc|dsn", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # a JWT
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"  # user and password in a URL
    r"|(?<=\)=\()[^\n]*(?=\) )"  # the values of a key that PostgreSQL refuses, in the details of its error
    r"|(?<=Failing row contains \()[^\n]*(?=\))"
)
_HIDDEN = "[hidden]"

_COLORS = {"DEBUG": "2", "INFO": "32", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


def configure(
    process: str,
    services: Mapping[str, str],
    *,
    level: str = "INFO",
    stream: TextIO | None = None,
    readable: bool | None = None,
) -> None:
    """Send every log record of this process to `stream` (stderr).

    `services` are their names by the packages of their code: what a module in there logs is theirs. `readable` None
    means: for people where the stream is a terminal, JSON everywhere else.
    """
    target = stream or sys.stderr
    people = target.isatty() if readable is None else readable
    handler = logging.StreamHandler(target)
    handler.setFormatter(Readable(process, services, color=target.isatty()) if people else Json(process, services))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # uvicorn would add handlers of its own, and a line for each request that we write with more in it.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
        logger.setLevel("WARNING")


class Json(logging.Formatter):
    """A record as one JSON object."""

    def __init__(self, process: str, services: Mapping[str, str]) -> None:
        super().__init__()
        self._process = process
        self._services = services

    def format(self, record: logging.LogRecord) -> str:
        now = context.current()
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "service": service_of(record.name, self._services) or self._process,
            "process": self._process,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            "trace_id": now.trace_id,
            "span_id": now.span_id,
            "request_id": now.request_id,
        }
        if now.principal is not None:
            document["user_id"] = now.principal.user_id
        document.update(fields_of(record))
        if record.exc_info:
            document["traceback"] = without_secrets(self.formatException(record.exc_info))
        return msgspec.json.encode(document, enc_hook=repr).decode()


class Readable(logging.Formatter):
    """A record as a line for people: time, level, service, message, then what else is known."""

    def __init__(self, process: str, services: Mapping[str, str], *, color: bool) -> None:
        super().__init__()
        self._process = process
        self._services = services
        self._color = color

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created).astimezone()
        level = f"{record.levelname.lower():<8}"
        if self._color:
            level = f"\033[{_COLORS.get(record.levelname, '0')}m{level}\033[0m"
        service = service_of(record.name, self._services) or self._process
        parts = [f"{moment:%H:%M:%S} {level} {service:<12} {without_secrets(record.getMessage())}"]
        parts += [f"{name}={value}" for name, value in fields_of(record).items()]
        line = "  ".join(parts)
        if record.exc_info:
            line += "\n" + without_secrets(self.formatException(record.exc_info))
        return line


def service_of(logger: str, services: Mapping[str, str]) -> str | None:
    """The service whose code wrote to this logger: `stoa.services.order.place_order` is order's."""
    while logger and logger not in services:
        logger = logger.rpartition(".")[0]
    return services.get(logger)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What `extra` brought, with secrets hidden by the name of the member and by how the text looks."""
    return {
        name: _HIDDEN if _SECRET_NAME.search(name) else without_secrets(value) if isinstance(value, str) else value
        for name, value in vars(record).items()
        if name not in _OWN_MEMBERS
    }


def without_secrets(text: str) -> str:
    return _SECRET_TEXT.sub(_HIDDEN, text)
