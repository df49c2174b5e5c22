"""What a caller may send in an address is said of each parameter, in the description of the API."""

from __future__ import annotations

import importlib

import msgspec
import pytest

from stoa.app import SERVICES
from stoa.kit.http.openapi import openapi
from stoa.kit.http.routes import BoundRoutes
from stoa.kit.http.schemas import about_members


def bound(service: str) -> BoundRoutes:
    return importlib.import_module(f"stoa.services.{service}.routes").routes.bind(None)  # type: ignore[no-any-return]


@pytest.mark.parametrize("service", SERVICES)
def test_every_parameter_has_a_description(service: str) -> None:
    paths = openapi([bound(service)], "/api/v1")["paths"]
    parameters = [
        (method, path, each)
        for path, operations in paths.items()
        for method, operation in operations.items()
        for each in operation.get("parameters", ())
    ]
    assert parameters
    assert [(method, path, each["name"]) for method, path, each in parameters if not each.get("description")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_described_that_is_not_there(service: str) -> None:
    queries = {route.query for route in bound(service).routes if route.query is not None}
    for query in queries:
        assert about_members(query).keys() <= {each.encode_name for each in msgspec.structs.fields(query)}, query
    named = {segment.text for route in bound(service).routes for segment in route.segments if segment.parameter}
    assert {name for route in bound(service).routes for name in route.about} <= named
