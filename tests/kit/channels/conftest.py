from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.kit.channels.neighbour import Neighbour


@pytest.fixture(params=["in process", "wire"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def started(transport: str) -> AsyncIterator[Callable[[], Awaitable[Neighbour]]]:
    """Start a neighbour on the transport under test; all are stopped at the end."""
    neighbours: list[Neighbour] = []

    async def start() -> Neighbour:
        neighbour = Neighbour(transport)
        neighbours.append(neighbour)
        await neighbour.start()
        return neighbour

    yield start
    for neighbour in reversed(neighbours):
        await neighbour.close()


@pytest.fixture
async def neighbour(started: Callable[[], Awaitable[Neighbour]]) -> Neighbour:
    return await started()
