"""`stoa shell`: a prompt at a terminal, and a script on stdin, in which `await` works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from terminal import at_terminal

from stoa.app import SERVICES
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.secrets import Secrets

SECRET = "a secret of this test, long enough"


@pytest.fixture(scope="module")
async def environ(postgres_server) -> dict[str, str]:
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets(SECRET))
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    return {"STOA_SECRET": SECRET, "STOA_DATABASE_URL": server.dsn()}


@pytest.fixture
def script(environ: dict[str, str], tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    def run(text: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stoa.cli.main", "shell", "--data-dir", str(tmp_path / "none")],
            input=text,
            capture_output=True,
            encoding="utf-8",
            env=os.environ | environ | more,
            timeout=60,
            check=False,
        )

    return run


def test_a_script_is_utf_8_wherever_it_runs(script: Callable) -> None:
    done = script("print(len('é'), 'é')", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 ?\n", "")


def test_a_script(script: Callable) -> None:
    done = script(
        "def asked(email): return auth_pb2.GetUserRequest(email=email)\n"
        "made = await auth.ImportUsers(auth_pb2.ImportUsersRequest(users=[{'email': 'ada@example.com'}]))\n"
        "user = (await auth.GetUser(asked('ada@example.com'))).user\n"
        "print(made.added, user.email, await db.auth.fetchval('SELECT count(*) FROM users'))\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 ada@example.com 1\n", "")
    assert script("raise SystemExit(3)").returncode == 3


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("print('so far')\n1 / 0\n", "ZeroDivisionError: division by zero"),
        ("print('so far')\nawait db.order.fetch('SELEC')\n", 'syntax error at or near "SELEC"'),
    ],
)
def test_a_script_that_fails(script: Callable, text: str, last: str) -> None:
    done = script(text)
    assert (done.returncode, done.stdout) == (1, "so far\n")
    head, where, *_, end = done.stderr.splitlines()
    assert (head, where) == ("Traceback (most recent call last):", '  File "<stdin>", line 2, in <module>')
    assert end.endswith(last)


def test_one_that_is_no_python(script: Callable) -> None:
    done = script("if\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "SyntaxError: invalid syntax"


def test_at_a_terminal(environ: dict[str, str], tmp_path: Path) -> None:
    with at_terminal(["shell", "--data-dir", tmp_path / "none"], **environ) as shell:
        shell.until(">>> ")
        shell.type("number = await db.order.fetchval('SELECT 41')")
        shell.until(">>> ")
        shell.type("number + 1")
        assert shell.until(">>> ").splitlines()[-2] == "42"
        shell.type("1 / 0")
        assert 'File "<console>", line 1, in <module>\nZeroDivisionError' in shell.until(">>> ")
        shell.type("import asyncio; print('asleep'); await asyncio.sleep(600)")
        shell.until("\nasleep\n")
        shell.press("C")
        assert shell.until(">>> ").splitlines()[-2].endswith("ended")
        shell.type("number")
        assert shell.until(">>> ").splitlines()[-2] == "41"
        shell.type("exit()")
        assert shell.process.wait(30) == 0


def test_told_to_stop_it_does_not_wait_for_a_line(environ: dict[str, str], tmp_path: Path) -> None:
    with at_terminal(["shell", "--data-dir", tmp_path / "none"], **environ) as shell:
        shell.until(">>> ")
        shell.process.terminate()
        assert shell.process.wait(30) == 128 + signal.SIGTERM
