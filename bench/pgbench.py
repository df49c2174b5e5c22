"""Runs pgbench, PostgreSQL's own load program, and reads what it measured."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bench import one_database
from bench.load import quantile
from bench.script import Script
from bench.shop import Shop
from stoa.runtime import account
from stoa.runtime.postgres import host_of

THREADS = 2
WARM_UP = 5
"""Transactions of each client that do not count: with them it prepares its statements and plans them anew."""


PLACED = """
    SELECT count(*) FROM stoa_checkout.checkouts AS checkout
    JOIN stoa_order.orders ON orders.id = checkout.order_id AND orders.status = 'confirmed'
    JOIN stoa_inventory.reservations ON reservations.order_id = orders.id AND reservations.key = checkout.id::text
                                    AND reservations.state = 'committed'
    JOIN stoa_notification.deliveries ON deliveries.order_id = orders.id
    WHERE checkout.state = 'completed'
"""


class PgbenchFailed(Exception):
    """It ended with an error; the message has its words."""


@dataclass(frozen=True)
class Result:
    """Orders per second of all clients together, and the seconds that one took."""

    rate: float
    p50: float
    p99: float


class Pgbench:
    """`fill` carts, then `order` them, the same number with the same clients."""

    def __init__(self, shop: Shop, script: Script) -> None:
        self._shop = shop
        self._script = script
        self._runs = 0

    async def orders(self, *, clients: int, each: int) -> Result:
        """Every client places `each` orders, one after another. The carts are filled before. Raises `PgbenchFailed`."""
        self._runs += 1
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            await self._run(folder, "cart", self._script.cart, clients, each)
            before = await self._placed()
            await self._run(folder, "order", self._script.order, clients, each)
            placed = await self._placed() - before
            if placed != clients * each:
                raise PgbenchFailed(f"{clients * each} runs placed {placed} orders whose events had their effects")
            return _read_logs(folder, "order", clients)

    async def _placed(self) -> int:
        """How many orders there are from beginning to end: a fast run that does half of it is none."""
        connection = await asyncpg.connect(self._shop.dsn(one_database.NAME))
        try:
            return int(await connection.fetchval(PLACED))
        finally:
            await connection.close()

    async def _run(self, folder: Path, name: str, script: str, clients: int, each: int) -> None:
        file = folder / f"{name}.sql"
        file.write_text(script)
        server = urlsplit(self._shop.dsn())
        command = [
            str(account.programs(None) / "pgbench"),
            *("--host", host_of(self._shop.dsn()), "--port", str(server.port), "--username", str(server.username)),
            *("--no-vacuum", "--protocol", "prepared", "--file", str(file)),
            *("--client", str(clients), "--jobs", str(min(THREADS, clients)), "--transactions", str(each)),
            *("--log", "--log-prefix", str(folder / name)),
            *("--define", "n=0", "--define", f"run={self._runs}"),
        ]
        for variable, value in self._script.constants.items():
            command += ["--define", f"{variable}={value}"]
        process = await asyncio.create_subprocess_exec(
            *command,
            one_database.NAME,
            env={"PGPASSWORD": str(server.password)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise PgbenchFailed(said.decode(errors="replace")[-2000:])


def _read_logs(folder: Path, name: str, clients: int) -> Result:
    """What the clients did after their warm-up: the sum of their rates, each over its own time."""
    ends: dict[int, list[tuple[float, float]]] = {client: [] for client in range(clients)}
    for log in folder.glob(f"{name}.[0-9]*"):
        for line in log.read_text().splitlines():
            client, _, microseconds, _, seconds, fraction = line.split()[:6]
            ends[int(client)].append((int(seconds) + int(fraction) / 1e6, int(microseconds) / 1e6))
    rate, took = 0.0, []
    for own in ends.values():
        own.sort()
        (begin, _), counted = own[WARM_UP - 1], own[WARM_UP:]
        rate += len(counted) / (counted[-1][0] - begin)
        took += [seconds for _, seconds in counted]
    return Result(rate, quantile(took, 0.5), quantile(took, 0.99))
