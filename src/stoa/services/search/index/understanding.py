"""Finds what a text means in this shop: what the words are here, and what else they may have been meant to be.

Each word is a unit, and a unit may be matched in several ways: as it is written, as a synonym, as a code, as the
beginning of a word, as the end of one, spelled otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import tantivy

from stoa.kit.barcodes import LENGTHS
from stoa.kit.folding import fold
from stoa.ports.search import Synonyms
from stoa.services.search.index.fields import Fields, of
from stoa.services.search.index.frequencies import Frequencies
from stoa.services.search.index.queries import begins, finds
from stoa.services.search.index.reading import Part, Reading, Word, replaced
from stoa.services.search.index.spelling import SHORTEST_IN_COMPOUND, Speller
from stoa.services.search.index.units import COMPLETED, DOUBTED, IN_COMPOUND, MEANT, Asked, Unit, Way
from stoa.services.search.index.words import runs_of

MOST_COMPLETIONS = 20
MOST_COMPOUNDS = 20
_COMPOUNDS_LOOKED_AT = 100
SHORTEST_CODE = 3
_MANY = 3
"""Where so many words begin like that, it is no misspelled one."""
_OFTEN = 5
"""Another spelling goes beside completions, or a rare word, if it is so many times as frequent."""
_SHORTEST_DOUBTED = 5
"""Letters: a shorter word is often nearly another."""
_RARE, _RARE_SHARE = 20, 0.0001
"""Products, and their share, that have a rare word at most."""
_MOST_INITIALS = 3
_LONG = 8
"""Letters: what ends with so many does not by chance."""


class Understanding:
    """Of one searcher and one locale."""

    def __init__(self, searcher: tantivy.Searcher, fields: Fields, locale: str) -> None:
        self._searcher = searcher
        self._schema = fields.schema
        self._locale = locale
        self._language = fields.languages[locale]
        self._frequencies = Frequencies(searcher, fields, locale)
        self._speller = Speller(searcher, fields, locale)

    def understand(self, reading: Reading, synonyms: Synonyms, *, exact: bool) -> Asked:
        """What the words are in this shop."""
        if number := self._number(reading):
            return Asked((number,), tuple(reading.without))
        units: list[Unit] = []
        plain: list[Word] = []
        for part in reading.parts:
            special = self._special(part)
            if special is None:
                plain.extend(part.words)
            else:
                units.extend(self._plain(plain, synonyms))
                units.append(special)
                plain = []
        units.extend(self._plain(plain, synonyms))
        if all(unit.filler for unit in units):
            units = [replace(unit, filler=False) for unit in units]
        instead: list[tuple[Word, str]] = []
        if not exact:
            last = reading.parts[-1].words[-1] if reading.parts and reading.open_ended else None
            units = [self._resolved(unit, instead, is_last=last in unit.words) for unit in units]
        corrected = replaced(reading.text, instead) if instead else None
        return Asked(tuple(units), tuple(reading.without), corrected)

    def respelled(self, reading: Reading, asked: Asked) -> Iterator[Asked]:
        """The same with another spelling of a word that nothing has, and that is the beginning of others: they may not
        go with the rest. A word that the shop has is what it says."""
        for unit in asked.units:
            if len(unit.words) != 1 or not unit.ways or any(way.counts != COMPLETED for way in unit.ways):
                continue
            [word] = unit.words
            if other := self._speller.spell(word.word):
                way = Way((other.stem,), MEANT)
                units = tuple(replace(one, ways=(way,)) if one is unit else one for one in asked.units)
                yield replace(asked, units=units, corrected=replaced(reading.text, [(word, other.written)]))

    def relaxed(self, asked: Asked) -> Iterator[Asked]:
        """The same with fewer of the words: all but one, half of them, any."""
        quoted = {unit for unit in asked.units if len(unit.words) > 1 and unit.phrase}
        apart = tuple(
            one
            for unit in asked.units
            if not unit.filler
            for one in ([Unit((word,), (Way((word.stem,)),)) for word in unit.words] if unit in quoted else [unit])
        )
        for least in dict.fromkeys((len(apart) - 1, len(apart) // 2, 1)):
            if 0 < least < len(apart):
                yield replace(asked, units=apart, at_least=least)
        if quoted:
            yield replace(asked, units=apart, at_least=1)

    def _number(self, reading: Reading) -> Unit | None:
        """All of it as one code, if it is a barcode with spaces."""
        codes = [part.code for part in reading.parts]
        number = "".join(codes)
        if len(codes) < 2 or len(number) not in LENGTHS or not all(map(str.isdigit, codes)):
            return None
        words = tuple(word for part in reading.parts for word in part.words)
        return Unit(words, (), number) if self._searcher.doc_freq("code", number) else None

    def _special(self, part: Part) -> Unit | None:
        """Words side by side, or a code; None for just words."""
        if part.quoted:
            return Unit(part.words, (), phrase=part.stems)
        if not part.code:
            return None
        way = Way(part.stems)
        ways = (way,) if self._frequencies.finds(way) else ()
        if self._searcher.doc_freq("code", part.code):
            return Unit(part.words, ways, part.code)
        may_begin = not ways and (len(part.words) > 1 or any(letter.isdigit() for letter in part.code))
        if may_begin and self._begins_code(part.code):
            return Unit(part.words, ways, part.code, code_is_begun=True)
        return None

    def _plain(self, words: Sequence[Word], synonyms: Synonyms) -> Iterator[Unit]:
        """Units of words in a row, where several that have a synonym together are one."""
        meanings = self._meanings(synonyms)
        at = 0
        while at < len(words):
            for end in range(len(words), at, -1):
                row = tuple(words[at:end])
                stems = tuple(word.stem for word in row)
                others = [Way(meant) for meant in meanings.get(stems, ())]
                if len(row) == 2 and (one_word := self._as_one_word(row)):
                    others.append(Way((one_word,), COMPLETED))
                if others or len(row) == 1:
                    filler = len(row) == 1 and self._language.is_filler(row[0].word)
                    yield Unit(row, (Way(stems), *others), filler=filler and not others)
                    at = end
                    break

    def _as_one_word(self, row: Sequence[Word]) -> str | None:
        """The stem of both as one word, if the shop has it: `retro spot` is `retrospot` there."""
        one = "".join(word.word for word in row)
        joined = self._language.stem(one)
        if joined in map(self._language.stem, self._completions(joined)):
            return joined
        # A description, too, has a number with its unit.
        return joined if len(runs_of(one)) == len(row) and self._frequencies.of_stem(joined) else None

    def _meanings(self, synonyms: Synonyms) -> Mapping[tuple[str, ...], Sequence[tuple[str, ...]]]:
        meanings: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for group in synonyms.groups:
            members = [tuple(self._language.stems(member)) for member in group]
            for member in members:
                meanings.setdefault(member, []).extend(other for other in members if other not in ((), member))
        for key, others in synonyms.one_way.items():
            stems = (tuple(self._language.stems(other)) for other in others)
            meanings.setdefault(tuple(self._language.stems(key)), []).extend(filter(None, stems))
        return meanings

    def _resolved(self, unit: Unit, instead: list[tuple[Word, str]], *, is_last: bool) -> Unit:
        """The unit with ways that find something, where its word is not known, and with words that end with its own."""
        if len(unit.words) != 1 or unit.code or unit.filler:
            return unit
        compounds = self._compounds(unit.words[0].word)
        apart = self._apart(unit.words[0].word)
        if not any(map(self._frequencies.finds, unit.ways)):
            # What staff gave a synonym is a word, whether anything has it or not.
            if apart or len(unit.ways) == 1:
                unit = self._guessed(unit, apart, instead, is_last=is_last, ends_others=bool(compounds))
        elif apart:
            unit = replace(unit, phrase=apart)
        elif not compounds:
            unit = self._doubted(unit, instead)
        return replace(unit, ways=(*unit.ways, *compounds)) if compounds else unit

    def _doubted(self, unit: Unit, instead: list[tuple[Word, str]]) -> Unit:
        """The unit of a rare word with another that it may be a slip for: some products are misspelled themselves, if
        the other is far more frequent, and `earings` has the stem of `ear`."""
        [word] = unit.words
        documents = self._frequencies.of_unit(unit)
        products = self._frequencies.products
        if len(word.word) < _SHORTEST_DOUBTED or documents > max(_RARE, products * _RARE_SHARE):
            return unit
        if self._language.is_word(word.word):
            return unit
        is_written = self._speller.writes(word.word)
        if not is_written and self._speller.has_form_of(word.word):
            return unit
        spelling = self._speller.slipped(word.word)
        if spelling is None or (is_written and spelling.documents <= _OFTEN * documents):
            return unit
        meant = Way((spelling.stem,), MEANT)
        if is_written:
            return replace(unit, ways=(*unit.ways, meant))
        instead.append((word, spelling.written))
        return replace(unit, ways=(meant, *(replace(way, counts=way.counts * DOUBTED) for way in unit.ways)))

    def _compounds(self, word: str) -> list[Way]:
        """The words that end with it, and begin with others."""
        stem = self._language.stem(word)
        short = len(word) < SHORTEST_IN_COMPOUND or len(stem) < SHORTEST_IN_COMPOUND - 1
        if short or not self._language.has_compounds:
            return []
        tails = self._searcher.terms_with_prefix(of("tail", self._locale), stem[::-1], limit=_COMPOUNDS_LOOKED_AT)
        least = len(stem) + SHORTEST_IN_COMPOUND - 1
        stems = [tail[::-1] for tail, _ in tails if len(tail) >= least]
        if len(word) < _LONG:
            # Of a Vollautomat none is a tomato: what stands before it are words, too.
            stems = [one for one in stems if self._language.begins_compound(one[: -len(stem)])]
        stems.sort(key=lambda one: (-self._frequencies.of_stem(one), one))
        return [Way((one,), IN_COMPOUND) for one in stems[:MOST_COMPOUNDS]]

    def _guessed(
        self, unit: Unit, apart: Sequence[str], instead: list[tuple[Word, str]], *, is_last: bool, ends_others: bool
    ) -> Unit:
        """The unit of a word that is not known with what it may have been meant to be: the beginning of a word, another
        spelling, two words, the end of others, or the beginning of a code. `apart` is what it is as several words,
        `ends_others` that words end with it as it is written."""
        [word] = unit.words
        if apart:
            return replace(unit, ways=(), phrase=tuple(apart))
        completions = self._completions(word.word) if is_last else {}
        spelled: Sequence[Way] = ()
        if not ends_others and len(completions) < _MANY:
            spelled = self._spelled(word, instead, _OFTEN * sum(completions.values()), told=not completions)
        # A word that others end with is a whole one: who wants a Lampe does not mean a Lampenschirm.
        begun = self._begun(completions, COMPLETED * DOUBTED if ends_others else COMPLETED)
        if not spelled and not begun and not is_last:
            begun = self._begun(self._completions(word.word), COMPLETED)
        ways = (*spelled, *begun)
        if not ways and not ends_others and self._language.has_compounds and (end := self._speller.ends(word.word)):
            instead.append((word, end))
            ways = tuple(self._compounds(fold(end)))
        if not ways and self._begins_code(word.word):
            return replace(unit, ways=(), code=word.word, code_is_begun=True)
        return replace(unit, ways=ways) if ways else unit

    def _begins_code(self, text: str) -> bool:
        return len(text) >= SHORTEST_CODE and finds(self._searcher, begins(self._schema, "code", text))

    def _apart(self, word: str) -> tuple[str, ...]:
        """Letters and digits, or initials, as the words that they are where these stand side by side: `16gb` is `16 GB`
        there, `jk` is `J. K.`"""
        runs = runs_of(word)
        may_be_initials = word.isalpha() and 1 < len(word) <= _MOST_INITIALS
        initials = word if may_be_initials and not self._frequencies.of_stem(self._language.stem(word)) else ""
        stems = tuple(map(self._language.stem, runs if len(runs) > 1 else initials))
        if not stems or not all(map(self._frequencies.of_stem, stems)):
            return ()
        side_by_side = tantivy.Query.phrase_query(self._schema, of("stems", self._locale), list(stems))
        return stems if finds(self._searcher, side_by_side) else ()

    def _spelled(self, word: Word, instead: list[tuple[Word, str]], least: int, *, told: bool) -> list[Way]:
        """A word of more than so many products that it is nearly, or else two that it is together."""
        spelling = self._speller.spell(word.word)
        if spelling and spelling.documents > least:
            ways, written = [Way((spelling.stem,), MEANT), *self._compounds(spelling.word)], spelling.written
        elif told and (parts := self._speller.split(word.word)):
            ways = [Way(tuple(map(self._language.stem, parts)), MEANT)]
            written = " ".join(map(self._speller.written, parts))
        else:
            return []
        if told:
            instead.append((word, written))
        return ways

    def _begun(self, completions: Mapping[str, int], counts: float) -> list[Way]:
        return [Way((stem,), counts) for stem in dict.fromkeys(map(self._language.stem, completions))]

    def _completions(self, word: str) -> Mapping[str, int]:
        """The most frequent words that begin so, and how many products have each."""
        return dict(self._searcher.terms_with_prefix(of("words", self._locale), word, limit=MOST_COMPLETIONS))
