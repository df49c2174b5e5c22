"""All of catalog's SQL about files of products that somebody brings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from stoa.kit.context import Principal
from stoa.kit.db import Database, Db, Transaction
from stoa.services.catalog.product_files.dialect import Dialect
from stoa.services.catalog.product_files.reading import Format, Source
from stoa.services.catalog.product_files.remarks import Remark

State = Literal["uploading", "waiting", "running", "done", "failed", "canceled"]
"""`uploading` while the file comes, `waiting` until somebody works it off, `running` from then on. `failed` is a file
that cannot be read, or was given up: what was done before stays."""
OPEN: tuple[State, ...] = ("uploading", "waiting", "running")


class ProductImport(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was brought, and what became of its products so far. In a dry run nothing became of them, and the
    counts say what would have. Of the SKUs with a stock in it so many had none yet, and so many were left as they are.
    """

    id: str
    state: State
    file_name: str
    format: Format
    source: Source
    columns: dict[str, str]
    dry_run: bool
    user_id: str
    bytes: int
    bytes_done: int
    entries_done: int
    created: int
    updated: int
    unchanged: int
    refused: int
    stock_opened: int
    stock_there: int
    header: list[str]
    dialect: Dialect
    left_out: list[str]
    remarks: list[Remark]
    failure: str | None
    created_at: datetime
    ended_at: datetime | None


class Refusal(msgspec.Struct, frozen=True):
    """`line` is where it begins in the file; `raw` what stands there: rows of cells, or a line of JSON."""

    line: int
    raw: Any
    problem: dict[str, Any]


ADD = """
    INSERT INTO product_imports (id, state, file_name, format, source, columns, dry_run, user_id, principal)
    VALUES ($1, 'uploading', $2, $3, $4, $5, $6, $7, $8)
"""


async def add(
    db: Db, import_id: str, file_name: str, how: tuple[Format, Source, dict[str, str], bool], by: Principal
) -> None:
    written_as, source, columns, dry_run = how
    principal = msgspec.to_builtins(by)
    await db.execute(ADD, import_id, file_name, written_as, source, columns, dry_run, by.user_id, principal)


ADD_PIECE = """
    WITH piece AS (
        INSERT INTO product_import_pieces (import_id, at, content)
        SELECT id, $2, $3 FROM product_imports WHERE id = $1 AND state = 'uploading'
        ON CONFLICT DO NOTHING
        RETURNING length(content) AS size
    )
    UPDATE product_imports SET bytes = bytes + (SELECT size FROM piece) WHERE id = $1 AND EXISTS (SELECT FROM piece)
"""


async def add_piece(db: Db, import_id: str, at: int, content: bytes) -> None:
    """A repeat changes nothing, and so does one that comes too late."""
    await db.execute(ADD_PIECE, import_id, at, content)


UPLOADED = "UPDATE product_imports SET state = 'waiting' WHERE id = $1 AND state = 'uploading'"


async def uploaded(tx: Transaction, import_id: str) -> None:
    await tx.execute(UPLOADED, import_id)


_IMPORTS = """
    SELECT id, state, file_name, format, source, columns, dry_run, user_id, bytes, bytes_done, entries_done, created,
        updated, unchanged, refused, stock_opened, stock_there, header, dialect, left_out, remarks, failure, created_at,
        ended_at
    FROM product_imports
"""

BY_ID = _IMPORTS + "WHERE id = $1"


async def by_id(db: Db, import_id: str) -> ProductImport | None:
    row = await db.fetchrow(BY_ID, import_id)
    return None if row is None else _import(row)


def _import(row: Any) -> ProductImport:
    kept = {
        "remarks": msgspec.convert(row["remarks"], list[Remark]),
        "dialect": msgspec.convert(row["dialect"], Dialect),
    }
    return ProductImport(**{**row, **kept})


LIST = _IMPORTS + "WHERE id < $1 ORDER BY id DESC LIMIT $2"
LIST_OF = _IMPORTS + "WHERE user_id = $3 AND id < $1 ORDER BY user_id DESC, id DESC LIMIT $2"


async def imports(db: Db, before: str, limit: int, user_id: str | None) -> list[ProductImport]:
    """The newest first; of one user, or all."""
    if user_id is None:
        rows = await db.fetch(LIST, before, limit)
    else:
        rows = await db.fetch(LIST_OF, before, limit, user_id)
    return [_import(row) for row in rows]


DUE = """
    SELECT id FROM product_imports WHERE state IN ('waiting', 'running') AND due_at <= now() ORDER BY id LIMIT $1
"""


async def due(db: Db, limit: int) -> list[str]:
    """Those that are to be worked off or under way, in the order of their coming."""
    return [row["id"] for row in await db.fetch(DUE, limit)]


ANY_LEFT = "SELECT EXISTS (SELECT FROM product_imports WHERE state IN ('waiting', 'running'))"


async def any_left(db: Db) -> bool:
    found: bool = await db.fetchval(ANY_LEFT)
    return found


# Of the session, so that it ends with whoever works: the state says nothing of that.
TURN = "SELECT pg_try_advisory_lock(hashtextextended('product-import:' || $1::text, 0))"


TAKE_UP = """
    UPDATE product_imports
    SET state = 'running', attempts = attempts + 1, due_at = now() + interval '1 second' * power(2, least(attempts, 8))
    WHERE id = $1 AND state IN ('waiting', 'running') AND due_at <= now()
    RETURNING attempts, principal
"""


async def take_up(db: Db, import_id: str) -> tuple[int, Principal] | None:
    """How often that was tried since something of it was done, this time too, and for whom; None where it is not due.
    It is noted before anything is done: whoever dies of it has tried."""
    row = await db.fetchrow(TAKE_UP, import_id)
    return None if row is None else (row["attempts"], msgspec.convert(row["principal"], Principal))


# The first time; later there may be more that is left out.
SAY_COLUMNS = """
    UPDATE product_imports SET header = $2, dialect = $3, left_out = $4
    WHERE id = $1 AND state = 'running' AND entries_done = 0
"""


async def say_columns(db: Db, import_id: str, header: Sequence[str], dialect: Dialect, left_out: Sequence[str]) -> None:
    await db.execute(SAY_COLUMNS, import_id, list(header), msgspec.to_builtins(dialect), list(left_out))


PIECE = "SELECT content FROM product_import_pieces WHERE import_id = $1 AND at = $2"


async def pieces(db: Database, import_id: str) -> AsyncIterator[bytes]:
    at = 0
    while (content := await db.fetchval(PIECE, import_id, at)) is not None:
        yield content
        at += 1


ADVANCE = """
    UPDATE product_imports
    SET entries_done = $2, bytes_done = $3, created = created + $4, updated = updated + $5,
        unchanged = unchanged + $6, refused = refused + $7, attempts = 0, due_at = now()
    WHERE id = $1 AND state = 'running' AND entries_done < $2
    RETURNING id
"""


async def advance(tx: Transaction, import_id: str, entries_done: int, bytes_done: int, *counts: int) -> bool:
    """`counts` are those that were created, updated, unchanged and refused. False where it was canceled meanwhile."""
    return await tx.fetchval(ADVANCE, import_id, entries_done, bytes_done, *counts) is not None


REMARKS = "SELECT remarks FROM product_imports WHERE id = $1"


async def remarks(tx: Transaction, import_id: str) -> list[Remark]:
    return msgspec.convert(await tx.fetchval(REMARKS, import_id), list[Remark])


REMARK = "UPDATE product_imports SET remarks = $2 WHERE id = $1"


async def remark(tx: Transaction, import_id: str, remarks: Sequence[Remark]) -> None:
    await tx.execute(REMARK, import_id, msgspec.to_builtins(remarks))


REFUSE = """
    INSERT INTO product_import_refusals (import_id, line, raw, problem)
    SELECT $1, line, raw, problem FROM jsonb_to_recordset($2) AS new (line bigint, raw jsonb, problem jsonb)
    ON CONFLICT DO NOTHING
"""


async def refuse(tx: Transaction, import_id: str, refusals: Sequence[Refusal]) -> None:
    await tx.execute(REFUSE, import_id, refusals)


KEEP_STOCK = """
    INSERT INTO product_import_stock (import_id, sku, quantity)
    SELECT $1, sku, quantity FROM unnest($2::text[], $3::bigint[]) AS said (sku, quantity)
    ON CONFLICT (import_id, sku) DO UPDATE SET quantity = EXCLUDED.quantity
"""


async def keep_stock(tx: Transaction, import_id: str, stock: Mapping[str, int]) -> None:
    """Until inventory is told."""
    await tx.execute(KEEP_STOCK, import_id, list(stock), list(stock.values()))


KEPT_STOCK = "SELECT sku, quantity FROM product_import_stock WHERE import_id = $1 ORDER BY sku LIMIT $2"


async def kept_stock(db: Db, import_id: str, most: int) -> dict[str, int]:
    return {row["sku"]: row["quantity"] for row in await db.fetch(KEPT_STOCK, import_id, most)}


TOLD_STOCK = """
    WITH told AS (
        DELETE FROM product_import_stock WHERE import_id = $1 AND sku = ANY($2::text[])
    )
    UPDATE product_imports SET stock_opened = stock_opened + $3, stock_there = stock_there + $4 WHERE id = $1
"""


async def told_stock(db: Db, import_id: str, skus: Sequence[str], opened: int, there: int) -> None:
    await db.execute(TOLD_STOCK, import_id, skus, opened, there)


LEAVE_STOCK_OUT = """
    WITH gone AS (
        DELETE FROM product_import_stock WHERE import_id = $1
    )
    UPDATE product_imports SET left_out = left_out || $2 WHERE id = $1 AND NOT left_out @> $2
"""


async def leave_stock_out(db: Db, import_id: str, columns: Sequence[str]) -> None:
    await db.execute(LEAVE_STOCK_OUT, import_id, list(columns))


REFUSALS = """
    SELECT line, raw, problem FROM product_import_refusals WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3
"""


async def refusals(db: Db, import_id: str, after: int, limit: int) -> list[Refusal]:
    """In the order of the file."""
    return [Refusal(*row) for row in await db.fetch(REFUSALS, import_id, after, limit)]


REASONS = """
    SELECT problem ->> 'detail' AS detail, count(*) AS count FROM product_import_refusals WHERE import_id = $1
    GROUP BY detail HAVING count(*) > 1 ORDER BY count DESC, detail LIMIT $2
"""


async def reasons(db: Db, import_id: str, most: int) -> dict[str, int]:
    """Why several of its products were refused, and how many each time; the most frequent first."""
    return {row["detail"]: row["count"] for row in await db.fetch(REASONS, import_id, most)}


END = """
    WITH ended AS (
        UPDATE product_imports SET state = $2, failure = $3, ended_at = now()
        WHERE id = $1 AND state IN ('uploading', 'waiting', 'running')
        RETURNING id
    ), gone AS (
        DELETE FROM product_import_pieces WHERE import_id IN (SELECT id FROM ended)
    )
    SELECT count(*) FROM ended
"""


async def end(tx: Transaction, import_id: str, state: State, failure: str | None = None) -> bool:
    """Its file goes; what it did stays. False where it has ended already."""
    return bool(await tx.fetchval(END, import_id, state, failure))


FORGET = """
    DELETE FROM product_imports WHERE id IN (
        SELECT id FROM product_imports
        WHERE id < $1 AND state IN ('done', 'failed', 'canceled') OR id < $2 AND state = 'uploading'
        ORDER BY id
        LIMIT $3
    )
"""


async def forget(tx: Transaction, ended_before: str, uploading_before: str, most: int) -> str:
    """What ended long ago, and what never came whole; ids are ordered by time."""
    return await tx.execute(FORGET, ended_before, uploading_before, most)
