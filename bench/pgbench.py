"""Runs pgbench, PostgreSQL's own load program, and reads what it measured."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

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
    """It ended with an error, or did less than it was told to; the message says what."""


@dataclass(frozen=True)
class Load:
    """Every client runs the script so often."""

    clients: int
    each: int


@dataclass(frozen=True)
class Result:
    """Orders per second of all clients together, and the seconds that one took."""

    rate: float
    p50: float
    p99: float


class Pgbench:
    """The captured order: `fill` carts, then `order` them, the same number with the same clients."""

    def __init__(self, shop: Shop, script: Script) -> None:
        self._shop = shop
        self._script = script
        self._runs = 0

    async def orders(self, *, clients: int, each: int) -> Result:
        """Every client places `each` orders, one after another. The carts are filled before. Raises `PgbenchFailed`."""
        self._runs += 1
        constants = self._script.constants | {"n": "0", "run": str(self._runs)}
        database = await self._shop.look(one_database.NAME)
        await run(self._shop, one_database.NAME, self._script.cart, Load(clients, each), constants)
        before = await database.fetchval(PLACED)
        result = await run(self._shop, one_database.NAME, self._script.order, Load(clients, each), constants)
        expect(clients * each, await database.fetchval(PLACED) - before)
        return result


def expect(runs: int, placed: int) -> None:
    """Raises `PgbenchFailed`: a fast run that does half of an order is none."""
    if placed != runs:
        raise PgbenchFailed(f"{runs} runs placed {placed} orders whose events had their effects")


async def run(shop: Shop, database: str, script: str, load: Load, constants: Mapping[str, str]) -> Result:
    """Every client runs the script as often as it is told to, with these variables. Raises `PgbenchFailed`."""
    server = urlsplit(shop.dsn())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "script.sql").write_text(script)
        command = [
            str(account.programs(None) / "pgbench"),
            *("--host", host_of(shop.dsn()), "--port", str(server.port), "--username", str(server.username)),
            *("--no-vacuum", "--protocol", "prepared", "--file", str(folder / "script.sql")),
            *("--client", str(load.clients), "--jobs", str(min(THREADS, load.clients))),
            *("--transactions", str(load.each)),
            *("--log", "--log-prefix", str(folder / "log")),
        ]
        for variable, value in constants.items():
            command += ["--define", f"{variable}={value}"]
        process = await asyncio.create_subprocess_exec(
            *command,
            database,
            env={"PGPASSWORD": str(server.password)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode != 0:
            raise PgbenchFailed(said.decode(errors="replace")[-2000:])
        return _read_logs(folder, load.clients)


def _read_logs(folder: Path, clients: int) -> Result:
    """What the clients did after their warm-up: the sum of their rates, each over its own time."""
    ends: dict[int, list[tuple[float, float]]] = {client: [] for client in range(clients)}
    for log in folder.glob("log.[0-9]*"):
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
