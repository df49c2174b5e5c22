"""What the generators of pages under docs/ share: write the page, or say that the committed one is stale."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_or_check(name: str, text: str) -> int:
    """The exit status of a generator of docs/<name>; `--check` compares only."""
    return write_or_check_all({name: text})


def write_or_check_all(texts: Mapping[str, str]) -> int:
    """The same of a generator of several, by name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    pages = {ROOT / "docs" / name: text for name, text in texts.items()}
    if not parser.parse_args().check:
        for page, text in pages.items():
            page.write_text(text)
        return 0
    stale = [page for page, text in pages.items() if not page.exists() or page.read_text() != text]
    for page in stale:
        print(f"{page.relative_to(ROOT)} is not what the code says: run `make docs`")
    return 1 if stale else 0
