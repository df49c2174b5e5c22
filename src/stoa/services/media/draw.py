"""The program that makes the pictures of one file, in a process of its own: `python -I draw.py '{"source": …}'`.

Bytes that a stranger has chosen are decoded here and nowhere else, so it is given little: no environment, no secret,
so much memory, so much computing. It imports nothing of ours, which keeps its start short, and whoever started it sees
to its time. It leaves its pictures and `answer.json` in a folder; without an answer it has not come to an end.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import io
import json
import os
import resource
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

_PR_SET_PDEATHSIG = 1
_MEGABYTE = 1024 * 1024
_LARGEST_FILE = 64 * _MEGABYTE
_PLACEHOLDER_WIDTH = 16
NO_ROOM = 28
"""The status of one that found the disk full, which is nobody's fault who has sent a file."""
WEBP = {"format": "WEBP", "quality": 80, "method": 4}
AVIF = {"format": "AVIF", "quality": 62, "speed": 8, "max_threads": 1}


class Rejected(Exception):
    """What is wrong with the file, in a sentence for whoever has uploaded it."""


def main() -> None:
    order = json.loads(sys.argv[1])
    _limit(order)
    try:
        _answer(order, Path(order["folder"]))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        sys.exit(NO_ROOM)


def _answer(order: dict[str, Any], folder: Path) -> None:
    try:
        answer = _draw(order, folder)
    except Rejected as rejected:
        answer = {"rejected": str(rejected)}
    except MemoryError:
        answer = {"rejected": "It takes more memory than a picture may."}
    unfinished = folder / "answer.unfinished"
    unfinished.write_text(json.dumps(answer))
    unfinished.rename(folder / "answer.json")


def _limit(order: dict[str, Any]) -> None:
    """What the process may have, before it has looked at anything; and its end with that of its parent."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != order["parent"]:
            sys.exit(1)
    os.nice(10)
    memory = order["megabytes"] * _MEGABYTE
    seconds = order["cpu_seconds"]
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    # At the first it is told by a signal of its own, at the second killed as by anybody.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _draw(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    # Not before the limits hold. Those that are not named here it would look for among all that there are.
    from PIL import AvifImagePlugin, Image, WebPImagePlugin  # noqa: F401, PLC0415

    Image.MAX_IMAGE_PIXELS = order["most_pixels"]
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    image, (width, height) = _opened(order)
    tag, focal = order["tag"], order["focal"]
    sizes = []
    for wide in sorted({min(each, image.width) for each in order["widths"]}):
        high = max(1, round(image.height * wide / image.width))
        _save(image.resize((wide, high), Image.Resampling.LANCZOS, reducing_gap=3.0), folder / f"{tag}-{wide}")
        sizes.append((wide, high))
    square = image.crop(_square(image.size, focal))
    squares = sorted({min(each, square.width) for each in order["squares"]})
    for side in squares:
        _save(square.resize((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0), folder / f"{tag}-square-{side}")
    return {
        "width": width,
        "height": height,
        "sizes": sizes,
        "squares": squares,
        "color": _color(image),
        "placeholder": _placeholder(square if not sizes else image),
    }


def _opened(order: dict[str, Any]) -> tuple[Any, tuple[int, int]]:
    """The picture as it is to be seen, in sRGB, and nothing else that came with it; and what its whole size is."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        image = Image.open(order["source"], formats=[order["kind"].upper()])
        if image.width * image.height > order["most_pixels"] or not image.width * image.height:
            _reject("It has too many pixels, or none.")
        largest = max(order["widths"], default=max(order["squares"]))
        # A JPEG is decoded no larger than it is needed, which takes a fraction of the memory and the time.
        full = image.size
        image.draft(image.mode, (largest, largest))
        image.load()
    except (Rejected, MemoryError):
        raise
    except Exception as error:
        _reject(f"It cannot be read: {_told(error)}")
    try:
        upright = ImageOps.exif_transpose(image)
    except MemoryError:
        raise
    except Exception:
        upright = image
    if upright.size != image.size:
        full = (full[1], full[0])
    shown = _flat(_in_srgb(upright))
    shown.info = {}
    return shown, full


def _in_srgb(image: Any) -> Any:
    """With the colors that its profile means. One that cannot be used is none."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "RGBA", "L", "CMYK"}:
        return image
    from PIL import ImageCms  # noqa: PLC0415

    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        plain = image.convert("RGB") if alpha is not None else image
        shown = ImageCms.profileToProfile(plain, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except MemoryError:
        raise
    except Exception:
        return image
    if alpha is not None and shown is not None:
        shown.putalpha(alpha)
    return shown


def _flat(image: Any) -> Any:
    """In eight bits of red, green and blue, with how opaque it is where it is not all."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    opaque = image.mode in {"1", "L", "RGB", "CMYK", "YCbCr", "LAB", "HSV"} and "transparency" not in image.info
    opaque = opaque or (image.mode == "P" and "transparency" not in image.info)
    image = image.convert("RGB" if opaque else "RGBA")
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    return image


def _square(size: tuple[int, int], focal: tuple[float, float]) -> tuple[int, int, int, int]:
    """The largest square around the focal point that is inside."""
    side = min(size)
    left, top = (
        min(max(round(at * length - side / 2), 0), length - side) for at, length in zip(focal, size, strict=True)
    )
    return left, top, left + side, top + side


def _save(image: Any, place: Path) -> None:
    image.save(f"{place}.webp", **WEBP)
    image.save(f"{place}.avif", **AVIF)


def _color(image: Any) -> str:
    from PIL import Image  # noqa: PLC0415

    small = image.convert("RGBA").resize((1, 1), Image.Resampling.BOX)
    white = Image.new("RGBA", (1, 1), "white")
    red, green, blue, _ = Image.alpha_composite(white, small).tobytes()
    return f"#{red:02x}{green:02x}{blue:02x}"


def _placeholder(image: Any) -> str:
    height = max(1, round(image.height * _PLACEHOLDER_WIDTH / image.width))
    written = io.BytesIO()
    image.resize((_PLACEHOLDER_WIDTH, min(height, 4 * _PLACEHOLDER_WIDTH))).save(
        written, format="WEBP", quality=30, method=6
    )
    return f"data:image/webp;base64,{base64.b64encode(written.getvalue()).decode()}"


def _told(error: Exception) -> str:
    """What a decoder says, without where the file is."""
    said = str(error).partition("\n")[0]
    return type(error).__name__ if "/" in said or not said else said[:200]


def _reject(why: str) -> NoReturn:
    raise Rejected(why)


if __name__ == "__main__":
    main()
