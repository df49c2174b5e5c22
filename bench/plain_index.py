"""The same goods in a plain tantivy index, and the same words asked of it: what the library alone would take.

Names and descriptions with English stems, brand and category to be counted; all words must match, the best twenty are
shown. Nothing of ours is in it: no document of a product, no versions, no spelling, no ties, no highlights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import tantivy

from bench import assortment
from bench.assortment import Asked
from bench.load import quantile

MEMORY_BYTES = 128_000_000
COUNTED = {name: {"terms": {"field": name, "size": 50}} for name in ("brand", "category")}


def measure(
    folder: Path, count: int, asked: Sequence[Asked]
) -> tuple[tuple[float, int], list[tuple[float, float] | None]]:
    """Seconds to make it and its bytes; of each kind of question that it understands the median and the 99th in a
    hundred, in seconds."""
    folder.mkdir()
    started = time.perf_counter()
    index = _made(folder, count)
    seconds = time.perf_counter() - started
    searcher = index.searcher()
    found = [_asked(index, searcher, each) if each.plain else None for each in asked]
    return (seconds, sum(each.stat().st_size for each in folder.iterdir())), found


def _made(folder: Path, count: int) -> tantivy.Index:
    builder = tantivy.SchemaBuilder()
    for name in ("name", "description"):
        builder.add_text_field(name, stored=True, tokenizer_name="en_stem")
    for name in ("brand", "category"):
        builder.add_text_field(name, fast=True, tokenizer_name="raw")
    index = tantivy.Index(builder.build(), str(folder))
    writer = index.writer(MEMORY_BYTES, 1)
    for one in assortment.goods(count):
        writer.add_document(
            tantivy.Document(
                name=one.name, description=one.description, brand=str(one.brand), category=str(one.category)
            )
        )
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def _asked(index: tantivy.Index, searcher: tantivy.Searcher, asked: Asked) -> tuple[float, float]:
    took = []
    for each in asked.parameters:
        started = time.perf_counter()
        words = " ".join(f"+{word}" for word in each["q"].split())
        query = index.parse_query(words, ["name", "description"])
        for _, at in searcher.search(query, int(each["limit"])).hits:
            searcher.doc(at)
        searcher.aggregate(query, COUNTED)
        took.append(time.perf_counter() - started)
    return quantile(took, 0.5), quantile(took, 0.99)
