"""A flame graph as a small SVG, readable on white and on black, without scripts.

The width of a frame is how often it was seen; what it called stands on it. Frames too narrow to be seen are
left out. A pointer that rests on a frame gets its whole name and its share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

WIDTH = 1200.0
ROW = 17
TOP = 30
NARROWEST = 1.5
"""In pixels."""
LETTER = 6.4
"""About the width of one."""

# Who the code is of, by how its module begins: what is not listed is everybody else's.
OWNERS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("services", ("stoa/services/",), "#4C9BD0", "#1F5F8B"),
    ("contracts and channels", ("stoa/kit/channels", "stoa/contracts", "grpc", "google"), "#6BBF9C", "#23755A"),
    ("the rest of ours", ("stoa/",), "#8FC4E8", "#37536B"),
    ("asyncpg", ("asyncpg/",), "#F2A65A", "#8A4B08"),
    ("Python and others", ("",), "#CFCFCF", "#4A4A4A"),
)
STYLE = """
    text { font: 11px ui-monospace, Menlo, Consolas, monospace; fill: #1a1a1a; pointer-events: none }
    text.title { font: bold 13px system-ui, sans-serif }
    rect { stroke: #ffffff; stroke-width: 0.6 }
"""
DARK = "text { fill: #f0f0f0 } rect { stroke: #0d1117 }"


@dataclass
class _Frame:
    name: str
    count: int = 0
    calls: dict[str, _Frame] = field(default_factory=dict)


def draw(title: str, stacks: Mapping[tuple[str, ...], int]) -> str:
    """The picture of stacks, each with how often it was seen; frames are `module:function`, the outermost first."""
    root = _Frame("")
    for stack, count in stacks.items():
        root.count += count
        frame = root
        for name in stack:
            frame = frame.calls.setdefault(name, _Frame(name))
            frame.count += count
    boxes: list[tuple[float, int, _Frame]] = []
    _place(root, 0.0, 0, WIDTH / max(root.count, 1), boxes)
    rows = 1 + max((row for _, row, _ in boxes), default=0)
    height = TOP + rows * ROW + 26
    light = "".join(f".o{number} {{ fill: {owner[2]} }} " for number, owner in enumerate(OWNERS))
    dark = "".join(f".o{number} {{ fill: {owner[3]} }} " for number, owner in enumerate(OWNERS))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" width="{WIDTH:.0f}" '
        f'height="{height}" role="img">',
        f"<style>{STYLE}    {light}\n    @media (prefers-color-scheme: dark) {{ {DARK} {dark}}}\n</style>",
        f'<text class="title" x="4" y="18">{escape(title)}</text>',
    ]
    floor = TOP + (rows - 1) * ROW
    parts += [_box(x, floor - row * ROW, frame, root.count) for x, row, frame in boxes]
    parts += _legend(floor + ROW + 6)
    return "\n".join([*parts, "</svg>", ""])


def _place(frame: _Frame, x: float, row: int, scale: float, boxes: list[tuple[float, int, _Frame]]) -> None:
    """The largest first, so that the same stacks give the same picture whatever came when."""
    for call in sorted(frame.calls.values(), key=lambda each: (-each.count, each.name)):
        if call.count * scale >= NARROWEST:
            boxes.append((x, row, call))
            _place(call, x, row + 1, scale, boxes)
        x += call.count * scale


def _box(x: float, y: float, frame: _Frame, total: int) -> str:
    width = frame.count * WIDTH / total
    tip = escape(f"{frame.name.replace('/', '.')}, {frame.count / total:.1%}")
    box = f'<rect class="o{_owner(frame.name)}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW}"/>'
    fits = int((width - 4) / LETTER)
    label = _label(frame.name, fits)
    text = f'<text x="{x + 2:.1f}" y="{y + 12}">{escape(label[:fits])}</text>' if fits > 2 else ""
    return f"<g><title>{tip}</title>{box}{text}</g>"


def _label(name: str, fits: int) -> str:
    """As much of it as so many letters can say: what it is called comes before whose it is, and that before where."""
    module, _, function = name.replace(".<locals>", "").rpartition(":")
    whole = f"{module.rpartition('/')[2]}: {function}" if module else function
    said = (whole, function, function.rpartition(".")[2])
    return next((each for each in said if len(each) <= fits), said[-1])


def _owner(name: str) -> int:
    return next(number for number, owner in enumerate(OWNERS) if name.startswith(owner[1]))


def _legend(y: float) -> list[str]:
    parts, x = [], 4.0
    for number, owner in enumerate(OWNERS):
        parts.append(f'<rect class="o{number}" x="{x:.0f}" y="{y}" width="12" height="12"/>')
        parts.append(f'<text x="{x + 16:.0f}" y="{y + 10}">{owner[0]}</text>')
        x += 40 + len(owner[0]) * 7
    return parts
