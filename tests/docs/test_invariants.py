"""docs/invariants.md names every comparison that the audit makes."""

from __future__ import annotations

import importlib
import re

from docs.pages import ROOT, table

from stoa.audit.audit import INVARIANTS

INVARIANTS_PAGE = ROOT / "docs" / "invariants.md"


def test_the_statements_and_where_they_are_checked():
    shown = table(INVARIANTS_PAGE, "| | statement | code |")
    assert shown == [
        [str(one.number), one.statement, f"audit/{one.check.__module__.rpartition('.')[2]}.py"] for one in INVARIANTS
    ]


def test_every_statement_of_sql_is_explained():
    section = INVARIANTS_PAGE.read_text().split("## What each compares")[1].split("## ")[0]
    for paragraph, one in zip(section.split("\n**")[1:], INVARIANTS, strict=True):
        module = importlib.import_module(one.check.__module__)
        statements = {name for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}
        assert paragraph.startswith(f"{one.number}, ")
        assert set(re.findall(r"`([A-Z_]+)`", paragraph)) == statements
