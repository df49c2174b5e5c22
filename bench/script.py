"""Turns the transactions of one order into a pgbench script that places another order each time it runs.

A statement stays as it is but for three things. Its tables get their schema. Its parameters become
pgbench's, which sends them as parameters too (`-M prepared`), so that both sides plan alike. And the ids
of the order, found as what differs between two orders, are made from a number that counts up, by an
expression in the parameter's place. So is the SKU, which goes round the assortment. Ids that the server
hands out (`outbox.id`) are looked up by the event's. Where the shop does not wait for the disk, neither
does pgbench. What does not matter (times, names, the mail's text) stays the captured order's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import asyncpg

from bench import goods
from bench.capture import Order, Statement, Transaction
from bench.one_database import Namespace
from stoa.kit import relay

IDS_PER_ORDER = 64
APART = 7
"""Places of the assortment between one client and the next."""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_SKU = re.compile(r"BENCH-\d{4}")
_TOKEN = re.compile(f"({_ID.pattern}|{_SKU.pattern})")
_PLACEHOLDER = re.compile(r"\$(\d+)")
# The captured order's reading of the stock, by which a reservation knows that nobody came between: here it is as read.
_AS_READ = re.compile(r"(coalesce\(sum\(version \+ 1\), 0\)) = \$\d+ AS is_as_read")
_SET_LOCAL = re.compile(r"SET LOCAL (\w+) (?:=|TO) '?(\w+)")

# A new number for each run of the script; the ids of one client follow one another, as time-ordered ids do.
PREAMBLE = r"""\set n :n + 1
\set k (:run * 1000 + :client_id) * 1000000 + :n
"""
ONE_SKU = rf"\set sku {goods.FIRST}"
QUOTES = "''"  # pgbench knows no empty variable
TYPE_NAME = "SELECT format_type($1, NULL)"
EVENTS_OF = """
    SELECT array_agg(event_id ORDER BY position)::text
    FROM unnest($1::text::bigint[]) WITH ORDINALITY AS had (id, position) JOIN {schema}.event_log USING (id)
"""
# On one line: a script's statement is one.
IDS_OF = (
    "SELECT id FROM unnest({events}) WITH ORDINALITY AS had (event_id, position)"
    " JOIN {schema}.event_log USING (event_id) ORDER BY position"
)


NOT_WAITING = " AND set_config('synchronous_commit', 'off', true) = 'off'"
"""What a relay writes does not wait for the disk; its connections are told so, pgbench's one only here."""


class CannotBeReplayed(Exception):
    """A statement does not fit the bench's database; the message has it and why."""


@dataclass(frozen=True)
class Script:
    """Two pgbench scripts that belong together, and the constants that both are given with `-D`."""

    cart: str
    order: str
    constants: dict[str, str]

    def on_one_sku(self) -> Script:
        """The same, all of it on one SKU."""
        cart, order = (each.replace(sku_of_each(), ONE_SKU) for each in (self.cart, self.order))
        return Script(cart, order, self.constants)


async def write(one: Order, other: Order, namespace: Namespace, connection: asyncpg.Connection) -> Script:
    """The scripts of `one`; `other` tells which of its ids are its own. Raises `CannotBeReplayed`."""
    writer = _Writer(namespace, connection, _own_ids(one, other))
    cart = await writer.script(one.cart)
    order = await writer.script(one.order)
    return Script(cart, order, {value: name for name, value in writer.constants.items()})


def _own_ids(one: Order, other: Order) -> dict[str, int]:
    """The ids that only `one` has, numbered."""
    known = set(_ids(other))
    own = list(dict.fromkeys(each for each in _ids(one) if each not in known))
    if len(own) > IDS_PER_ORDER:
        raise CannotBeReplayed(f"an order has {len(own)} ids of its own, and there is room for {IDS_PER_ORDER}")
    return {each: number for number, each in enumerate(own)}


def _ids(order: Order) -> Iterator[str]:
    for transaction in (*order.cart, *order.order):
        for statement in transaction.statements:
            for value in statement.parameters:
                yield from _ID.findall(value or "")


@dataclass
class _Writer:
    namespace: Namespace
    connection: asyncpg.Connection
    own_ids: dict[str, int]
    constants: dict[str, str] = field(default_factory=dict)
    """Variable by value."""

    async def script(self, transactions: Sequence[Transaction]) -> str:
        lines = [PREAMBLE + sku_of_each()]
        for transaction in transactions:
            lines += _begin(transaction.begin) if transaction.begin else []
            lines += [await self._statement(transaction.database, each) for each in transaction.statements]
            lines += ["COMMIT;"] if transaction.begin else []
        return "\n".join(line for line in lines if line) + "\n"

    async def _statement(self, database: str, statement: Statement) -> str:
        if statement.sql.startswith("SET LOCAL"):
            return _one_command(statement.sql)
        sql = self.namespace.qualified(database, statement.sql)
        try:
            prepared = await self.connection.prepare(sql)
        except asyncpg.PostgresError as error:
            raise CannotBeReplayed(f"{error}:\n{sql}") from error
        kinds = [await self.connection.fetchval(TYPE_NAME, each.oid) for each in prepared.get_parameters()]
        values = [self._value(value, kind) for value, kind in zip(statement.parameters, kinds, strict=True)]
        if statement.sql == relay.DELIVERED.strip():
            values[1] = await self._handed_out(database, statement.parameters[1] or "{}")
            if relay.SETTINGS.get("synchronous_commit") == "off":
                sql += NOT_WAITING
        sql = _AS_READ.sub(r"\g<1> = \g<1> AS is_as_read", sql)
        return _PLACEHOLDER.sub(lambda found: values[int(found[1]) - 1], sql) + ";"

    def _value(self, value: str | None, kind: str) -> str:
        """The parameter as pgbench gives it: a constant, or put together where it has what is this order's own."""
        if value is None:
            return f"NULL::{kind}"
        parts = [self._part(each) for each in _TOKEN.split(value) if each]
        return f"CAST({' || '.join(parts) or QUOTES} AS {kind})"

    def _part(self, text: str) -> str:
        if _SKU.fullmatch(text):
            return "'BENCH-' || :sku::text"
        if text not in self.own_ids:
            return f"{self._constant(text)}::text"
        number = f"to_hex(:k::bigint * {IDS_PER_ORDER} + {self.own_ids[text]})"
        return f"'01a00000-0000-7000-8000-' || lpad({number}, 12, '0')" if "-" in text else f"lpad({number}, 32, '0')"

    def _constant(self, text: str) -> str:
        """A variable and not a literal: pgbench would take a colon in it for one of its own."""
        return ":" + self.constants.setdefault(text, f"c{len(self.constants)}")

    async def _handed_out(self, database: str, ids: str) -> str:
        """What the server numbered, by the events whose numbers they were."""
        events = await self.connection.fetchval(EVENTS_OF.format(schema=database), ids)
        return f"ARRAY({IDS_OF.format(schema=database, events=self._value(events, 'uuid[]'))})"


def sku_of_each() -> str:
    """Each client goes round the assortment from a place of its own, so that those in step want different SKUs."""
    return rf"\set sku {goods.FIRST} + (:n + :client_id * {APART}) % {goods.PRODUCTS}"


def _begin(sql: str) -> list[str]:
    """Settings that go with it are a command of their own: pgbench prepares each."""
    begin, _, settings = sql.partition(";")
    return [f"{begin};", _one_command(settings)]


def _one_command(settings: str) -> str:
    """Several settings in one statement, as the service sends them in one message. How long a lock is waited for is
    none of them: a service that gives up comes again, and pgbench would end."""
    changes = [
        f"set_config('{name}', {'NULL' if value == 'DEFAULT' else repr(value)}, true)"
        for name, value in _SET_LOCAL.findall(settings)
        if name != "lock_timeout"
    ]
    return f"SELECT {', '.join(changes)};" if changes else ""
