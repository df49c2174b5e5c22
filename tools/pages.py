"""What the generators of pages under docs/ share: write the page, or say that the committed one is stale."""

from __future__ import annotations

import argparse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_or_check(name: str, text: str) -> int:
    """The exit status of a generator of docs/<name>; `--check` compares only."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    page = ROOT / "docs" / name
    if not parser.parse_args().check:
        page.write_text(text)
        return 0
    if page.exists() and page.read_text() == text:
        return 0
    print(f"docs/{name} is not what the code says: run `make docs`")
    return 1
