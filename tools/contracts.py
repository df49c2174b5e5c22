"""Generate src/stoa/contracts from proto/; `--check` fails when what is committed is not what would be made."""

from __future__ import annotations

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from stoa.cli.contracts import compile_protos

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
CONTRACTS = ROOT / "src" / "stoa" / "contracts"
DOCSTRING = '"""The contracts between services, generated from proto/ by `make contracts`: not edited by hand."""\n'


def generate(into: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        compile_protos(PROTO, FileDescriptorSet(), Path(scratch))
        shutil.rmtree(into, ignore_errors=True)
        shutil.copytree(Path(scratch) / "stoa", into)
    for folder in (into, *(path for path in into.rglob("*") if path.is_dir())):
        (folder / "__init__.py").write_text(DOCSTRING)


def differing(made: Path, committed: Path) -> list[str]:
    wanted = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    there = {
        str(path.relative_to(committed))
        for path in committed.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    same = {name for name in wanted & there if filecmp.cmp(made / name, committed / name, shallow=False)}
    return sorted((wanted | there) - same)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only, exit 1 on a difference")
    if not parser.parse_args().check:
        generate(CONTRACTS)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / "contracts"
        generate(made)
        stale = differing(made, CONTRACTS)
    for name in stale:
        print(f"src/stoa/contracts/{name} is not what proto/ says: run `make contracts`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
