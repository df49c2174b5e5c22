"""One secret per installation, from which every other is derived: passwords of roles, the processes' shared word.

It is made once and kept in `DATA_DIR/secrets.json` (mode 0600). Containers that share no folder get
the same one as `STOA_SECRET`. The derived ones need not be carried around, and none of them tells
anything about another: so a process can be given those that it needs, and not the one that they come from.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from stoa.runtime import files
from stoa.runtime.failure import Failure

VARIABLE = "STOA_SECRET"
RPC, EDGE, VISITORS = "STOA_RPC_SECRET", "STOA_EDGE_SECRET", "STOA_VISITORS_SECRET"
_PURPOSES = {RPC: "rpc", EDGE: "edge", VISITORS: "visitors"}
"""What processes share beside the databases' passwords."""
WORDS = tuple(_PURPOSES)
_SHORTEST = 32
_WORD = re.compile(rf"[!-~]{{{_SHORTEST},}}")


class _File(msgspec.Struct):
    secret: Annotated[str, msgspec.Meta(min_length=_SHORTEST)]


class Secrets:
    """What is derived from the installation's secret, or `given` by its variable. A process to which all that it needs
    is given has no such secret."""

    def __init__(self, secret: str, given: Mapping[str, str] | None = None) -> None:
        self._secret = secret.encode()
        self._given = given or {}

    @property
    def superuser(self) -> str:
        """The password of the embedded database server's superuser."""
        return self._derive("superuser")

    @property
    def rpc(self) -> str:
        """What neighbors show each other with every call."""
        return self.word(RPC)

    @property
    def edge(self) -> str:
        """By which a service knows that a request came through the gateway."""
        return self.word(EDGE)

    @property
    def visitors(self) -> str:
        """By which a gateway knows the visitor ids that gateways gave out."""
        return self.word(VISITORS)

    def role(self, name: str) -> str:
        """The password of a service's login role."""
        return self._derive(f"role {name}")

    def word(self, variable: str) -> str:
        """One of `WORDS`, as it was given, or derived. Raises `Failure` where it is neither."""
        if variable in self._given:
            return self._given[variable]
        if not self._secret:
            raise Failure(f"there is neither {variable} nor {VARIABLE}", "set one of them")
        return self._derive(_PURPOSES[variable])

    def _derive(self, purpose: str) -> str:
        assert self._secret, "all that is needed was given"
        return base64.urlsafe_b64encode(hmac.digest(self._secret, purpose.encode(), hashlib.sha256)).decode().strip("=")


def words_of(*, gateway: bool) -> tuple[str, ...]:
    """Those that a process needs: only a gateway gives out visitor ids."""
    return WORDS if gateway else (RPC, EDGE)


def words_given(environ: Mapping[str, str]) -> dict[str, str]:
    """By variable, what is not to be derived. Raises `Failure` for what cannot be used."""
    given = {variable: word for variable in WORDS if (word := environ.get(variable, ""))}
    for variable, word in given.items():
        if not _WORD.fullmatch(word):
            raise Failure(
                f"{variable} has fewer than {_SHORTEST} characters, or others than ASCII without spaces",
                "make one with `openssl rand -hex 32`",
            )
    return given


def load(file: Path, environ: Mapping[str, str]) -> Secrets:
    """The secrets of an installation. Raises `Failure` where there are none."""
    words = words_given(environ)
    given = environ.get(VARIABLE, "")
    if given:
        if len(given) < _SHORTEST:
            raise Failure(f"{VARIABLE} has fewer than {_SHORTEST} characters", "make one with `openssl rand -hex 32`")
        return Secrets(given, words)
    text = files.read(file)
    if text is None:
        raise Failure(f"there is no {file}", f"run `stoa up` or `stoa postgres` first, or set {VARIABLE}")
    try:
        return Secrets(msgspec.json.decode(text, type=_File).secret, words)
    except msgspec.MsgspecError:
        raise Failure(f"{file} is damaged", "restore it from a backup: the databases' passwords come from it") from None


def load_or_make(file: Path, environ: Mapping[str, str]) -> Secrets:
    """The same, made on the first start: whole or not at all, and never readable by others."""
    if not environ.get(VARIABLE) and not file.exists():
        files.write(file, msgspec.json.encode(_File(secrets.token_urlsafe(32))).decode())
    return load(file, environ)
