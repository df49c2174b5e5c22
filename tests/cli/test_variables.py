"""A variable that nothing reads is told, with the nearest that is; a shop that has it runs all the same."""

from __future__ import annotations

import re

import pytest
from docs.pages import ROOT

from stoa.cli.variables import of_others, told, told_of_others, unknown
from stoa.runtime import topology as topologies


def test_every_variable_on_the_page_of_settings_is_known() -> None:
    names = set(re.findall(r"`(STOA_\w+)`", (ROOT / "docs" / "settings.md").read_text()))
    assert len(names) > 50
    assert unknown(dict.fromkeys(names, "1"), "all-in-one") == {}


def test_the_addresses_of_every_process_are_known() -> None:
    processes = [plan.name for name in topologies.packaged() for plan in topologies.load(name, {}).processes]
    names = [topologies.variable_of(name, kind) for name in processes for kind in ("http", "admin", "grpc")]
    assert unknown(dict.fromkeys(names, "x:1"), "all-in-one") == {}
    assert unknown({"STOA_KITCHEN_HTTP": "x:1"}, "all-in-one") != {}


def test_those_of_a_topology_of_ones_own_are_known(tmp_path) -> None:
    own = tmp_path / "own.toml"
    text = (ROOT / "src" / "stoa" / "topologies" / "all-in-one.toml").read_text()
    own.write_text(text.replace("[process.shop]", "[process.kitchen]"))
    assert unknown({"STOA_KITCHEN_HTTP": "x:1"}, str(own)) == {}
    own.write_bytes(b"\xff")
    assert list(unknown({"STOA_KITCHEN_HTTP": "x:1"}, str(own))) == ["STOA_KITCHEN_HTTP"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("STOA_POOLSIZE", "STOA_POOL_SIZE"),
        ("STOA_CART_GUST_CART_DAYS", "STOA_CART_GUEST_CART_DAYS"),
        ("STOA_GATEWAY_TRUSTED_PROXY", "STOA_GATEWAY_TRUSTED_PROXIES"),
        ("STOA_SECRETS", "STOA_SECRET"),
        ("STOA_ORDR_HTTP", "STOA_ORDER_HTTP"),
        ("STOA_XYZZY_PLUGH_QUUX", ""),
    ],
)
def test_a_misspelled_one_is_told_with_the_nearest(name: str, nearest: str) -> None:
    assert unknown({name: "1", "PATH": "/bin", "STOA_POOL_SIZE": "4"}, "all-in-one") == {name: nearest}


def test_what_a_cluster_gives_every_container_is_not_told() -> None:
    given = {
        "STOA_ORDER_SERVICE_HOST": "10.0.0.1",
        "STOA_ORDER_SERVICE_PORT": "4003",
        "STOA_ORDER_SERVICE_PORT_GRPC": "4053",
        "STOA_ORDER_PORT": "tcp://10.0.0.1:4003",
        "STOA_ORDER_PORT_4003_TCP": "tcp://10.0.0.1:4003",
        "STOA_ORDER_PORT_4003_TCP_ADDR": "10.0.0.1",
        "STOA_SERVICE_HOST": "10.0.0.2",
        "STOA_PORT": "tcp://10.0.0.2:80",
    }
    assert unknown(given, "all-in-one") == {}
    assert list(unknown({"STOA_PORT": "8080"}, "all-in-one")) == ["STOA_PORT"]


def test_they_are_told_in_one_line() -> None:
    assert told({"STOA_POOLSIZE": "STOA_POOL_SIZE", "STOA_XYZZY": ""}) == (
        "nothing reads STOA_POOLSIZE (STOA_POOL_SIZE?), STOA_XYZZY"
    )


def test_the_address_of_a_process_that_another_topology_has_is_told() -> None:
    environ = {
        "STOA_ORDER_HTTP": "order.shop.svc:4003",
        "STOA_ORDER_SERVICE_HOST": "10.0.0.1",
        "STOA_USER_GRPC": "",
        "STOA_SHOP_HTTP": "127.0.0.1:8080",
        "STOA_SHOP_GRPC": "127.0.0.1:8082",
        "STOA_POOL_SIZE": "4",
    }
    assert unknown(environ, "all-in-one") == {}
    assert of_others(environ, "all-in-one") == ["STOA_ORDER_HTTP", "STOA_SHOP_GRPC"]
    assert of_others(environ, "three-services") == ["STOA_SHOP_GRPC", "STOA_SHOP_HTTP"]
    assert of_others(environ, "no-such-topology") == []
    assert told_of_others(["STOA_ORDER_HTTP", "STOA_SHOP_GRPC"], "all-in-one") == (
        "topology all-in-one has nothing for STOA_ORDER_HTTP, STOA_SHOP_GRPC to be the address of"
    )
