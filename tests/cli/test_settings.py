"""`stoa settings`: what each is, where that comes from, and nothing that is secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoa.cli import effective, variables
from stoa.cli.effective import HIDDEN, Effective
from stoa.cli.main import main

GIVEN = {
    "STOA_POOL_SIZE": "7",
    "STOA_GATEWAY_ALLOWED_ORIGINS": "https://a.example, https://b.example",
    "STOA_FORCE_GRPC": "True",
    "STOA_CART_GUEST_CART_DAYS": "none",
}


def all_of(environ: dict[str, str]) -> dict[str, Effective]:
    return {each.variable: each for _, settings in effective.sections(environ) for each in settings}


def test_every_setting_of_the_page_is_there_with_its_default() -> None:
    page = {each.variable: each.default for _, settings in variables.sections() for each in settings}
    found = all_of({})
    assert found.keys() == page.keys()
    assert {each.source for each in found.values()} == {"default"}
    assert not [each for each in found.values() if each.wrong]
    assert found["STOA_POOL_SIZE"].value == page["STOA_POOL_SIZE"]


def test_what_the_environment_says() -> None:
    found = all_of(GIVEN)
    assert {name: each[1:] for name, each in found.items() if each.source != "default"} == {
        "STOA_POOL_SIZE": ("7", "environment", ""),
        "STOA_GATEWAY_ALLOWED_ORIGINS": ("https://a.example,https://b.example", "environment", ""),
        "STOA_FORCE_GRPC": ("true", "environment", ""),
        "STOA_CART_GUEST_CART_DAYS": (
            "none",
            "environment",
            "STOA_CART_GUEST_CART_DAYS='none' cannot be used: Expected `int`, got `str`",
        ),
    }


def test_as_a_person_sees_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "STOA_SECRET": "a secret that nobody may see, ever",
        "STOA_DATABASE_URL": "postgresql://admin:hush@db.example:5432/postgres",
        "STOA_SHOP_HTTP": "127.0.0.1:9000",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert main(["settings", "--changed", "--data-dir", str(tmp_path / "none"), "--name", "market"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "commands",
        f"  STOA_DATA_DIR = {tmp_path / 'none'}  (option)",
        "  STOA_DATABASE_URL = db.example:5432  (environment)",
        "  STOA_NAME = market  (option)",
        f"  STOA_SECRET = {HIDDEN}  (environment)",
        "addresses",
        "  STOA_SHOP_HTTP = 127.0.0.1:9000  (environment)",
    ]
    assert not (tmp_path / "none").exists()


def test_one_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOA_POOL_SIZE", "0")
    assert main(["settings", "--data-dir", str(tmp_path / "none")]) == 1
    assert "STOA_POOL_SIZE='0' cannot be used: Expected `int` >= 1" in capsys.readouterr().out
