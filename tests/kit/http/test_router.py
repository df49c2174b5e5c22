"""A path finds its route whatever the order of declarations, and a strange spelling finds none."""

from __future__ import annotations

import itertools
import re

import pytest

from stoa.kit.http.router import Router, decode_segments
from stoa.kit.http.routes import PUBLIC, Routes, segments_of

ID = "01928f3e-7c2a-7b51-9d2e-1a2b3c4d5e6f"
PATHS = ("/orders", "/orders/mine", "/orders/{order_id:uuid}", "/orders/{number}", "/orders/{order_id:uuid}/cancel")


@pytest.mark.parametrize("order", list(itertools.permutations(PATHS)))
def test_the_most_exact_route_answers(order):
    router: Router[str] = Router()
    for path in order:
        router.add("GET", segments_of(path), path)
    found = {
        target: router.match("GET", decode_segments(target) or [])
        for target in ("/orders", "/orders/mine", f"/orders/{ID}", "/orders/S-1000", f"/orders/{ID}/cancel")
    }
    assert found == {
        "/orders": ("/orders", {}),
        "/orders/mine": ("/orders/mine", {}),
        f"/orders/{ID}": ("/orders/{order_id:uuid}", {"order_id": ID}),
        "/orders/S-1000": ("/orders/{number}", {"number": "S-1000"}),
        f"/orders/{ID}/cancel": ("/orders/{order_id:uuid}/cancel", {"order_id": ID}),
    }
    assert router.match("GET", ["orders", "S-1000", "cancel"]) is None


def test_methods_are_found_across_routes_that_a_path_fits():
    router: Router[str] = Router()
    router.add("GET", segments_of("/cart/{ref}"), "show")
    router.add("PUT", segments_of("/cart/{cart_id:uuid}"), "replace")
    assert router.match("GET", ["cart", ID]) == ("show", {"ref": ID})
    assert router.match("PUT", ["cart", ID.upper()]) == ("replace", {"cart_id": ID})
    assert router.match("PUT", ["cart", "me"]) is None
    assert router.found(["cart", ID]) == {"GET": "show", "PUT": "replace"}
    assert router.found(["cart", "me"]) == {"GET": "show"}
    assert router.found(["nothing"]) == {}


def test_an_id_that_is_none_is_told_from_a_path_that_nobody_has():
    router: Router[str] = Router()
    router.add("GET", segments_of("/orders/{number}/parcels/{parcel_id:uuid}"), "parcel")
    router.add("DELETE", segments_of("/alerts/{alert_id:uuid}"), "stop")
    nothing = router.nothing_at(["orders", "S-1", "parcels", "zzz"])
    assert (nothing.status, nothing.type, nothing.field) == (404, "/problems/no-such-id", "parcel_id")
    assert router.nothing_at(["alerts", ID[:-1]]).field == "alert_id"
    for elsewhere in (["orders", "S-1", "parcel", "zzz"], ["alerts"], ["alerts", "zzz", "more"], [], None):
        assert router.nothing_at(elsewhere).type == "/problems/no-such-path"


def test_two_routes_at_one_place_are_refused():
    router: Router[str] = Router()
    router.add("GET", segments_of("/a/{one}"), "first")
    with pytest.raises(ValueError, match="two routes answer GET"):
        router.add("GET", segments_of("/a/{other}"), "second")


@pytest.mark.parametrize(
    ("raw_path", "segments"),
    [
        ("/a/b", ["a", "b"]),
        ("/a/b%2Fc", ["a", "b/c"]),
        ("/a/%C3%A9", ["a", "é"]),
        ("/a/b%20c", ["a", "b c"]),
        ("", None),
        ("a", None),
        ("/", None),
        ("/a/", None),
        ("//a", None),
        ("/a//b", None),
        ("/a/./b", None),
        ("/a/../b", None),
        ("/a/%2e%2e/b", None),
        ("/a/%2E/b", None),
        ("/a/%00", None),
        ("/a/b%0d%0aX", None),
        ("/a/%ff", None),
        ("/a/%C0%AE", None),
        ("/a/" + "x" * 301, None),
    ],
)
def test_only_plain_spellings_are_paths(raw_path, segments):
    assert decode_segments(raw_path) == segments


@pytest.mark.parametrize("path", ["orders", "/orders/", "/orders/{Id}", "/a/{x}/{x}", "/a/b c", "/a/{x:int}", "/a/*"])
def test_a_path_that_could_not_be_matched_exactly_is_refused(path):
    with pytest.raises(ValueError):
        segments_of(path)


@pytest.mark.parametrize(
    ("path", "also", "wrong"),
    [
        ("/a/{ref}", ["/b/{ref}", "/taken"], "GET /taken is declared twice"),
        ("/a/{ref}", ["/b/{name}"], "there is no parameter 'ref' in /b/{name}"),
    ],
)
def test_an_alias_is_held_to_the_same(path, also, wrong):
    routes: Routes[None] = Routes("shop")
    routes.get("/taken", who=PUBLIC)(_nothing)
    with pytest.raises(ValueError, match=re.escape(wrong)):
        routes.get(path, also=also, who=PUBLIC, capability="ref")
    assert [route.path for route in routes.bind(None).routes] == ["/taken"]


async def _nothing(_target, _request):
    return None
