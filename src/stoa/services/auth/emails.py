"""One spelling per e-mail address, so that nobody registers a look-alike of somebody else's.

Compatibility forms (full-width letters, ligatures) and case are folded; dots and what follows a plus
stay as they are, because only the mail server knows what they mean. The result is what is stored,
compared and written to.
"""

from __future__ import annotations

import re
import unicodedata

from stoa.services.auth.errors import UnusableEmail

LONGEST = 254
"""RFC 5321: what fits into the path of a mail command."""

_SHAPE = re.compile(r"[^\s@<>\",;:\\]+@[^\s@<>\",;:\\.]+(\.[^\s@<>\",;:\\.]+)+")


def normalised(email: str, *, field: str = "email") -> str:
    """The address in its one spelling. Raises `UnusableEmail`."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).strip().lower())
    # Folding may make an @ of a full-width one; what is invisible would make two addresses look the same.
    if len(text) > LONGEST or not _SHAPE.fullmatch(text) or any(unicodedata.category(c)[0] in "CZ" for c in text):
        raise UnusableEmail(field)
    return text
