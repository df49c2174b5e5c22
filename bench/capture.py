"""What one order really executes: the statements that PostgreSQL logs while it is placed and its events run.

The server is told to log every statement with its parameters, a cart is filled and bought, and the log is
read back as transactions, until two orders have executed the same. What a shop at rest does all the time
(looking for work on timers) is left out, and so is a look that found nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from bench import baskets, goods
from bench.shop import Shop
from stoa.runtime.data_dir import DataDir

IDLE_SECONDS = 4.0
"""Longer than the timers that run every second or two; what runs more rarely is not in two orders."""
WARM_UP = 20
ATTEMPTS = 8

END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""

# Of a relay, in every commit that is measured: what looks for something to deliver, and what forgets that.
_LOOK = re.compile(r"FROM outbox JOIN event_log\b.*WHERE outbox\.recipient = \$1", re.DOTALL)
_DELIVERED = re.compile(r"DELETE FROM outbox USING unnest\(\$1::text\[\], \$2::bigint\[\]\)")

_PREFIX = "@bench|%d|%p|%a@ "
_RECORD = re.compile(r"^@bench\|([^|@]*)\|(\d+)\|([^@]*)@ ", re.MULTILINE)
_EXECUTED = re.compile(r"LOG:  (?:statement|execute [^:]*): (.*)", re.DOTALL)
_DETAIL = re.compile(r"DETAIL:  Parameters: (.*)", re.DOTALL | re.IGNORECASE)
_PARAMETER = re.compile(r"\$\d+ = (?:NULL|'((?:[^']|'')*)')")
_BEGIN, _COMMIT, _ROLLBACK = "BEGIN", "COMMIT", "ROLLBACK"


class NoTwoAlike(Exception):
    """Each time something else was done: there is nothing that could be called what an order executes."""


@dataclass(frozen=True)
class Statement:
    """As it was sent; a parameter is None for NULL."""

    sql: str
    parameters: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Transaction:
    """`begin` is the BEGIN before it, with its settings; without one its one statement committed itself."""

    database: str
    statements: tuple[Statement, ...]
    begin: str = ""

    @property
    def shape(self) -> tuple[str, ...]:
        """The same for each time that this is done, whatever the values."""
        return (self.database, *(each.sql for each in self.statements))


@dataclass(frozen=True)
class Order:
    """What filling a cart executes, and what buying it does."""

    cart: tuple[Transaction, ...]
    order: tuple[Transaction, ...]

    @property
    def shapes(self) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        return Counter(each.shape for each in self.cart), Counter(each.shape for each in self.order)

    @property
    def statements(self) -> int:
        """Those of the order, with BEGIN and COMMIT: how often the database is asked."""
        return sum(len(each.statements) + 2 * bool(each.begin) for each in self.order)


async def two_orders(shop: Shop) -> tuple[Order, Order]:
    """The same order placed twice: what they execute agrees, and what differs are the values."""
    orders: list[bytes] = []

    async def warm_up() -> None:
        await baskets.buy(shop.port, await baskets.fill(shop.port, WARM_UP, goods.sku), connections=1)

    async def fill() -> None:
        orders[:] = await baskets.fill(shop.port, 1, goods.sku)

    async def buy() -> None:
        await baskets.buy(shop.port, orders, connections=1)

    return await two_alike(shop, warm_up, fill, buy)


Act = Callable[[], Awaitable[None]]


async def two_alike(shop: Shop, warm_up: Act, first: Act, second: Act) -> tuple[Order, Order]:
    """What two acts in a row execute, done until two times agree: as an order's, of which one fills and one buys."""
    log = DataDir(shop.data_dir).postgres / "log"
    seen: list[Order] = []
    async with logged(shop):
        # Some unheard, so that connections are open and what is prepared once is prepared.
        await warm_up()
        await shop.settle()
        background = {each.shape for each in await executed(log, asyncio.sleep(IDLE_SECONDS))}
        for _ in range(ATTEMPTS):
            done = [await executed(log, _settled(shop, act)) for act in (first, second)]
            taken = Order(*(without(each, background) for each in done))
            for earlier in seen:
                if earlier.shapes == taken.shapes:
                    # Neighbors work at the same time: bring both into one order.
                    return earlier, Order(_sorted_as(earlier.cart, taken.cart), _sorted_as(earlier.order, taken.order))
            seen.append(taken)
    raise NoTwoAlike(f"no two of {ATTEMPTS} times executed the same statements")


async def _settled(shop: Shop, act: Act) -> None:
    await act()
    await shop.settle()


def read(log: str) -> list[Transaction]:
    """The transactions that committed, in the order in which they began."""
    open_ones: dict[str, _Open] = {}
    said_last: dict[str, _Open] = {}
    begun: list[_Open] = []
    for database, backend, text in _records_of_services(log):
        if detail := _DETAIL.match(text):
            if backend in said_last:
                said_last.pop(backend).give(_parameters(detail[1]))
            continue
        executed = _EXECUTED.match(text)
        sql = executed[1].strip() if executed else ""
        said_last.pop(backend, None)
        if not sql or _asks_the_catalog(sql):
            continue
        if sql in {_COMMIT, _ROLLBACK}:
            if here := open_ones.pop(backend, None):
                here.committed = sql == _COMMIT
            continue
        here = open_ones.get(backend)
        if here is None:
            # With settings in the same message, where it has any.
            begin = sql if sql.partition(";")[0] == _BEGIN else ""
            here = _Open(database, [], begin, committed=not begin)
            begun.append(here)
            if begin:
                open_ones[backend] = here
                continue
        here.statements.append(Statement(sql))
        said_last[backend] = here
    return [
        Transaction(each.database, tuple(each.statements), each.begin)
        for each in begun
        if each.committed and each.statements
    ]


@dataclass
class _Open:
    database: str
    statements: list[Statement]
    begin: str
    committed: bool = False

    def give(self, parameters: tuple[str | None, ...]) -> None:
        self.statements[-1] = Statement(self.statements[-1].sql, parameters)


def _asks_the_catalog(sql: str) -> bool:
    """What the driver asks about types, once on each connection."""
    return "pg_catalog" in sql or "'jit'" in sql


def _records_of_services(log: str) -> Iterator[tuple[str, str, str]]:
    """Database, backend and text of each entry; the further lines of an entry begin with a tab."""
    starts = list(_RECORD.finditer(log))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        text = log[start.end() : following.start() if following else len(log)]
        # The pools of a service sign with its name; we and the server's own workers do not.
        if start[3].startswith(f"{start[1]}/"):
            yield start[1], start[2], text.rstrip("\n").replace("\n\t", "\n")


def _parameters(text: str) -> tuple[str | None, ...]:
    return tuple(None if each[1] is None else each[1].replace("''", "'") for each in _PARAMETER.finditer(text))


def without(transactions: Sequence[Transaction], background: set[tuple[str, ...]]) -> tuple[Transaction, ...]:
    """What is not done at rest as well. A relay's look counts where it found what was then delivered."""
    kept: list[Transaction] = []
    looks: dict[tuple[str, str | None], tuple[Transaction, ...]] = {}
    for each in transactions:
        first = each.statements[0] if each.statements else None
        if first is not None and _LOOK.search(first.sql):
            looks[each.database, first.parameters[0]] = (each,)
        elif each.shape not in background:
            if first is not None and _DELIVERED.search(first.sql):
                for recipient in sorted(set((first.parameters[0] or "{}").strip("{}").split(","))):
                    kept += looks.pop((each.database, recipient), ())
            kept.append(each)
    return tuple(kept)


def _sorted_as(model: Iterable[Transaction], others: Iterable[Transaction]) -> tuple[Transaction, ...]:
    """`others`, each in the place where `model` has one of its shape."""
    by_shape: dict[tuple[str, ...], list[Transaction]] = {}
    for each in others:
        by_shape.setdefault(each.shape, []).append(each)
    return tuple(by_shape[each.shape].pop(0) for each in model)


async def executed(log: Path, work: Awaitable[None]) -> list[Transaction]:
    """What is logged while `work` is awaited."""
    begin = log.stat().st_size  # noqa: ASYNC240 - a system call
    await work
    with log.open("rb") as file:
        file.seek(begin)
        return read(file.read().decode())


@asynccontextmanager
async def logged(shop: Shop) -> AsyncIterator[None]:
    """Every statement in the server's log, for the block."""
    settings = {"log_statement": "all", "log_line_prefix": _PREFIX}
    connection = await asyncpg.connect(shop.dsn())
    try:
        for name, value in settings.items():
            await connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        await connection.execute("SELECT pg_reload_conf()")
        # The embedded server is started without parameters in its log: only a session of its own begins otherwise.
        await connection.execute("ALTER ROLE ALL SET log_error_verbosity = 'default'")
        await connection.execute(END_SESSIONS)
        # Who held one hears of it: what is asked next is to be answered.
        await asyncio.sleep(1)
        yield
    finally:
        await connection.execute("ALTER ROLE ALL RESET log_error_verbosity")
        for name in settings:
            await connection.execute(f"ALTER SYSTEM RESET {name}")
        await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
