"""`stoa doctor` tells of each fault of an installation that an operator can mend, and changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import re
from pathlib import Path
from typing import get_type_hints

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.cli import doctor, doctor_media, doctor_search, effective
from stoa.cli.console import Console
from stoa.cli.installation import Installation
from stoa.kit import clock
from stoa.kit.ids import uuid7
from stoa.ports.choice import PORTS, Behind
from stoa.ports.search import Document
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.data_dir import DataDir
from stoa.runtime.failure import Failure
from stoa.runtime.postgres import NOT_DURABLE, Postgres
from stoa.runtime.secrets import Secrets
from stoa.runtime.topology import Address
from stoa.services.search.index.embedded import open_index
from stoa.services.search.settings import Settings

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
        found = re.findall(r"mend ((?:data |server |search )?\w+) (.*?) → (.*?)(?= ok | mend |$)", said)
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


async def test_months_that_nobody_has_made(provided: Access, look) -> None:
    """As of a shop that did not run for some: of the last of them nothing is said before it is near."""
    for ahead, is_near in (("1 month", True), ("3 months", False)):
        await ask(provided, PRETEND_MONTHS.format(ahead), "inventory")
        found = (await look()).get("movements", "")
        assert ("are made until" in found and "start the shop" in found) == is_near, found
    await ask(provided, RIGHT_MONTHS, "inventory")


async def test_an_import_that_nobody_works_at(provided: Access, look) -> None:
    await ask(provided, WAITING_IMPORT, "catalog")
    assert "imports" not in await look(), "it has just come"
    await ask(provided, "UPDATE product_imports SET created_at = now() - interval '1 hour'", "catalog")
    assert re.fullmatch(
        r"1 imports of products wait, since .* UTC that of mugs.csv, and nobody works at them; start the shop; "
        r"if it runs, its log says why; or cancel it by `DELETE /api/v1/product-imports/[0-9a-f-]{36}`",
        (await look())["imports"],
    )
    # A second one has the lock of its own, and this one waits for it.
    worker = await asyncpg.connect(provided.dsn_of(SERVICES["catalog"]))
    await worker.execute(WAITING_IMPORT)
    newest = "SELECT id FROM product_imports ORDER BY id DESC LIMIT 1"
    await worker.fetchval(f"SELECT pg_advisory_lock(hashtextextended('product-import:' || ({newest}), 0))")
    assert "imports" not in await look()
    await worker.execute("DELETE FROM product_imports")
    await worker.close()


async def test_the_search_index(provided: Access, look, tmp_path: Path, capsys) -> None:
    """Seen beside the process that has it open, and read to the last byte."""
    folder = DataDir(tmp_path / "data").path / "cache" / "shop" / "search" / "index"
    index = await open_index(folder, Settings().locales)
    oid = "SELECT oid::bigint FROM pg_database WHERE datname = current_database()"
    search = await asyncpg.connect(provided.dsn_of(SERVICES["search"]))
    database = await search.fetchval(oid)
    document = Document(
        id=uuid7(), version=1, slug="mug", name="Mug", currency="GBP", price_minor=100, created_at=clock.now()
    )
    await index.write([document])
    await index.commit(f'{{"database": {database}, "generation": 0, "revision": 0}}')
    await search.execute("UPDATE feed SET revision = 3")
    assert "search index" not in await look()
    assert await said_of_index(provided, tmp_path) == "shop has 1 products in 0.0 MB, behind by 3 changes"
    await index.commit('{"database": 1, "generation": 0, "revision": 0}')
    assert "1 products in 0.0 MB of another database, and builds it" in await said_of_index(provided, tmp_path)
    await index.close()
    for store in folder.glob("*/*.store"):
        store.write_bytes(store.read_bytes()[:-9])
    assert re.fullmatch(
        r"the index of shop cannot be used. The index was damaged: \w+.store is not what was written; "
        "restart shop, which builds it anew; where it runs, `stoa reindex` does",
        (await look())["search index"],
    )
    await search.execute("UPDATE feed SET revision = 0")
    await search.close()


async def said_of_index(access: Access, folder: Path) -> str:
    here = Installation(DataDir(folder / "data"), "all-in-one", access.dsn, "", {})
    return await doctor_search.search_index(here, access)


async def test_where_files_are_kept_and_pictures_made(provided: Access, look, tmp_path: Path, monkeypatch) -> None:
    assert "media" not in await look()
    # Nobody listens there, and who asks tries again for a while.
    monkeypatch.setattr(doctor_media, "STORAGE_SECONDS", 0.5)
    found = await look(STOA_MEDIA_STORE="s3", STOA_MEDIA_S3_BUCKET="shop", STOA_MEDIA_S3_ENDPOINT="http://127.0.0.1:9")
    assert found["media"].startswith("where files are kept (STOA_MEDIA_STORE=s3) does not answer: ")
    assert found["media"].endswith("see that it runs, and what STOA_MEDIA_S3_… says of where it is and who may ask")
    for name in ("STOA_MEDIA_STORE", "STOA_MEDIA_S3_BUCKET", "STOA_MEDIA_S3_ENDPOINT"):
        monkeypatch.delenv(name)
    found = await look(STOA_MEDIA_WORKER_SECONDS="0.001")
    assert found["media"].startswith(
        "the process that makes pictures does not: Unfinished: it took longer than 0.001 s"
    )
    monkeypatch.delenv("STOA_MEDIA_WORKER_SECONDS")
    monkeypatch.setattr(doctor_media, "LEAST_FREE_BYTES", 1 << 60)
    assert "uploads are refused on a full disk" in (await look())["media"]
    monkeypatch.undo()
    blocked = tmp_path / "data" / "files"
    blocked.parent.mkdir(mode=0o700, exist_ok=True)
    blocked.write_text("no folder")
    assert (await look())["media"].startswith(f"{blocked} is not a folder that we may write to; run `chown`")
    blocked.unlink()


async def test_pictures_that_cannot_be_made(provided: Access, look) -> None:
    await ask(provided, FAILING_PICTURE, "media")
    assert (await look())["media"] == (
        "the pictures of 1 files could not be made so far, which is tried again; "
        "the log of the process that runs media says why (`a picture waits`)"
    )
    await ask(provided, "DELETE FROM files", "media")


PRETEND_MONTHS = """
    CREATE OR REPLACE FUNCTION movement_months_until() RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '{}') AT TIME ZONE 'UTC'
    $$
"""
RIGHT_MONTHS = r"""
    CREATE OR REPLACE FUNCTION movement_months_until() RETURNS timestamptz LANGUAGE sql STABLE AS $$
        SELECT substring(pg_get_expr(relpartbound, oid) FROM 'FROM \(''([^'']+)''\)')::timestamptz
        FROM pg_class WHERE oid = to_regclass('stock_movements_later')
    $$
"""
WAITING_IMPORT = """
    INSERT INTO product_imports (id, state, file_name, format, source, dry_run, user_id, principal)
    VALUES (gen_random_uuid(), 'waiting', 'mugs.csv', 'csv', 'stoa', false, 'ada', '{}')
"""
FAILING_PICTURE = """
    INSERT INTO files (id, purpose, owner, kind, size, sha256, alt, focal_x, focal_y, state, link_key, due_at, attempts)
    VALUES (gen_random_uuid(), 'product', 'shop', 'png', 1, decode(repeat('00', 32), 'hex'), '', 0, 0, 'uploaded', '',
            now(), 2)
"""


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


@pytest.mark.parametrize(
    ("variable", "there"),
    [
        ("STOA_SEARCH_INDEX", "tantivy"),
        ("STOA_MEDIA_STORE", "folder, s3"),
        ("STOA_NOTIFICATION_MAIL", "mailbox"),
        ("STOA_PAYMENT_PROVIDER", "simulator"),
        ("STOA_CHECKOUT_TAX", "flat"),
        ("STOA_CHECKOUT_SHIPPING", "flat"),
    ],
)
def test_who_stands_behind_a_port_is_looked_for(variable: str, there: str) -> None:
    with pytest.raises(Failure, match=rf"^{variable}='foo' cannot be used: there is .*{there}"):
        effective.check({variable: "foo"})
    effective.check({variable: there.rpartition(" ")[2]})


def test_each_port_has_a_setting_that_says_who_stands_behind_it() -> None:
    shapes = [shape for _, _, shape, _ in effective.shapes()]
    hints = [hint for shape in shapes for hint in get_type_hints(shape, include_extras=True).values()]
    marks = [each for hint in hints for each in getattr(hint, "__metadata__", ()) if isinstance(each, Behind)]
    assert sorted(mark.port for mark in marks) == sorted(PORTS)
