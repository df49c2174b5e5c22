"""The databases that tests get: separate, and closed to every other service's role."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoa.testing import processes


async def test_each_database_is_its_own(database) -> None:
    one, other = await database("cart"), await database("cart")
    await one.execute("CREATE TABLE only_here (id int)")
    assert await other.fetchval("SELECT to_regclass('only_here')") is None
    assert await one.fetchval("SELECT current_user") == "stoa_cart"


def test_no_command_outlives_a_test_that_fails(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        processes.running(["postgres", "--data-dir", tmp_path], tmp_path / "log") as one,
    ):
        assert one.poll() is None
        raise ZeroDivisionError
    assert one.returncode is not None
