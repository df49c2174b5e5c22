"""A file of products, and a product of very many variants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.catalog import ACTS, Act, Catalog
from bench.page import Target, ms, table


def targets(catalog: Catalog) -> Iterator[Target]:
    fewest, most = min(catalog.acts), max(catalog.acts)
    yield Target(
        f"Statements to add, change and read a product of {most:,} variants",
        _statements(catalog.acts[most]),
        f"of one with {fewest}: {_statements(catalog.acts[fewest])}",
        "the same",
        _statements(catalog.acts[most]) == _statements(catalog.acts[fewest]),
    )


def section(catalog: Catalog) -> Iterator[str]:
    imported = catalog.imported
    yield "## Catalog"
    yield (
        f"`stoa import products FILE` brings {imported.rows:,} products in {imported.seconds:,.0f} s, from its start "
        f"to its end, beside a shop that runs: {imported.rows / imported.seconds:,.0f} rows a second. The "
        f"{imported.copied:,} rows of tables that catalog then has take the database alone, copied in with nothing "
        f"decided or checked, {imported.copied_seconds:,.1f} s: "
        f"{imported.rows / imported.copied_seconds:,.0f} products a second, of which the import reaches "
        f"{imported.copied_seconds / imported.seconds:.0%}."
    )
    yield "A product through the gateway, by how many variants it has; the statements are those in catalog's database."
    head = ("variants", *(f"{name}, {figure}" for name in ACTS for figure in ("statements", "ms")))
    yield table(
        head,
        [
            (
                f"{variants:,}",
                *(cell for name in ACTS for cell in (f"{acts[name].statements}", ms(acts[name].seconds))),
            )
            for variants, acts in catalog.acts.items()
        ],
    )


def _statements(acts: Mapping[str, Act]) -> str:
    return ", ".join(str(acts[name].statements) for name in ACTS)
