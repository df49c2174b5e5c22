"""An index of a test's own, and documents to put in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stoa.services.search.index.embedded import EmbeddedIndex, open_index


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[EmbeddedIndex]:
    """Empty, of two locales."""
    opened = await open_index(tmp_path / "index", ["en", "de"])
    yield opened
    await opened.close()
