"""One secret per installation, from which every other is derived: passwords of roles, the processes' shared word.

It is made once and kept in `DATA_DIR/secrets.json` (mode 0600). Containers that share no folder get
the same one as `STOA_SECRET`. The derived ones need not be carried around, and none of them tells
anything about another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from stoa.runtime import files
from stoa.runtime.failure import Failure

VARIABLE = "STOA_SECRET"
_SHORTEST = 32


class _File(msgspec.Struct):
    secret: Annotated[str, msgspec.Meta(min_length=_SHORTEST)]


class Secrets:
    """What is derived from the installation's secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    @property
    def superuser(self) -> str:
        """The password of the embedded database server's superuser."""
        return self._derive("superuser")

    @property
    def rpc(self) -> str:
        """What neighbors show each other with every call."""
        return self._derive("rpc")

    @property
    def edge(self) -> str:
        """By which a service knows that a request came through the gateway."""
        return self._derive("edge")

    @property
    def visitors(self) -> str:
        """By which a gateway knows the visitor ids that gateways gave out."""
        return self._derive("visitors")

    def role(self, name: str) -> str:
        """The password of a service's login role."""
        return self._derive(f"role {name}")

    def _derive(self, purpose: str) -> str:
        return base64.urlsafe_b64encode(hmac.digest(self._secret, purpose.encode(), hashlib.sha256)).decode().strip("=")


def load(file: Path, environ: Mapping[str, str]) -> Secrets:
    """The secrets of an installation. Raises `Failure` where there are none."""
    given = environ.get(VARIABLE, "")
    if given:
        if len(given) < _SHORTEST:
            raise Failure(f"{VARIABLE} has fewer than {_SHORTEST} characters", "make one with `openssl rand -hex 32`")
        return Secrets(given)
    text = files.read(file)
    if text is None:
        raise Failure(f"there is no {file}", f"run `stoa up` or `stoa postgres` first, or set {VARIABLE}")
    try:
        return Secrets(msgspec.json.decode(text, type=_File).secret)
    except msgspec.MsgspecError:
        raise Failure(f"{file} is damaged", "restore it from a backup: the databases' passwords come from it") from None


def load_or_make(file: Path, environ: Mapping[str, str]) -> Secrets:
    """The same, made on the first start: whole or not at all, and never readable by others."""
    if not environ.get(VARIABLE) and not file.exists():
        files.write(file, msgspec.json.encode(_File(secrets.token_urlsafe(32))).decode())
    return load(file, environ)
