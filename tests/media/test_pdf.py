"""A document that does something when it is opened is refused, one that only looks like it is taken."""

from __future__ import annotations

import random
from io import BytesIO

import pytest

from stoa.services.media.content import examine
from stoa.services.media.errors import PdfThatActs


def pdf(catalog: bytes, *, stream: bytes = b"") -> BytesIO:
    objects = b"1 0 obj <</Type /Catalog %b>> endobj\n2 0 obj <<>> stream\n%b\nendstream endobj\n" % (catalog, stream)
    return BytesIO(b"%PDF-1.7\n" + objects + b"trailer <</Root 1 0 R>>\n%%EOF\n")


@pytest.mark.parametrize(
    "harmless",
    [
        b"/OpenAction[1 0 R /XYZ null null 0]",
        b"/OpenAction 4 0 R",
        b"/OpenAction <</S /GoTo /D [1 0 R /Fit]>>",
        b"/OpenAction<</Type/Action/S/GoTo/D[1 0 R /Fit]>>",
        b"/Font <</AA 7 0 obj /JSON 1 /Names 3>>",
    ],
)
def test_a_document_that_says_where_to_begin_reading_is_taken(harmless):
    assert examine(pdf(harmless)).kind == "pdf"


def test_a_compressed_picture_in_which_short_names_stand_by_chance_is_no_action():
    dice = random.Random(8)
    pieces = [dice.randbytes(50) for _ in range(200)]
    assert examine(pdf(b"", stream=b"\x9b/AA\x80".join(pieces) + b"\x11/JS;/XFA\x9c".join(pieces))).kind == "pdf"


@pytest.mark.parametrize(
    ("acts", "named"),
    [
        (b"/OpenAction <</S /URI /URI (https://example.com)>>", "/OpenAction"),
        (b"/OpenAction<</Type/Action/S/GoToR/F(x.pdf)>>", "/OpenAction"),
        (b"/OpenAction <</S /JavaScript /JS (app.alert(1))>>", "/OpenAction"),
        (b"/AA <</O 3 0 R>>", "/AA"),
        (b"/AA 12 0 R", "/AA"),
        (b"/JS (app.alert(1))", "/JS"),
        (b"/JS\n9 0 R", "/JS"),
        (b"/JS<6170>", "/JS"),
        (b"/AcroForm <</XFA [(config) 9 0 R]>>", "/XFA"),
        (b"/Names <</JavaScript 5 0 R>>", "/JavaScript"),
        (b"/S /Launch", "/Launch"),
    ],
)
def test_a_document_that_acts_is_refused_wherever_it_says_so(acts, named):
    for before in (0, (1 << 20) - 130, (1 << 20) - 120, (1 << 20) - 100, (1 << 20) - 60):
        with pytest.raises(PdfThatActs, match=named):
            examine(pdf(b" " * before + acts))
