"""The files of a shop's own folder that go before ours of the same names."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from stoa.kit.nearest import nearest
from stoa.kit.problems import first_line
from stoa.kit.settings import BadSetting

FOLDERS = ("mails", "pages")
"""Those of the shop's folder that we read. A service of a package may have one by its own name."""

LARGEST_BYTES = 1024 * 1024
"""A mail or a page of ours has a hundredth of it."""


def check(folder: Path, services: Collection[str]) -> None:
    """Raises `BadSetting` for a folder in the shop's that nobody would read."""
    known = (*FOLDERS, *services)
    for each in sorted(folder.iterdir()):
        if each.is_dir() and each.name not in known and not each.name.startswith("."):
            near = nearest(each.name, known)
            raise BadSetting(f"{each} is read by nobody{f': {near}?' if near else ''}")


def read(folder: Path, ours: Collection[str], kind: str) -> dict[str, str]:
    """What lies in the folder, by name; nothing where there is no folder. `kind` is what ours are called.

    Raises `BadSetting` for what has no name of ours, is no text, or is too large to be meant.
    """
    found = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if file.name not in ours:
            near = nearest(file.name, ours)
            raise BadSetting(f"{file} is no {kind} of ours{f': {near}?' if near else ''}")
        try:
            with file.open("rb") as opened:
                content = opened.read(LARGEST_BYTES + 1)
            if len(content) > LARGEST_BYTES:
                raise BadSetting(f"{file} has more than {LARGEST_BYTES:,} bytes")
            found[file.name] = content.decode()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"{file} cannot be read: {first_line(error)}") from None
    return found
