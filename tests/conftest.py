"""What all tests have: on a busy machine what is drawn at random may take its time, and statements can be counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of all databases of the test, while it lasts."""
    sent: list[str] = []

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: asyncpg.Connection, sql: str, *arguments: Any, **more: Any) -> Any:
            sent.append(" ".join(sql.split()))
            return run(self, sql, *arguments, **more)

        return method

    for name in ("fetch", "execute", "fetchrow", "fetchval"):
        monkeypatch.setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))
    return sent
