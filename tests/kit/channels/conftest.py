from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.kit.channels.neighbor import Neighbor


@pytest.fixture(params=["in process", "wire"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def started(transport: str) -> AsyncIterator[Callable[[], Awaitable[Neighbor]]]:
    """Start a neighbor on the transport under test; all are stopped at the end."""
    neighbors: list[Neighbor] = []

    async def start() -> Neighbor:
        neighbor = Neighbor(transport)
        neighbors.append(neighbor)
        await neighbor.start()
        return neighbor

    yield start
    for neighbor in reversed(neighbors):
        await neighbor.close()


@pytest.fixture
async def neighbor(started: Callable[[], Awaitable[Neighbor]]) -> Neighbor:
    return await started()
