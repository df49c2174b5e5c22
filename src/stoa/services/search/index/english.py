"""Words of English that are one: as they are written on both sides of the Atlantic (`color` is `colour`), and plurals
that no ending makes."""

from __future__ import annotations

import re

_CHANGES = (
    (
        "or",
        re.compile(r"(arm|col|fav|flav|glam|harb|hon|hum|lab|neighb|od|parl|rig|rum|sav|tum|val|vap|vig)or"),
        r"\1our",
    ),
    ("z", re.compile(r"(?<=[a-z]{3})([iy])z(e|ed|er|ers|es|ing|able|ation|ations)$"), r"\1s\2"),
    ("er", re.compile(r"(calib|cent|fib|lit|lust|met|sab|spect|theat)er(s?)$"), r"\1re\2"),
    (
        "l",
        re.compile(
            r"((?:chann|chis|couns|enam|jew|lab|lev|marv|mod|pan|swiv|trav)el|(?:pen|sten)cil|wool)"
            r"(ed|en|ens|er|ers|ing|ings|or|ors|ous)$"
        ),
        r"\1l\2",
    ),
    ("og", re.compile(r"(anal|catal|dial)og(s?)$"), r"\1ogue\2"),
)
"""Letters that such a word has, since of most words nothing is changed; what is changed; what becomes of it."""
_BRITISH = {
    "aluminum": "aluminium",
    "cozy": "cosy",
    "donut": "doughnut",
    "gray": "grey",
    "jewelry": "jewellery",
    "mold": "mould",
    "mustache": "moustache",
    "pajama": "pyjama",
    "plow": "plough",
    "racket": "racquet",
    "sulfur": "sulphur",
    "tire": "tyre",
    "vise": "vice",
    "whiskey": "whisky",
    "yogurt": "yoghurt",
}
_PLURALS = {
    "children": "child",
    "feet": "foot",
    "geese": "goose",
    "men": "man",
    "mice": "mouse",
    "teeth": "tooth",
    "women": "woman",
}
INSTEAD = _BRITISH | _PLURALS


def as_one(word: str) -> str:
    """What is written for all that are one: the singular as the British write it, be it a word or not (`elaborate` is
    `elabourate`)."""
    one = word.removesuffix("s")
    if one in INSTEAD:
        return INSTEAD[one] + word[len(one) :]
    for letters, american, instead in _CHANGES:
        if letters in word:
            word = american.sub(instead, word)
    return word
