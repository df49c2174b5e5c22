"""Write requirements/*.txt, with hashes, from pyproject.toml; `--check` says, offline, whether they still fit it."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "run": ["pyproject.toml"],
    "dev": ["pyproject.toml", "--group", "dev"],
    # One environment has them all, so what stands in both has one version.
    "docs": ["--group", "docs", "--constraints", "requirements/dev.txt"],
}


def lock(upgrade: bool) -> None:
    for name, what in LOCKS.items():
        command = [sys.executable, "-m", "uv", "pip", "compile", *what]
        command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]
        # Nothing about where packages came from: that is for each machine to say.
        command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--upgrade"] if upgrade else []
        subprocess.run([*command, "-o", f"requirements/{name}.txt"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def complaints() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run = [Requirement(text) for text in project["project"]["dependencies"]]
    dev = [Requirement(text) for text in project["dependency-groups"]["dev"]]
    docs = [Requirement(text) for text in project["dependency-groups"]["docs"]]
    locked = {name: _pins(ROOT / "requirements" / f"{name}.txt") for name in LOCKS}
    wrong = [
        f"requirements/{name}.txt does not have {wanted}"
        for name, wishes in (("run", run), ("dev", [*run, *dev]), ("docs", docs))
        for wanted in wishes
        if not any(wanted.specifier.contains(pin) for pin in locked[name].get(canonicalize_name(wanted.name), ()))
    ]
    shared = [("run", name) for name in locked["run"]]
    shared += [("docs", name) for name in locked["docs"] if name in locked["dev"]]
    wrong += [
        f"{smaller}.txt and dev.txt differ in {name}"
        for smaller, name in shared
        if locked[smaller][name] != locked["dev"].get(name)
    ]
    return wrong


def _pins(file: Path) -> dict[str, set[str]]:
    """The versions of each package; several where a marker chooses."""
    pins: dict[str, set[str]] = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            name, _, rest = line.partition("==")
            pins.setdefault(canonicalize_name(name), set()).add(rest.split(" ")[0].rstrip(";\\"))
    return pins


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, exit 1 on a difference")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    arguments = parser.parse_args()
    if not arguments.check:
        lock(arguments.upgrade)
        return 0
    wrong = complaints()
    for line in wrong:
        print(f"{line}: run `make lock`")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
