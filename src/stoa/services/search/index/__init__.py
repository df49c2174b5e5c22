"""The index that is embedded in the process: `stoa.ports.search` on tantivy, in a folder.

It knows nothing of databases, events or HTTP. `docs/algorithms/search.md` says how it works; by file:

* `embedded.py` is the port, and the threads; `folder.py` the files; `generation.py` one index that is open;
* `fields.py` is what a document becomes, with `words.py`; `writing.py` puts it in, the newest version only;
* `reading.py` reads what a shopper wrote, `understanding.py` finds what that means here, with `spelling.py`,
  `matching.py` makes it a query of tantivy's, and `searching.py` tries them one after another;
* `filters.py`, `facets.py`, `paging.py`, `highlights.py` and `suggesting.py` are what they are called;
* `variants.py` is what variants unite, and `together.py` what asks for it;
* `best.py`, `counting.py` and `names.py` know what spares work where there are very many products.
"""
