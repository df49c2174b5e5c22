"""`stoa doctor` tells of each fault of an installation that an operator can mend, and changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.cli import doctor
from stoa.cli.console import Console
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.data_dir import DataDir
from stoa.runtime.postgres import NOT_DURABLE, Postgres
from stoa.runtime.secrets import Secrets
from stoa.runtime.topology import Address

SECRET = "a secret of this test, long enough"


@pytest.fixture(scope="module")
async def provided(postgres_server) -> Access:
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets(SECRET))
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    return access


@pytest.fixture
def look(tmp_path: Path, provided: Access, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """`await look(STOA_SECRET=...)`: what the doctor said to mend, by what was looked at."""

    async def looked(folder: Path = tmp_path / "data", **environ: str) -> dict[str, str]:
        for name, value in ({"STOA_SECRET": SECRET, "STOA_DATABASE_URL": provided.dsn} | environ).items():
            monkeypatch.setenv(name, value)
        parser = argparse.ArgumentParser()
        doctor.add_arguments(parser)
        healthy = await doctor.run(parser.parse_args(["--data-dir", str(folder)]), Console()) == 0
        said = " ".join(capsys.readouterr().out.split())
        found = re.findall(r"mend ((?:data |server )?\w+) (.*?) → (.*?)(?= ok | mend |$)", said)
        assert healthy == (not found)
        return {name: f"{what}; {mend}" for name, what, mend in found if name != "ports"}

    return looked


async def ask(access: Access, sql: str, service: str | None = None) -> None:
    connection = await asyncpg.connect(access.dsn_of(SERVICES[service]) if service else access.dsn)
    await connection.execute(sql)
    await connection.close()


async def test_what_a_shop_lacks(provided: Access, look) -> None:
    assert await look() == {
        "administrator": "nobody can sign in as administrator; run `stoa user create EMAIL --role admin`"
    }
    await ask(
        provided,
        """INSERT INTO users (id, email, first_name, last_name, phone, roles)
           VALUES (gen_random_uuid(), 'ada@example.com', '', '', '', '{admin}')""",
        "auth",
    )
    assert await look() == {}
    await ask(provided, "INSERT INTO outbox (recipient, id, shard) VALUES ('giftwrap', 1, 0)", "order")
    assert await look() == {
        "events": "giftwrap is gone, and order owes it 1 events; "
        'install it again, or run `stoa parked discard --service giftwrap --reason "…"`'
    }
    await ask(provided, "DELETE FROM outbox", "order")
    park = "INSERT INTO stream_parked (source, topic, event, error) VALUES ('catalog', 'views', '{}', 'KeyError: n')"
    await ask(provided, park, "user")
    assert await look() == {
        "behavior": "user could not handle 1 behavior events of views: KeyError: n; mend that and run "
        '`stoa parked --redrive`, or `stoa parked discard --topic views --reason "…"`'
    }
    await ask(provided, "DELETE FROM stream_parked", "user")
    columns = "sku, warehouse_id, kind, quantity, created_at"
    late = f"INSERT INTO stock_movements ({columns}) VALUES ('A', 'main', 'opening', 1, now() + interval '1 year')"
    await ask(provided, late, "inventory")
    assert await look() == {
        "movements": "movements of stock lie in no month: nobody has made one in time; start the shop; if it runs, "
        "its log says why `make-movement-months` does not get the table"
    }
    await ask(provided, "SELECT make_movement_months(now() + interval '1 year', 3)", "inventory")
    await ask(provided, "GRANT CONNECT ON DATABASE stoa_order TO PUBLIC")
    for _ in range(2):
        assert await look() == {"databases": "others than the service may connect to stoa_order; run `stoa migrate`"}
    await provision.close(provided, SERVICES["order"])
    assert await look(STOA_ORDER_HTTP="order:4003") == {
        "variables": "topology all-in-one has nothing for STOA_ORDER_HTTP to be the address of; "
        "name the --topology that you run, or take them out"
    }
    assert await look(STOA_POOLSIZE="3") == {
        "variables": "nothing reads STOA_POOLSIZE (STOA_POOL_SIZE?); "
        "write them as `docs/settings.md` does, or take them out"
    }
    assert await look(STOA_POOLSIZE="", STOA_POOL_SIZE="many", STOA_CART_GUEST_CART_DAYS="0") == {
        "variables": "nothing reads STOA_POOLSIZE (STOA_POOL_SIZE?); "
        "write them as `docs/settings.md` does, or take them out",
        "settings": "STOA_POOL_SIZE='many' cannot be used: Expected `int`, got `str`; "
        "STOA_CART_GUEST_CART_DAYS='0' cannot be used: Expected `int` >= 1; "
        "set them right, or leave them out for their defaults",
    }


async def test_a_server_that_logs_values_of_rows(provided: Access, look) -> None:
    await ask(provided, "ALTER ROLE postgres SET log_error_verbosity = 'default'")
    assert "set its log_error_verbosity to terse" in (await look())["server log"]
    await ask(provided, "ALTER ROLE postgres RESET log_error_verbosity")
    assert "server log" not in await look()


async def test_another_secret(look) -> None:
    found = await look(STOA_SECRET="another secret of this test, long enough")
    assert "have the passwords of another secret (stoa_auth, stoa_user, " in found["databases"]
    assert "`stoa migrate --new-secret`" in found["databases"]
    assert found.keys() == {"databases"}, "what several checks find is told once"


async def test_what_the_processes_say_of_themselves(tmp_path: Path, look, unused_port: int) -> None:
    answers = {"/healthz": (200, b"{}"), "/readyz": (200, b"{}")}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status, body = answers[(await reader.readuntil(b"\r\n\r\n")).split()[1].decode()]
        writer.write(b"HTTP/1.1 %d \r\n\r\n%b" % (status, body))
        writer.close()

    folder = DataDir(tmp_path / "data")
    admin = Address("127.0.0.1", unused_port)
    with folder.open("stoa", {"shop": admin}):
        silent = f"shop runs, and http://{admin}/healthz does not answer that it is well; restart it"
        assert (await look())["processes"] == silent
        async with await asyncio.start_server(answer, admin.host, admin.port):
            assert "processes" not in await look()
            answers["/readyz"] = (503, b'{"troubles": {"order": "the disk is full"}}')
            assert (await look())["processes"] == (
                f"shop is not ready: http://{admin}/readyz answers "
                '{"troubles": {"order": "the disk is full"}}; mend what it names'
            )
            answers["/healthz"] = (500, b"")
            assert (await look())["processes"] == silent
    # Nobody says where they run: nothing is wrong with a shop that does not.
    assert "processes" not in await look(STOA_SHOP_ADMIN=str(admin))


async def test_a_lost_secret_and_a_damaged_file(tmp_path: Path, look) -> None:
    found = await look(STOA_SECRET="")
    assert found["secrets"].startswith(
        f"there is no {tmp_path}/data/secrets.json, and the server has roles of stoa, made with another; restore it"
    )
    assert not (tmp_path / "data").exists()
    folder = DataDir(tmp_path / "data")
    with folder.open("stoa"):
        pass
    for name in ("layout", "name", "admin.txt"):
        kept = (folder.path / name).read_bytes() if (folder.path / name).exists() else b""
        (folder.path / name).write_bytes(b"\xff\xfe")
        assert (await look())["data directory"] == (
            f"{folder.path / name} is damaged: it is no text; restore it from a backup"
        )
        (folder.path / name).write_bytes(kept)


async def test_a_database_server_that_does_not_run_under_a_shop(tmp_path: Path, look) -> None:
    folder = DataDir(tmp_path / "data")
    with folder.open("stoa"):
        server = Postgres(folder.postgres, Secrets(SECRET).superuser, settings=NOT_DURABLE)
        await server.start()
        assert "database" not in await look(STOA_DATABASE_URL="")
        await server.stop()
        assert (await look(STOA_DATABASE_URL=""))["database"].startswith(
            f"Stoa runs on {folder.path}, and its database server does not; it is started again within seconds"
        )
