"""One spelling per e-mail address, so that nobody has a look-alike of somebody else's, whoever types it and where.

Compatibility forms (full-width letters, ligatures) and case are folded; dots and what follows a plus stay as they are,
because only the mail server knows what they mean. A domain is what IDNA 2008 makes of it, in letters: `münchen.de` and
`xn--mnchen-3ya.de` are one. What shows nothing, or is no character yet, is refused. The result is what is stored,
compared and written to.
"""

from __future__ import annotations

import re
import unicodedata

import idna

from stoa.kit import problems
from stoa.kit.text import INVISIBLE

LONGEST = 254
"""RFC 5321: what fits into the path of a mail command."""

_SHAPE = re.compile(r"[^\s@<>\",;:\\]+@[^\s@<>\",;:\\.]+(\.[^\s@<>\",;:\\.]+)+")
_INVISIBLE = re.compile(rf"[{INVISIBLE}\ufe00-\ufe0f]")


class UnusableEmail(problems.Unprocessable):
    title = "Not an e-mail address"
    slug = "unusable-email"

    def __init__(self, field: str = "email") -> None:
        super().__init__("This is not an e-mail address that mail could reach.", field=field)


def normalized(email: str, *, field: str = "email") -> str:
    """The address in its one spelling. Raises `UnusableEmail`."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).strip().lower())
    local, at, domain = text.rpartition("@")
    # The dot of a domain as it is typed in China and Japan (RFC 5895 §2).
    text = local + at + domain.replace("\u3002", ".")
    # Folding may make an @ of a full-width one; what is invisible would make two addresses look the same.
    if (
        not _SHAPE.fullmatch(text)
        or _INVISIBLE.search(email) is not None
        or any(unicodedata.category(character)[0] in "CZ" for character in text)
    ):
        raise UnusableEmail(field)
    local, _, domain = text.rpartition("@")
    text = f"{local}@{_in_letters(domain, field)}"
    if len(text) > LONGEST:
        raise UnusableEmail(field)
    return text


def _in_letters(domain: str, field: str) -> str:
    """The domain as a reader knows it. One of plain ASCII has no other form."""
    if domain.isascii() and "xn--" not in domain:
        return domain
    try:
        return idna.decode(idna.encode(domain, uts46=True))
    except idna.IDNAError:
        raise UnusableEmail(field) from None
