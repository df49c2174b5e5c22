"""`stoa import products` and `stoa export products`, beside a shop that does not run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import asyncpg
import pytest

from stoa.app import SERVICES
from stoa.cli.products import REMARKS
from stoa.runtime import provision
from stoa.runtime.access import Access
from stoa.runtime.secrets import Secrets
from stoa.services.catalog.product_files.remarks import What

SECRET = "a secret of this test, long enough"
Stoa = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
async def access(postgres_server) -> Access:
    server = await postgres_server(durable=False)
    access = Access(server.dsn(), Secrets(SECRET))
    await provision.prepare(access, SERVICES.values(), lambda *_: None)
    return access


@pytest.fixture
def command(access: Access, tmp_path: Path) -> Callable[..., list[str]]:
    def words(*words: str | Path) -> list[str]:
        return [sys.executable, "-m", "stoa.cli.main", *map(str, words), "--data-dir", str(tmp_path / "none")]

    return words


@pytest.fixture
def environ(access: Access) -> dict[str, str]:
    return {**os.environ, "STOA_SECRET": SECRET, "STOA_DATABASE_URL": access.dsn}


@pytest.fixture
def stoa(command: Callable[..., list[str]], environ: dict[str, str]) -> Stoa:
    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words), capture_output=True, encoding="utf-8", env=environ, timeout=90, check=False
        )

    return run


def test_a_file_goes_in_and_out_and_what_is_refused_is_written_beside_it(stoa: Stoa, tmp_path: Path) -> None:
    file = tmp_path / "goods.csv"
    file.write_text("Handle,Titel,SKU,Price,Stock,Extra\nmug,Mug,MUG,9.95,5,x\ncup,Cup,CUP,free,5,\n")
    beside = tmp_path / "goods.refused.csv"
    rehearsed = stoa("import", "products", file, "--column", "Titel=name", "--dry-run")
    told = f"stoa: 1 of 2 products would be refused: {beside} has each with its reason; mend {file}, and try it again\n"
    assert (rehearsed.returncode, rehearsed.stderr) == (1, told)
    assert "1 would be added" in rehearsed.stdout
    assert "Search follows" not in rehearsed.stdout
    would_be_refused = beside.read_text()
    done = stoa("import", "products", file, "--column", "Titel=name", "--topology", "three-services")
    told = f"stoa: 1 of 2 products were refused: {beside} has each with its reason; mend it there, and send that file: "
    send = f"stoa import products {beside} --column Titel=name --data-dir {tmp_path}/none --topology three-services"
    assert (done.returncode, done.stderr) == (1, f"{told}{send}\n")
    assert "1 added" in done.stdout
    assert "Search follows" in done.stdout
    assert "1 refused" in done.stdout
    assert "1 SKUs got their stock; 0 had some, which stays" in done.stdout
    assert "Left out, because they say nothing here: Extra" in done.stdout
    assert beside.read_text() == would_be_refused
    refused = would_be_refused.splitlines()
    assert refused[0] == "Handle,Titel,SKU,Price,Stock,Extra,error,error_column,error_line"
    assert "'free' is no price" in refused[1]
    out = tmp_path / "all.jsonl"
    assert stoa("export", "products", out).returncode == 0
    assert '"slug":"mug"' in out.read_text()
    again = stoa("import", "products", out)
    assert "0 added" in again.stdout
    assert "1 were as they are" in again.stdout
    assert "Search follows" not in again.stdout
    twice = stoa("export", "products", out)
    assert (twice.returncode, twice.stderr) == (1, f"stoa: {out} is there already; choose another file\n")


def test_who_mended_the_file_finds_no_older_refusals_beside_it(stoa: Stoa, tmp_path: Path) -> None:
    file, beside = tmp_path / "mended.csv", tmp_path / "mended.refused.csv"
    file.write_text("slug,name,sku,price\nspoon,Spoon,SPOON,free\n")
    assert stoa("import", "products", file).returncode == 1
    # As a spreadsheet saves it that writes semicolons.
    beside.write_text(beside.read_text().replace(",", ";"))
    file.write_text("slug,name,sku,price\nspoon,Spoon,SPOON,2\n")
    done = stoa("import", "products", file)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{beside}, of an earlier time, is removed" in done.stdout
    assert not beside.exists()


def test_what_is_refused_again_goes_beside_what_was_sent_and_is_written_as_that(stoa: Stoa, tmp_path: Path) -> None:
    file, second = tmp_path / "gabel.csv", tmp_path / "gabel.refused-2.csv"
    file.write_bytes("sep=;\r\nslug;name;sku;price\r\ngabel;Gäbel;GABEL;x\r\n".encode("utf-16"))
    assert stoa("import", "products", file).returncode == 1
    first = tmp_path / "gabel.refused.csv"
    sent = first.read_bytes()
    for _ in range(2):
        done = stoa("import", "products", first)
        assert (done.returncode, first.read_bytes()) == (1, sent)
        assert f"send that file: stoa import products {second} --data-dir" in done.stderr
    second.write_bytes(second.read_bytes().decode("utf-16").replace(";x;", ";7,90;").encode("utf-16"))
    done = stoa("import", "products", second)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(tmp_path.glob("gabel*")) == sorted([file, first, second])
    file.write_bytes(file.read_bytes().decode("utf-16").replace(";x", ";7,90").encode("utf-16"))
    assert "1 were as they are" in stoa("import", "products", file).stdout
    assert not first.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("own.csv", "slug,name\nkettle,refused by error\n"), ("own.jsonl", '{"slug": "kettle", "name": "Kettle"}\n')],
)
def test_a_file_of_somebodys_own_is_not_written_over(stoa: Stoa, tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    own = file.with_name(f"{file.stem}.refused{file.suffix}")
    own.write_text(content)
    done = stoa("import", "products", file)
    told = f"stoa: {own}, where refused products go, is no such file; give it another name\n"
    assert (done.returncode, done.stderr) == (1, told)
    assert own.read_text() == content
    assert "Products" not in done.stdout


def test_what_keeps_many_out_is_told_once(stoa: Stoa, tmp_path: Path) -> None:
    file = tmp_path / "wine.csv"
    file.write_text("slug,name,product_type\na,A,wine\nb,B,wine\n")
    done = stoa("import", "products", file)
    assert "       2 for one reason: There is no product type wine: define it first, with its" in done.stdout


def test_who_brings_the_sales_of_another_shop_is_told_how(stoa: Stoa, tmp_path: Path) -> None:
    file = tmp_path / "woo.csv"
    file.write_text("ID,Type,SKU,Name,Published,Regular price,Sale price\n1,simple,PAN,Pan,1,20,15\n")
    done = stoa("import", "products", file, "--from", "woocommerce")
    assert done.returncode == 0
    assert "Left out, because they say nothing here: Sale price\n  A sale is a price list here: " in done.stdout


def test_what_is_not_as_in_the_file_is_told(stoa: Stoa, tmp_path: Path) -> None:
    file = tmp_path / "woo.csv"
    header = "Type,SKU,Name,Published,Visibility in catalog,Regular price,Categories,In stock?\n"
    file.write_text(f'{header}simple,Ö 1,Ofen,1,hidden,20,"Küche, Haus > Bad",1\n')
    done = stoa("import", "products", file, "--from", "woocommerce")
    assert (done.returncode, done.stderr) == (0, "")
    assert "       1 SKUs are written otherwise here, and their variants have the file's in their" in done.stdout
    assert "       1 products that were sold and shown nowhere are drafts: Ofen\n" in done.stdout
    assert "       1 categories are left out, because a product stands in one here: Ofen: Küche\n" in done.stdout
    assert "       1 variants were not counted there, and cannot be bought until they have stock here: " in done.stdout


def test_a_file_that_cannot_be_read_to_its_end_has_its_refusals_too(stoa: Stoa, tmp_path: Path) -> None:
    file, beside = tmp_path / "broken.csv", tmp_path / "broken.refused.csv"
    rows = "".join(f"broken-{at},Broken,BROKEN-{at},{1 if at else 'free'}\n" for at in range(3))
    file.write_text(f'slug,name,sku,price\n{rows}broken-3,"Broken\n')
    done = stoa("import", "products", file)
    told = f"{beside} has the 1 that were refused before, each with its reason\n"
    assert done.returncode == 1
    assert "The row that begins in line 5 cannot be read" in done.stderr
    assert done.stderr.endswith(told)
    assert len(beside.read_text().splitlines()) == 2


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_waited_for(stoa: Stoa, tmp_path: Path, make: Callable[[Path], None]) -> None:
    file = tmp_path / "goods.csv"
    make(file)
    done = stoa("import", "products", file)
    assert (done.returncode, done.stderr) == (1, f"stoa: {file} is no file; give the file of products\n")


@pytest.mark.parametrize(
    ("name", "content", "words", "told"),
    [
        ("goods.xls", "", [], "goods.xls has no name that says what it is; name it .csv or .jsonl"),
        ("goods.csv", None, [], "goods.csv cannot be read: No such file or directory; give the file of products"),
        (
            "goods.csv",
            "name\nMug\n",
            [],
            "No column slug or sku says which product is meant. Where one has another name, say so:",
        ),
        ("goods.csv", "slug\nmug\n", ["--from", "shopify"], "The file is no product export of shopify"),
        ("goods.csv", "slug\nmug\n", ["--column", "Titel=name"], "The file has no column 'Titel'"),
        ("goods.csv", "slug,T\nmug,a\n", ["--column", "T=nam"], "There is no column 'nam' here; did you mean name?"),
        ("goods.csv", "slug\n", ["--column", "Titel"], "'Titel' is not as it is to be, such as Titel=name"),
    ],
)
def test_what_is_wrong_is_one_line(
    stoa: Stoa, tmp_path: Path, name: str, content: str | None, words: list[str], told: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_text(content)
    done = stoa("import", "products", file, *words)
    assert done.returncode in {1, 2}
    assert told in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@asynccontextmanager
async def under_way(
    command: list[str], environ: dict[str, str], db: asyncpg.Connection
) -> AsyncIterator[subprocess.Popen[str]]:
    """The command, when it has brought some of the products and not all."""
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
    )
    try:
        give_up = time.monotonic() + 60
        while not await db.fetchval("SELECT max(created) FROM product_imports WHERE state = 'running'"):
            assert process.poll() is None
            assert time.monotonic() < give_up
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
async def many(access: Access, tmp_path: Path) -> AsyncIterator[tuple[Path, asyncpg.Connection]]:
    """A file that takes a while, of a name of its own, and the database that it comes to."""
    file = tmp_path / f"{tmp_path.name}.csv"
    file.write_text("slug,name\n" + "".join(f"{tmp_path.name.replace('_', '-')}-{at},Many\n" for at in range(20_000)))
    db = await asyncpg.connect(access.dsn_of(SERVICES["catalog"]))
    yield file, db
    await db.execute("DELETE FROM product_imports")
    await db.close()


IMPORT = "SELECT state, created FROM product_imports WHERE file_name = $1"


async def test_who_interrupts_it_calls_it_off(
    command: Callable[..., list[str]], environ: dict[str, str], many: tuple[Path, asyncpg.Connection]
) -> None:
    file, db = many
    async with under_way(command("import", "products", file), environ, db) as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 128 + signal.SIGINT
    state, created = await db.fetchrow(IMPORT, file.name)
    there = await db.fetchval("SELECT count(*) FROM products WHERE slug LIKE 'test-who-interrupts%'")
    assert (state, created) == ("canceled", there)
    assert 0 < created < 20_000


async def test_who_cannot_call_it_off_is_told_that_it_goes_on(
    command: Callable[..., list[str]], environ: dict[str, str], many: tuple[Path, asyncpg.Connection]
) -> None:
    file, db = many
    async with under_way(command("import", "products", file), environ, db) as process, db.transaction():
        await db.fetchrow(f"{IMPORT} FOR UPDATE", file.name)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGINT
    assert "could not be called off, and goes on with the shop: " in told
    assert (await db.fetchrow(IMPORT, file.name))["state"] == "running"


def test_each_remark_has_its_words():
    assert set(REMARKS) == set(get_args(What))
