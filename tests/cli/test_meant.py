"""A name that is not there: the command says which was meant, where one is near."""

from __future__ import annotations

from pathlib import Path

import pytest

from stoa.cli.main import main
from stoa.kit.nearest import choose, nearest


@pytest.mark.parametrize(
    ("word", "found"),
    [("adut", "audit"), ("AUDIT", "audit"), ("au", "audit"), ("a", ""), ("", ""), ("xyzzy", ""), ("users", "user")],
)
def test_the_nearest(word: str, found: str) -> None:
    assert nearest(word, ["up", "audit", "user"]) == found


def test_with_nothing_near() -> None:
    assert choose("xyzzy", ["up", "audit"]) == "choose from up, audit"
    assert choose("pu", []) == "choose from "


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["adut"], "stoa: there is no command 'adut'; did you mean audit? choose from up, serve,"),
        (["audit", "--lok", "3"], "unrecognized arguments: --lok 3; did you mean --looks?"),
        (["audit", "--lok=3"], "unrecognized arguments: --lok=3; did you mean --looks?"),
        (["events", "tial"], "invalid choice: 'tial' (choose from 'tail', 'replay'); did you mean tail?"),
        (["events", "tail", "--subjekt=x"], "unrecognized arguments: --subjekt=x; did you mean --subject?"),
        (["acts", "--service", "ordr"], "; did you mean order?"),
        (["psql", "ordr"], "stoa: there is no service 'ordr'; did you mean order? choose from auth, campaign,"),
        (["routes", "katalog"], "stoa: there is no service 'katalog'; did you mean catalog? choose from auth,"),
        (
            ["up", "--topology", "three-service"],
            "stoa: there is no topology three-service; did you mean three-services? choose from all-in-one,",
        ),
        (
            ["serve", "--process", "gatway", "--topology", "three-services"],
            "stoa: topology three-services has no process gatway; did you mean gateway? choose from gateway, user,",
        ),
        (
            ["events", "tail", "--type", "order.place"],
            "stoa: no service announces 'order.place'; did you mean order.placed? choose from ",
        ),
    ],
)
def test_in_a_command(words: list[str], meant: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = [] if len(words) == 1 or words[0] == "routes" else ["--data-dir", str(tmp_path / "none")]
    try:
        status = main([*words[:1], *here, *words[1:]])
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status != 0
    assert meant in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "none").exists()
