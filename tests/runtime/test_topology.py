"""Topologies: those that come with Stoa can run, and one that cannot is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoa.app import SERVICES
from stoa.runtime import topology
from stoa.runtime.failure import Failure
from stoa.runtime.topology import Address

ALL = str(list(SERVICES)).replace("'", '"')
GOOD = f"""
summary = "a door and the rest"
[process.door]
gateway = true
services = []
http = 3000
admin = 3001
grpc = 3050
[process.the-rest]
services = {ALL}
http = 4000
admin = 4001
grpc = 4050
"""


@pytest.mark.parametrize("name", topology.packaged())
def test_each_packaged_topology_runs_every_service_once(name: str) -> None:
    loaded = topology.load(name, {})
    assert sorted(service for plan in loaded.processes for service in plan.services) == sorted(SERVICES)
    assert loaded.gateway.gateway


def test_the_environment_says_where_a_process_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD)
    environ = {"STOA_THE_REST_GRPC": "rest.svc:50", "STOA_DOOR_HTTP": "door.svc:80"}
    loaded = topology.load(str(file), environ, port=8443)
    assert loaded.home_of("cart").grpc == Address("rest.svc", 50)
    assert loaded.home_of("cart").http == Address("127.0.0.1", 4000)
    assert loaded.gateway.http == Address("door.svc", 8443)
    assert loaded.gateway.admin == Address("127.0.0.1", 8444)
    assert loaded.home_of("cart").admin == Address("127.0.0.1", 4001)
    loaded = topology.load(str(file), {"STOA_DOOR_ADMIN": "0.0.0.0:9100"}, port=8443)
    assert loaded.gateway.admin == Address("0.0.0.0", 9100)


@pytest.mark.parametrize(
    ("change", "by", "wrong"),
    [
        ('"auth", ', "", "service auth is in no process"),
        ('"auth", ', '"auth", "auth", ', "service auth is in 2 processes"),
        ('"auth", ', '"auth", "yachts", ', "there is no service yachts"),
        ("gateway = true", "gateway = false", "0 processes are the gateway, and it takes one"),
        ("grpc = 4050", "", "process the-rest needs a grpc port"),
        ("grpc = 4050", "grpc = 3000", "127.0.0.1:3000 is given to 2 servers"),
        ("admin = 4001", "", "cannot be read: Object missing required field `admin`"),
        ("admin = 4001", "admin = 3000", "127.0.0.1:3000 is given to 2 servers"),
        ("http = 4000", "http = 70000", "cannot be read: Expected `int` <= 65535"),
        ("http = 4000", "https = 4000", "cannot be read: Object contains unknown field `https`"),
        ("[process.door]", "[process.door", "cannot be read"),
    ],
)
def test_what_cannot_run_is_refused_in_one_line(tmp_path: Path, change: str, by: str, wrong: str) -> None:
    file = tmp_path / "mine.toml"
    assert change in GOOD
    file.write_text(GOOD.replace(change, by, 1))
    with pytest.raises(Failure) as failure:
        topology.load(str(file), {})
    assert wrong in str(failure.value)
    assert "\n" not in str(failure.value)


def test_what_no_process_names_joins_its_neighbor(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD.replace(ALL, '["catalog", "auth"]').replace("services = []", 'services = ["order"]'))
    loaded = topology.load(str(file), {})
    homes = {service: plan.name for plan in loaded.processes for service in plan.services}
    assert homes.keys() == SERVICES.keys()
    for service in SERVICES.values():
        if service.name not in {"catalog", "auth", "order"}:
            assert homes[service.name] == homes[str(service.beside)]


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        Failure, match="there is no topology round; choose from all-in-one, event-driven, one-per-service, "
    ):
        topology.load("round", {})


@pytest.mark.parametrize("text", ["4000", "host:", ":4000", "host:port", "host:0"])
def test_an_address_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(Failure, match="is not an address; write it as host:port"):
        topology.load("three-services", {"STOA_USER_HTTP": text})
