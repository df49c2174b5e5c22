"""Pictures for the demo shop, drawn here: a shape before a gradient, and each product always has the same.

Row by row, and written as PNG by hand: no library is loaded for it, and a picture takes some milliseconds.
"""

from __future__ import annotations

import colorsys
import hashlib
import math
import struct
import zlib
from collections.abc import Callable, Mapping

WIDTH, HEIGHT = 320, 320
_MIDDLE = WIDTH // 2

Color = tuple[int, int, int]
Span = Callable[[int], int]
"""How far to both sides of the middle a shape reaches in a row; 0 for not at all."""


def artwork(slug: str) -> bytes:
    """The picture of a product, as PNG."""
    dice = hashlib.sha256(slug.encode()).digest()
    hue = dice[0] / 256
    top, bottom, shape = (_color(hue + turn, share, light) for turn, share, light in _SHADES)
    span = list(_SHAPES.values())[dice[1] % len(_SHAPES)]
    rows = bytearray()
    for y in range(HEIGHT):
        behind = bytes(round(one + (other - one) * y / HEIGHT) for one, other in zip(top, bottom, strict=True))
        half = min(span(y), _MIDDLE)
        rows += b"\0" + behind * (_MIDDLE - half) + bytes(shape) * (2 * half) + behind * (WIDTH - _MIDDLE - half)
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    content = zlib.compress(bytes(rows), 1)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", content) + _chunk(b"IEND", b"")


_SHADES = ((0.0, 0.35, 0.93), (0.08, 0.45, 0.78), (0.52, 0.55, 0.42))
"""Of the gradient's top and bottom, and of the shape: how far on in hue, how colorful, how light."""


def _color(hue: float, saturation: float, light: float) -> Color:
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, light, saturation)
    return round(255 * red), round(255 * green), round(255 * blue)


def _round(y: int) -> int:
    return round(math.sqrt(max(0, 100**2 - (y - 160) ** 2)))


def _vase(y: int) -> int:
    return round(55 + 30 * math.sin((y - 70) / 30)) if 60 <= y < 265 else 0


def _tent(y: int) -> int:
    return (y - 55) // 2 if 55 <= y < 260 else 0


def _block(y: int) -> int:
    return 95 if 90 <= y < 235 else 0


def _hourglass(y: int) -> int:
    return 20 + abs(y - 160) * 3 // 4 if 60 <= y < 260 else 0


_SHAPES: Mapping[str, Span] = {
    "round": _round,
    "vase": _vase,
    "tent": _tent,
    "block": _block,
    "hourglass": _hourglass,
}


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
