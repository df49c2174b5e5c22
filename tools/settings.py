"""Write docs/settings.md: every setting, its default and its reason, out of the settings classes."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pages import ROOT, write_or_check

HEAD = """\
# Settings

Generated from the settings classes by `make docs`. Everything has a default; a variable of the environment overrides
it. A value that cannot be used stops the start with one line that names the variable.
"""

# Read by the commands, before there is anything that a settings class could belong to.
COMMANDS = """\
## Commands

| variable | default | why |
|---|---|---|
| `STOA_DATA_DIR` | `.stoa` | `--data-dir`: where the database, the secrets and the first password are |
| `STOA_TOPOLOGY` | `all-in-one` | `--topology`: which services share a process |
| `STOA_DATABASE_URL` | the embedded server | `--database-url`: PostgreSQL ≥ 15, as one who may create databases |
| `STOA_NAME` | the data directory's, else `stoa` | `--name`: its databases and roles begin with it |
| `STOA_SECRET` | made once, in the data directory | all others come from it; for processes without a common folder |
| `STOA_<PROCESS>_HTTP`, `STOA_<PROCESS>_GRPC` | the topology's | `host:port` where a process is reached |
| `STOA_<PROCESS>_ADMIN` | the topology's | `host:port` where it listens for probes and metrics |
"""


class Setting(NamedTuple):
    variable: str
    default: str
    reason: str


def page() -> str:
    lines = [HEAD, COMMANDS]
    for title, prefix, file in _files():
        settings = list(_settings_in(file, prefix))
        if settings:
            lines += [f"## {title}", "", "| variable | default | why |", "|---|---|---|"]
            lines += [
                f"| `{each.variable}` | {each.default and f'`{each.default}`'} | {each.reason} |" for each in settings
            ]
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _files() -> Iterator[tuple[str, str, Path]]:
    source = ROOT / "src" / "stoa"
    yield "Processes", "STOA_", source / "runtime" / "settings.py"
    yield "gateway", "STOA_GATEWAY_", source / "edge" / "gateway" / "settings.py"
    for file in sorted((source / "services").glob("*/settings.py")):
        yield file.parent.name, f"STOA_{file.parent.name.upper()}_", file


def _settings_in(file: Path, prefix: str) -> Iterator[Setting]:
    """The fields of the file's settings class; the text under a field is its reason."""
    classes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef)]
    for node in classes:
        if not node.name.endswith("Settings"):
            continue
        for field, following in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                default = ast.unparse(field.value).strip("'") if field.value else "must be set"
                default = {"True": "true", "False": "false", "()": ""}.get(default, default)
                yield Setting(prefix + field.target.id.upper(), default, _text(following))


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(inspect.cleandoc(node.value.value).split()).replace("|", "\\|")
    return ""


if __name__ == "__main__":
    sys.exit(write_or_check("settings.md", page()))
