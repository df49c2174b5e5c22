"""Every `make` and `stoa` line of the pages names a target, a command and options that exist."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator

import pytest
from docs.pages import PAGES, ROOT, blocks, inline_code, name

from stoa.cli.main import COMMANDS

TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
MAKE_VARIABLES = {"ARGS", "T", "N", "PYTHON"}


def shown() -> Iterator[tuple[str, str]]:
    """Page and command: of the blocks and of the sentences."""
    for page in PAGES:
        in_blocks = [line.removeprefix(".venv/bin/") for block in blocks(page, "console") for line in block.commands]
        in_scripts = [
            line.strip().removeprefix(".venv/bin/")
            for block in blocks(page, "sh")
            for line in block.text.splitlines()
            if line.strip().startswith((".venv/bin/stoa ", "make "))
        ]
        for command in (*in_blocks, *in_scripts, *inline_code(page)):
            if command.startswith(("make ", "stoa ")):
                yield name(page), command.removesuffix(" &").removesuffix(" …")


def parse(words: list[str]) -> argparse.Namespace:
    """As `stoa` itself does. Ends with status 2 for what does not exist."""
    module = importlib.import_module(COMMANDS[words[0]][0])
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(words[1:])


def must_exist(words: list[str], *, complete: bool) -> None:
    """A command on a line of its own is `complete`; a sentence may leave out what is required."""
    if words == ["--version"]:
        return
    assert words[0] in COMMANDS, f"there is no command {words[0]}"
    if len(words) > 1 or complete:
        parse(words)


@pytest.mark.parametrize(("page", "command"), sorted(set(shown())))
def test_what_is_shown_exists(page: str, command: str):
    tool, *words = shlex.split(command)
    if tool == "stoa":
        must_exist(words, complete=False)
        return
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    targets = [word for word in words if "=" not in word]
    assert settings.keys() <= MAKE_VARIABLES
    assert set(targets) <= TARGETS, f"the Makefile has no {set(targets) - TARGETS}"
    if targets in (["up"], ["doctor"]):
        must_exist([*targets, *shlex.split(settings.get("ARGS", ""))], complete=True)


def test_the_help_lists_the_targets_that_the_makefile_declares():
    declared = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert declared is not None
    assert set(declared[1].split()) == TARGETS
