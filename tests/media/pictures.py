"""Pictures for tests: small, and each another."""

from __future__ import annotations

import io
import itertools
from typing import Any

from PIL import Image

_NUMBERS = itertools.count()


def image(width: int = 400, height: int = 300, mode: str = "RGB") -> Image.Image:
    """A gradient, whose upper left corner each has in another color."""
    number = next(_NUMBERS)
    made = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    made.paste((number * 37 % 256, number * 11 % 256, 77), (0, 0, 8, 8))
    return made.convert(mode)


def written(made: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    made.save(out, kind, **options)
    return out.getvalue()


def jpeg(width: int = 400, height: int = 300, **options: Any) -> bytes:
    return written(image(width, height), "JPEG", **options)


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))
