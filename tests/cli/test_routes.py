"""`stoa routes`: every route of the API document, and who may."""

from __future__ import annotations

import pytest

from stoa.app import SERVICES
from stoa.cli.main import main
from stoa.cli.routes import routes_of


async def test_all_that_the_document_has(shop):
    async with shop.http.get("/api/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    listed = [route for service in SERVICES.values() for route in routes_of(service)]
    assert sorted((route.method, route.path.replace(":uuid", "")) for route in listed) == sorted(
        (method.upper(), path) for path, methods in paths.items() for method in methods if method != "parameters"
    )


def test_of_one_service(capsys: pytest.CaptureFixture[str]):
    assert main(["routes", "checkout"]) == 0
    head, *lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [cell.strip() for cell in head if cell] == ["method", "path", "who", "service", "repeat"]
    cells = [[cell.strip() for cell in line if cell] for line in lines]
    assert ["POST", "/orders", "anyone", "checkout", "own, required"] in cells
    assert {line[3] for line in cells} == {"checkout"}


def test_it_takes_no_option_that_it_does_not_use(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SystemExit):
        main(["routes", "--topology", "three-services"])
    assert "unrecognized arguments: --topology" in capsys.readouterr().err
    monkeypatch.setenv("STOA_GATEWAY_TRUSTED_PROXY", "10.0.0.0/8")
    assert main(["routes", "checkout"]) == 0
    assert "nothing reads STOA_GATEWAY_TRUSTED_PROXY (STOA_GATEWAY_TRUSTED_PROXIES?)" in capsys.readouterr().err
