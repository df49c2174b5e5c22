"""Which passwords are taken: long enough, not one of the first that a guesser tries."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from stoa.services.auth.errors import UnusablePassword

SHORTEST = 8
LONGEST = 256
"""Characters. NIST SP 800-63B asks for at least 64; above this it is a load, not a secret."""


@cache
def worst() -> frozenset[str]:
    """The most used ones of leaked lists that are long enough to pass: a guesser's first tries, worth nothing."""
    return frozenset((Path(__file__).parent / "worst_passwords.txt").read_text(encoding="utf-8").split())


def prepared(password: str) -> str:
    """The password as it is hashed: the same characters typed on another keyboard are the same password."""
    return unicodedata.normalize("NFKC", password)


def accept(password: str, email: str, *, field: str = "password") -> None:
    """Raise `UnusablePassword` unless `password` may be somebody's who signs in with `email`."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise UnusablePassword(f"A password has {SHORTEST} to {LONGEST} characters.", field=field)
    if "\0" in password:
        raise UnusablePassword("A password may not contain the NUL character.", field=field)
    folded = prepared(password).strip().lower()
    if folded in worst() or len(set(folded)) <= 2:
        raise UnusablePassword("This password is one of the first that is guessed.", field=field)
    if folded in {email, email.partition("@")[0]}:
        raise UnusablePassword("The password may not be the e-mail address.", field=field)
