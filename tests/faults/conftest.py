"""The installation under attack, one per module. STOA_FAULT_SEED repeats a random run."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator

import pytest
from faults.installation import Installation


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with Installation(tmp_path_factory.mktemp("installation")) as installation:
        yield installation


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("STOA_FAULT_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"STOA_FAULT_SEED={seed}")  # pytest shows it where the test fails
    return random.Random(seed)
