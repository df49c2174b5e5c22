"""Write docs/settings.md: every setting, its default and its reason, out of the settings classes."""

from __future__ import annotations

import sys

from pages import write_or_check

from stoa.app import OURS
from stoa.cli.variables import Setting, sections

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
| `STOA_<SERVICE>_DATABASE_URL` | derived | a service's own: `postgresql://stoa_order:…@host/stoa_order` |
| `STOA_RPC_SECRET`, `STOA_EDGE_SECRET` | derived | what processes show each other, where not all get `STOA_SECRET` |
| `STOA_VISITORS_SECRET` | derived | the proof in guests' visitor ids; only the gateway's |
| `STOA_<PROCESS>_HTTP`, `STOA_<PROCESS>_GRPC` | the topology's | `host:port` where a process is reached |
| `STOA_<PROCESS>_ADMIN` | the topology's | `host:port` where it listens for probes and metrics |
"""


def page() -> str:
    lines = [HEAD, COMMANDS]
    for title, settings in sections({each.name: each for each in OURS}):
        if settings:
            lines += [f"## {title}", "", "| variable | default | why |", "|---|---|---|"]
            lines += [f"| `{each.variable}` | {default_of(each)} | {each.why} |" for each in settings]
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def default_of(setting: Setting) -> str:
    """As a cell of a table."""
    default = setting.default and f"`{setting.default}`"
    return f"`{setting.shared}`, else {default}" if setting.shared else default


if __name__ == "__main__":
    sys.exit(write_or_check("settings.md", page()))
