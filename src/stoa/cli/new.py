"""Write the skeleton of a service, as a package of its own that joins a shop when it is installed beside Stoa.

It has a declaration, a proto file with what is generated from it, a migration, routes, an event and tests that pass.
Nothing is written where the folder is there already.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
import keyword
from importlib.resources.abc import Traversable
from pathlib import Path

from stoa.app import OURS
from stoa.cli.console import Console
from stoa.cli.contracts import check_tools, write
from stoa.kit import api
from stoa.kit.packages import is_name
from stoa.runtime.failure import Failure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=["service"], help="what to make: a service")
    parser.add_argument("name", help="lower-case letters and digits, as `giftwrap`")
    parser.add_argument("--into", type=Path, default=Path(), help="the folder to make it in; default: here")


async def run(arguments: argparse.Namespace, console: Console) -> None:
    name, folder = arguments.name, arguments.into / arguments.name
    if name in {each.name for each in OURS}:
        raise Failure(f"{name!r} cannot be the name of a new service: Stoa has one", "choose another")
    if not is_name(name) or keyword.iskeyword(name):
        mend = "take lower-case letters and digits, and no word of Python's"
        raise Failure(f"{name!r} cannot be the name of a new service", mend)
    check_tools()
    await asyncio.to_thread(_write, name, folder)
    console.say(f"{folder} is a service. Its tests: cd {folder} && pip install --editable . && python -m pytest")


def _write(name: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise Failure(f"{folder} is there already", "choose another name, or another folder with --into") from None
    _copy(importlib.resources.files("stoa.cli") / "skeleton", folder, name)
    write(folder / "proto", folder / "src", check=False)


def _copy(source: Traversable, target: Path, name: str) -> None:
    for each in source.iterdir():
        there = target / each.name.replace("NAME", name).removesuffix(".txt")
        if each.is_dir():
            there.mkdir()
            _copy(each, there, name)
        else:
            text = each.read_text(encoding="utf-8")
            for mark, value in {
                "%name%": name,
                "%Name%": name.title(),
                "%NAME%": name.upper(),
                "%api%": str(api.VERSION),
            }.items():
                text = text.replace(mark, value)
            there.write_text(text, encoding="utf-8")
