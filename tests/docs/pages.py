"""The pages of the documentation as data: their blocks, links, inline code and tables."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `sh` is run as it stands, `console` shows commands one by one, with comments after a `#`."""

    page: Path
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        lines = (line.partition("  #")[0].strip() for line in self.text.splitlines())
        return [line for line in lines if line]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[Block]:
    found = [Block(page, language, textwrap.dedent(text)) for language, text in _FENCE.findall(page.read_text())]
    return [block for block in found if block.language in languages]


def prose(page: Path) -> str:
    """Without the fenced blocks."""
    return _FENCE.sub("", page.read_text())


def inline_code(page: Path) -> list[str]:
    return _INLINE.findall(prose(page))


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def table(page: Path, header: str) -> list[list[str]]:
    """The cells of the table under `header`, without backticks."""
    rows = page.read_text().split(f"\n{header}\n")[1].split("\n\n", maxsplit=1)[0].splitlines()[1:]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]
