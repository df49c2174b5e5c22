"""Which characters a text from outside may have: none that hides, or turns around, what a reader sees; and how these
are spelled.

A name reaches mails, labels and pages. A line break in it is a header or a line of its own there; a control that turns
the direction shows another text than is stored; what has no width makes two texts look the same. All of these are
refused, not taken away: the caller learns of it, and what is stored is what was sent.

The two joiners stand within words of Persian and of the languages of India, and within emoji, so they are taken
between characters that are not ASCII, as are the selectors of emoji after one.

An é may be one character or an e with an accent behind it: Unicode calls these the same text, and a unique key does
not. So whatever comes in is in NFC, as keyboards write it, before anybody looks at it.
"""

from __future__ import annotations

import unicodedata
from typing import Any

_CONTROLS = r"\x00-\x1f\x7f-\x9f"
_BREAKS_APART = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
INVISIBLE = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufeff\uffa0\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default-ignorable characters of Unicode and what else shows nothing, in the notation of a class of `re`."""
_JOINERS = r"\u200c\u200d\ufe00-\ufe0f"


def _only(refused: str) -> str:
    taken = rf"[^{refused}{INVISIBLE}{_JOINERS}]*"
    return rf"{taken}(?:(?<=[^\x00-\x7f])[{_JOINERS}](?=[^\x00-\x7f]|$|\s){taken})*"


LINE = rf"^{_only(_CONTROLS)}(?!\n)$"
"""The pattern of a text of one line."""
FILLED_LINE = rf"^(?=.*\S){_only(_CONTROLS)}(?!\n)$"
"""The same with something to read in it."""
LINES = rf"^{_only(_BREAKS_APART)}$"
"""Of a text that may have several lines, and tabs."""


def in_nfc(value: Any) -> Any:
    """A plain value with all its texts in NFC, the names of its members among them."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {in_nfc(name): in_nfc(child) for name, child in value.items()}
    if isinstance(value, list):
        return [in_nfc(child) for child in value]
    if isinstance(value, tuple):
        return tuple(in_nfc(child) for child in value)
    return value
