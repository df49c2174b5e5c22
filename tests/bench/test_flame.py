"""Stacks become a picture."""

from __future__ import annotations

from xml.etree import ElementTree

from bench import flame, flame_svg

RAW = """\
main (stoa/cli/main.py:9);Runner.run (asyncio/runners.py:118);run (asyncpg/pool.py:3);fetch (asyncpg/pool.py:70) 30
main (stoa/cli/main.py:9);Runner.run (asyncio/runners.py:118);run (asyncpg/pool.py:4);fetch (asyncpg/pool.py:71) 8
main (stoa/cli/main.py:9);Runner.run (asyncio/runners.py:118) 2
main (stoa/cli/main.py:9);Runner.run (asyncio/runners.py:118);place (/y/src/stoa/services/order/place_order.py:1) 59
<genexpr> (/usr/lib/python3.11/json/encoder.py:2) 1
"""
SVG = "{http://www.w3.org/2000/svg}"


def test_stacks_are_joined_whatever_the_line_and_what_runs_the_loop_is_left_out():
    assert flame.read(RAW) == {
        ("asyncpg/pool:run", "asyncpg/pool:fetch"): 38,
        ("the event loop",): 2,
        ("stoa/services/order/place_order:place",): 59,
        ("python3.11/json/encoder:<genexpr>",): 1,
    }


def test_a_frame_is_as_wide_as_it_was_seen_often():
    picture = ElementTree.fromstring(flame_svg.draw("Title & more", flame.read(RAW)))
    boxes = {
        group.findtext(f"{SVG}title"): float(group.find(f"{SVG}rect").get("width")) for group in picture.iter(f"{SVG}g")
    }
    assert boxes == {
        "stoa.services.order.place_order:place, 59.0%": 708.0,
        "asyncpg.pool:run, 38.0%": 456.0,
        "asyncpg.pool:fetch, 38.0%": 456.0,
        "the event loop, 2.0%": 24.0,
        "python3.11.json.encoder:<genexpr>, 1.0%": 12.0,
    }
    assert "prefers-color-scheme: dark" in picture.findtext(f"{SVG}style")


def test_what_is_too_narrow_is_left_out_and_the_picture_is_the_same_for_the_same_stacks():
    stacks = {("a:a",): 10_000, ("b:b",): 1}
    drawn = flame_svg.draw("", stacks)
    assert "b:b" not in drawn
    assert drawn == flame_svg.draw("", dict(reversed(stacks.items())))


def test_a_frame_says_as_much_as_fits():
    stacks = {("stoa/kit/relay:Relay._lane",): 80, ("stoa/kit/inbox:Inbox._run",): 12, ("asyncpg/pool:Pool.fetch",): 8}
    texts = [each.text for each in ElementTree.fromstring(flame_svg.draw("", stacks)).iter(f"{SVG}text")]
    assert texts[1:4] == ["relay: Relay._lane", "inbox: Inbox._run", "Pool.fetch"]
