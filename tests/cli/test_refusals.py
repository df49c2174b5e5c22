"""Whatever a command is told, wherever it stands: one line says what is wrong and how to mend it, and no traceback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stoa.app import SERVICES
from stoa.cli.main import COMMANDS, main
from stoa.runtime import provision
from stoa.runtime.access import Access, place_of
from stoa.runtime.secrets import Secrets

SECRET = "a secret of this test, long enough"
OTHER = "another secret of this test, long enough"
LONG = "x" * 501
EVENT = "01a1fec4-8095-7000-8000-000000000000"
NOBODY = "postgresql://admin:hush@127.0.0.1:1/postgres"

Say = Callable[..., tuple[int, str]]

# What each command needs to be told at least, so that it begins to work.
WORDS = {
    "audit": [],
    "parked": [],
    "acts": [],
    "rotate-key": [],
    "backup": ["/nonexistent/none/backup"],
    "user": ["grant", "ada@shop.example", "admin"],
    "events": ["tail"],
    "import": ["online-retail", "/nonexistent/sales.parquet"],
    "export": ["products", "/nonexistent/products.csv"],
    "reindex": [],
    "repair": ["stock"],
    "replay": ["/nonexistent/sales.parquet"],
    "shell": [],
    "psql": ["order"],
    "serve": ["--process", "shop"],
    "up": ["--port", "1"],
    "postgres": [],
    "migrate": [],
    "seed": [],
}
MAKE_ONE = {"up", "postgres", "migrate", "seed"}
ONLY_EMBEDDED = {"psql", "postgres"}


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Say]:
    """`say("acts", "--limit", "0")`: the exit status, and what stood on stderr. A traceback fails by itself."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def said(*words: str | Path, **environ: str) -> tuple[int, str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        try:
            status = main([str(word) for word in words])
        except SystemExit as ended:
            status = int(ended.code or 0)
        return status, capsys.readouterr().err

    yield said
    root.handlers[:], root.level = handlers, level


@pytest.fixture(scope="module")
async def provided(postgres_server) -> Access:
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets(SECRET))
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    return access


def test_every_command_is_tried_here() -> None:
    # What a backup is comes first: tests/cli/test_backup.py.
    # The others need no shop.
    assert {*WORDS, "doctor", "restore", "secrets", "settings", "routes", "contracts", "new"} == set(COMMANDS)


NO_NUMBER = ["0", "-5", "99999999999999999999", "1e3", "1.5", "nan", "inf", "", " 7", "²", "٣"]


@pytest.mark.parametrize("text", NO_NUMBER)
@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["acts"], "--limit"),
        (["audit"], "--looks"),
        (["replay", "sales.parquet"], "--invoices"),
        (["replay", "sales.parquet"], "--concurrency"),
        (["up"], "--port"),
        (["up"], "--admin-port"),
        (["serve", "--process", "shop"], "--admin-port"),
    ],
)
def test_what_is_no_number_in_its_range(say: Say, tmp_path: Path, words: list[str], option: str, text: str) -> None:
    status, told = say(*words, "--data-dir", tmp_path / "none", f"{option}={text}")
    assert status == 2
    assert f"argument {option}: {text!r} is no whole number from 1 to " in told.splitlines()[-1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2999-01-01", "is to come"),
        ("1969-12-31", "is to come, or before there were shops"),
        ("0001-01-01T00:00+14:00", "is no span"),
        ("9999-12-31T23:59-14:00", "is no span"),
        ("٣h", "is no span"),
        ("²h", "is no span"),
        ("nan", "is no span"),
    ],
)
def test_since_when_nothing_can_be_audited(say: Say, tmp_path: Path, text: str, why: str) -> None:
    status, told = say("audit", "--data-dir", tmp_path / "none", f"--since={text}")
    assert status == 2
    assert f"argument --since: {text!r} {why}" in told.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["fly"], "there is no command 'fly'"),
        (["acts", "--subject", "\udcff"], "'\\udcff' is no text in UTF-8; write it so"),
        (["user", "create", "\udcff@shop.example"], "'\\udcff@shop.example' is no text in UTF-8; write it so"),
        (["psql", "nothing"], "there is no service 'nothing'; choose from auth, "),
        (["psql", "order", "--data-dir=elsewhere"], "--data-dir=elsewhere stands behind the service"),
        (["psql", "order", "--topology", "three-services"], "--topology stands behind the service"),
        (["parked", "discard"], "no event is named; "),
        (["parked", "discard", "1", "--reason", "paid back"], "no event is named; "),
        (["parked", "discard", EVENT], "an event is discarded for a reason, which is kept; say it with --reason"),
        (["parked", "discard", EVENT, "--reason", " "], "an event is discarded for a reason"),
        (["parked", "discard", EVENT, "--reason", "a\x1b[31mb"], "'a\\x1b[31mb' is no line of up to 500 characters"),
        (["user", "create", "ada@shop.example", "--reason", "a\nb"], "'a\\nb' is no line of up to 500 characters"),
        (["user", "create", "ada@shop.example", "--reason", LONG], "is no line of up to 500 characters"),
        (["parked", "discard", "--topic", "views"], "events are discarded for a reason, which is kept; "),
        (["parked", "discard", "--topic", "views", "--reason", "a test", "--redrive"], "events are discarded or tried"),
        (["parked", "discard", EVENT, "--topic", "views"], "a topic is only named to discard what is parked of it; "),
        (["parked", "--topic", "views"], "a topic is only named to discard what is parked of it; "),
        (["parked", "--reason", "paid back"], "only an event that is discarded has a reason; "),
        (["serve", "--process", "shop", "--topology", "round"], "there is no topology round; choose from all-in-one, "),
        (["up", "--port", "9301", "--admin-port", "9301"], "127.0.0.1:9301 is given to 2 servers; "),
        (["up", "--foreground", "kitchen"], "topology all-in-one has no process kitchen; choose from shop"),
        (["up", "--foreground", "shop", "--reload"], "argument --reload: not allowed with argument --foreground"),
        (["up", "--port", "65535"], "127.0.0.1:65536 is no address; "),
        (["audit", "--database-url", "order"], "is not the URL of a PostgreSQL server; write it as postgresql://"),
        (["audit", "--name", "x;drop"], "'x;drop' cannot name an installation; take up to 30 "),
    ],
)
def test_what_no_command_is_told(say: Say, tmp_path: Path, words: list[str], why: str) -> None:
    command, *rest = words
    data_dir = [] if command == "fly" else ["--data-dir", str(tmp_path / "none")]
    status, told = say(command, *data_dir, *rest)
    assert status in {1, 2}
    assert why in told.splitlines()[-1]
    assert status == 2 or told.count("\n") == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", WORDS)
def test_a_data_directory_that_can_be_none(say: Say, tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        status, told = say(command, "--data-dir", folder, *WORDS[command])
        assert (status, told.count("\n")) == (1, 1)
        assert f"the data directory {folder} cannot be used: {file} is no folder; " in told
        assert "choose another with --data-dir" in told
    if command in MAKE_ONE:
        status, told = say(command, "--data-dir", "/proc/nothing", *WORDS[command])
        assert (status, told.count("\n")) == (1, 1)
        assert "the data directory /proc/nothing cannot be used: " in told


@pytest.mark.parametrize("command", [command for command in WORDS if command not in ONLY_EMBEDDED])
def test_a_server_that_does_not_answer(say: Say, tmp_path: Path, command: str) -> None:
    here = ["--data-dir", tmp_path, "--database-url", NOBODY]
    status, told = say(command, *here, *WORDS[command], STOA_SECRET=SECRET)
    assert (status, told.count("\n")) == (1, 1)
    assert "the database at 127.0.0.1:1 cannot be reached: " in told
    assert "; check --database-url (postgresql://user:password@host:port/postgres) and that the server runs" in told
    assert "hush" not in told


@pytest.mark.parametrize("command", [command for command in WORDS if command not in ONLY_EMBEDDED])
def test_another_secret_is_told_alike_by_all(say: Say, tmp_path: Path, provided: Access, command: str) -> None:
    here = ["--data-dir", tmp_path, "--database-url", provided.dsn]
    status, told = say(command, *here, *WORDS[command], STOA_SECRET=OTHER)
    assert (status, told.count("\n")) == (1, 1)
    # A process names those of its services, in the order in which its topology has them.
    named = told.partition("another secret (")[2].partition(")")[0].split(", ")
    assert sorted(named) == sorted(map(provided.role, SERVICES.values()))
    assert told.endswith(
        f"stoa: the roles on the server at {place_of(provided.dsn)} have the passwords of another secret "
        f"({', '.join(named)}); restore the secrets.json or STOA_SECRET that they were "
        "made with, or choose another --name for another installation; if that secret is lost, "
        "`stoa migrate --new-secret` gives them new passwords\n"
    )


@pytest.mark.parametrize("command", [command for command in WORDS if command not in ONLY_EMBEDDED | MAKE_ONE])
def test_a_server_without_the_shop(say: Say, tmp_path: Path, provided: Access, command: str) -> None:
    if command == "import":
        pytest.skip("it makes what is missing, as migrate does")
    here = ["--data-dir", tmp_path, "--database-url", provided.dsn, "--name", "other"]
    status, told = say(command, *here, *WORDS[command], STOA_SECRET=SECRET)
    assert (status, told.count("\n")) == (1, 1)
    assert told == (
        f"stoa: there is no shop other on the server at {place_of(provided.dsn)}: it has no role other_auth; "
        "make it with `stoa migrate`, or choose another --name or --database-url\n"
    )


@pytest.mark.parametrize("command", [command for command in WORDS if command not in ONLY_EMBEDDED | MAKE_ONE])
def test_databases_of_before(say: Say, tmp_path: Path, empty: Access, command: str) -> None:
    if command == "import":
        pytest.skip("it makes what is missing, as migrate does")
    here = ["--data-dir", tmp_path, "--database-url", empty.dsn, "--name", "empty"]
    status, told = say(command, *here, *WORDS[command], STOA_SECRET=SECRET)
    assert (status, told.count("\n")) == (1, 1)
    assert "stoa: the database of auth lacks " in told
    assert told.endswith(" migrations; run `stoa migrate`\n")


@pytest.fixture(scope="module")
async def empty(provided: Access) -> Access:
    """An installation that has its roles and databases, and nothing in auth's."""
    access = Access(provided.dsn, Secrets(SECRET), "empty")
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    connection = await provision.connect(access.dsn_of(SERVICES["auth"]))
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    return access
