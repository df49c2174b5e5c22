"""How words sound: the same for all that sound alike, whatever their vowels. Pure."""

from __future__ import annotations

import cologne_phonetics
from jellyfish import metaphone


def sound_of(word: str, language: str) -> str:
    """Of English and German words; of those of other languages nothing is known."""
    match language:
        case "en":
            return metaphone(word)
        case "de":
            return "".join(code for _word, code in cologne_phonetics.encode(word))
        case _:
            return ""
